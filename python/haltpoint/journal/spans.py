"""A run's journal as stretches of time: what the model, the tools and people took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from haltpoint.presentation.times import from_seconds
from haltpoint.run.agent.view import MICROSECONDS
from haltpoint.sensitive import JournalMask

__all__ = ["Lane", "Span", "spans_of"]

Lane = Literal["model", "tools", "waits"]


@dataclass
class Span:
    """A stretch of time.

    Attributes:
        lane: whose time it was.
        name: what it was.
        start: when it began, in microseconds since the epoch.
        end: when it ended; None while it lasts, or where nobody saw its end.
        outcome: what came of it.
        tone: "good", "bad", "open" or "plain".
        by: who ended it.
    """

    lane: Lane
    name: str
    start: int
    end: int | None
    outcome: str
    tone: str = "plain"
    by: str | None = None

    @property
    def begins_at(self) -> datetime:
        """When it began (aware, UTC)."""
        return from_seconds(self.start / MICROSECONDS)

    @property
    def seconds(self) -> float | None:
        """How long it took; None where it has no end."""
        return None if self.end is None else (self.end - self.start) / MICROSECONDS


def spans_of(journal: Iterable[Mapping[str, Any]]) -> list[Span]:
    """Return the stretches of a run's time, by their beginning, with the values of sensitive parameters masked.

    Args:
        journal: what `Database.journal` returns.
    """
    reader, mask = _Reader(), JournalMask()
    for item in journal:
        reader.read(item["kind"], mask.entry(item["kind"], item["entry"]), item["at"])
    return sorted(reader.spans, key=lambda span: span.start)


_DECISIONS = {
    "confirm": ("approved", "good"),
    "reject": ("rejected", "bad"),
    "input": ("answered", "good"),
    "result": ("result given", "good"),
    "retry": ("to run once more", "good"),
    "supply": ("result given", "good"),
    "skip": ("given up", "bad"),
    "signal": ("happened", "good"),
}


# What a wait comes to whose time is over, by what it was.
_EXPIRED = {"sleeps": ("slept", "plain"), "waits for an event": ("no signal in time", "bad")}


class _Reader:
    """Puts together the entries that begin something and those that end it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._names: dict[str, str] = {}
        self._needed: dict[str, int] = {}
        self._tools: dict[str, Span] = {}
        self._waits: dict[str, Span] = {}
        # How many approvals each wait still takes.
        self._missing: dict[str, int] = {}

    def read(self, kind: str, entry: Mapping[str, Any], at: int) -> None:
        for call in entry.get("calls", ()):
            self._names[call["id"]] = call["name"]
            rules: Mapping[str, Any] = call.get("rules") or {}
            self._needed[call["id"]] = rules.get("approvals", 1)
        read = _READ.get(kind)
        if read is not None:
            read(self, entry, at)

    def model_replied(self, entry: Mapping[str, Any], at: int) -> None:
        calls = [call["name"] for call in entry.get("calls", ())]
        outcome = f"asks for {', '.join(calls)}" if calls else "answers"
        self.spans.append(Span("model", "model", at - entry["duration_us"], at, outcome))

    def steps_planned(self, entry: Mapping[str, Any], at: int) -> None:
        calls = ", ".join(call["name"] for call in entry["calls"])
        self.spans.append(Span("model", "plan", at, at, f"plans {calls}"))

    def failed(self, entry: Mapping[str, Any], at: int) -> None:
        failure = entry["failure"]
        if failure["kind"] == "model":
            self.spans.append(Span("model", "model", at - entry["duration_us"], at, failure["message"], "bad"))

    def tool_started(self, entry: Mapping[str, Any], at: int) -> None:
        again = f", attempt {entry['attempt']}" if entry["attempt"] > 1 else ""
        call_id: str = entry["call_id"]
        span = Span("tools", f"{self._names.get(call_id, call_id)}{again}", at, None, "under way", "open")
        self._tools[call_id] = span
        self.spans.append(span)

    def tool_finished(self, entry: Mapping[str, Any], at: int) -> None:
        span = self._tools.pop(entry["call_id"], None)
        if span is None or entry.get("source", "tool") not in ("tool", "reconciled"):
            return
        is_bad = bool(entry.get("is_error"))
        span.end, span.outcome, span.tone = at, "fails" if is_bad else "returns", "bad" if is_bad else "good"

    def tool_interrupted(self, entry: Mapping[str, Any], at: int) -> None:
        span = self._tools.pop(entry["call_id"], None)
        if span is not None:
            span.end, span.outcome, span.tone = at, f"stopped in its middle: {entry['reason']}", "bad"

    def opened(self, entry: Mapping[str, Any], at: int) -> None:
        call_id: str = entry["call_id"]
        if entry["kind"] == "recovery" and call_id in self._tools:
            # How long it really ran, nobody saw.
            span = self._tools.pop(call_id)
            span.end, span.outcome, span.tone = at, "its outcome is unknown", "bad"
        what = "sleeps" if entry["kind"] == "wait" else "waits for a decision"
        what = "waits for an event" if entry.get("event") is not None else what
        wait = Span("waits", self._names.get(call_id, call_id), at, None, what, "open")
        self._waits[entry["requirement_id"]] = wait
        self._missing[entry["requirement_id"]] = self._needed.get(call_id, 1)
        self.spans.append(wait)

    def decided(self, entry: Mapping[str, Any], at: int) -> None:
        requirement_id: str = entry["requirement_id"]
        wait = self._waits.get(requirement_id)
        if wait is None:
            return
        type_: str = entry["decision"]["type"]
        names = [name for name in (wait.by, entry.get("by")) if name]
        wait.by = ", ".join(names) or None
        if entry.get("remembered") is not None:
            self._missing[requirement_id] = 1
        self._missing[requirement_id] -= 1
        if type_ == "confirm" and self._missing[requirement_id] > 0:
            return
        wait.end = at
        del self._waits[requirement_id]
        wait.outcome, wait.tone = _DECISIONS.get(type_, (type_, "plain"))

    def expired(self, entry: Mapping[str, Any], at: int) -> None:
        wait = self._waits.pop(entry["requirement_id"], None)
        if wait is not None:
            wait.outcome, wait.tone = _EXPIRED.get(wait.outcome, ("nobody decided in time", "bad"))
            wait.end = at

    def stopped(self, entry: Mapping[str, Any], at: int) -> None:
        for span in (*self._waits.values(), *self._tools.values()):
            span.end, span.outcome, span.tone = at, "the run was cancelled", "bad"
        self._waits.clear()
        self._tools.clear()


_READ: dict[str, Callable[[_Reader, Mapping[str, Any], int], None]] = {
    "model_replied": _Reader.model_replied,
    "steps_planned": _Reader.steps_planned,
    "tool_started": _Reader.tool_started,
    "tool_finished": _Reader.tool_finished,
    "tool_interrupted": _Reader.tool_interrupted,
    "requirement_opened": _Reader.opened,
    "requirement_decided": _Reader.decided,
    "requirement_expired": _Reader.expired,
    "run_cancelled": _Reader.stopped,
    "run_failed": _Reader.failed,
}
