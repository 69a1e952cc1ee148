"""The timeline of a run as a picture: where each bar stands.

Runs think for seconds and wait for days, so that time is not drawn to scale: between two moments at which something
happens, the picture is the wider the longer it took, by its logarithm, and each bar is wide enough for its label.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from haltpoint.inbox.texts import duration_text
from haltpoint.run.agent.view import MICROSECONDS

if TYPE_CHECKING:
    from haltpoint.journal.spans import Lane, Span

__all__ = ["Bar", "LanePlace", "Picture", "Tick", "draw"]

MOST_BARS = 80

_LEFT = 76.0
_RIGHT = 16.0
_TOP = 30.0
_ROW = 40.0
_BAR = 28.0
_LANE_PADDING = 8.0
_LEAST_WIDTH = 1014.0
_LEAST_STEP = 10.0
_PER_DECADE = 26.0
_CHARACTER = 7.2
_BAR_PADDING = 22.0
_LONGEST_LABEL = 26
_BETWEEN_TICKS = 84.0
_LANES: tuple[tuple[Lane, str], ...] = (("model", "Model"), ("tools", "Tools"), ("waits", "Waits"))


@dataclass(frozen=True)
class Bar:
    """A bar, in the picture's units."""

    x: float
    y: float
    width: float
    height: float
    label: str
    span: Span


@dataclass(frozen=True)
class LanePlace:
    """A lane, over the whole width."""

    name: str
    title: str
    y: float
    height: float


@dataclass(frozen=True)
class Tick:
    """A moment of which the time is written at the top: how long after the run's beginning."""

    x: float
    text: str


@dataclass(frozen=True)
class Picture:
    """All that is drawn. `left_out` earlier spans are not."""

    width: float
    height: float
    lanes: list[LanePlace]
    bars: list[Bar]
    ticks: list[Tick]
    left: float
    left_out: int


def draw(spans: Sequence[Span], now: int) -> Picture | None:
    """Lay out the picture, or return None where there is nothing to draw.

    Args:
        spans: by their beginning; of very many, the latest are drawn.
        now: where spans without an end go up to, in microseconds since the epoch.
    """
    drawn = spans[-MOST_BARS:]
    if not drawn:
        return None
    places = _places(drawn, now)
    rows = [(lane, title, _stacked([span for span in drawn if span.lane == lane], now)) for lane, title in _LANES]
    lanes: list[LanePlace] = []
    bars: list[Bar] = []
    y = _TOP
    for lane, title, stacked in rows:
        height = max([row for _, row in stacked], default=0) * _ROW + _BAR + 2 * _LANE_PADDING
        lanes.append(LanePlace(lane, title, y, height))
        bars.extend(_bar(span, y + _LANE_PADDING + row * _ROW, places, now) for span, row in stacked)
        y += height + 6
    width = max(places.values()) + _RIGHT
    return Picture(width, y, lanes, bars, _ticks(drawn, places), _LEFT, len(spans) - len(drawn))


def _end(span: Span, now: int) -> int:
    return max(span.start + 1, now if span.end is None else span.end)


def _places(spans: Sequence[Span], now: int) -> dict[int, float]:
    """Where each moment stands at which something begins or ends."""
    moments = sorted({moment for span in spans for moment in (span.start, _end(span, now))})
    steps = [_step(after - before) for before, after in pairwise(moments)]
    index = {moment: place for place, moment in enumerate(moments)}
    for span in sorted(spans, key=lambda span: index[_end(span, now)] - index[span.start]):
        _widen(steps, index[span.start], index[_end(span, now)], _needed(span))
    factor = max(1.0, (_LEAST_WIDTH - _LEFT - _RIGHT) / sum(steps))
    places, x = {moments[0]: _LEFT}, _LEFT
    for moment, step in zip(moments[1:], steps, strict=True):
        x += step * factor
        places[moment] = x
    return places


def _step(microseconds: int) -> float:
    return _LEAST_STEP + _PER_DECADE * math.log10(1 + microseconds / (MICROSECONDS / 10))


def _widen(steps: list[float], first: int, last: int, needed: float) -> None:
    missing = needed - sum(steps[first:last])
    if missing > 0:
        for place in range(first, last):
            steps[place] += missing / (last - first)


def _label(span: Span) -> str:
    name = span.name if span.by is None else f"{span.name} · {span.by}"
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"


def _needed(span: Span) -> float:
    return len(_label(span)) * _CHARACTER + _BAR_PADDING


def _stacked(spans: Iterable[Span], now: int) -> list[tuple[Span, int]]:
    """Each span with its row in the lane: the first in which nothing else is at the time."""
    ends: list[int] = []
    stacked: list[tuple[Span, int]] = []
    for span in spans:
        row = next((place for place, end in enumerate(ends) if end <= span.start), len(ends))
        ends[row : row + 1] = [_end(span, now)]
        stacked.append((span, row))
    return stacked


def _bar(span: Span, y: float, places: dict[int, float], now: int) -> Bar:
    x = places[span.start]
    # A hair's breadth between what follows upon each other.
    return Bar(x, y, places[_end(span, now)] - x - 2, _BAR, _label(span), span)


def _ticks(spans: Sequence[Span], places: dict[int, float]) -> list[Tick]:
    ticks: list[Tick] = []
    first = spans[0].start
    for moment in sorted({span.start for span in spans}):
        x = places[moment]
        text = f"+{duration_text((moment - first) / MICROSECONDS)}" if ticks else "start"
        if not ticks or (x - ticks[-1].x >= _BETWEEN_TICKS and text != ticks[-1].text):
            ticks.append(Tick(x, text))
    return ticks
