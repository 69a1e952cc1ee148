"""What haltpoint has to reach, and whether the figures do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from figures import (
    Figures,
    Key,
    Measurement,
    Quantity,
    Spread,
    bytes_handed,
    extra,
    median_of,
    memory_bytes,
    seconds,
)

OURS = "haltpoint_agent"
OURS_OVER_HTTP = "haltpoint_http"
KILOBYTE = 1_000


@dataclass(frozen=True)
class Bound:
    """A bound and what was measured.

    Attributes:
        scenario: "S1" to "S9".
        text: what is bounded.
        limit: the highest value allowed; the lowest one where `at_least` is true.
        unit: of both; empty for ratios.
        measured: the value, or None where it was not measured.
        at_least: whether the bound is from below.
    """

    scenario: str
    text: str
    limit: float
    unit: str
    measured: Spread | None
    at_least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the median is within the bound; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured.median >= self.limit if self.at_least else self.measured.median <= self.limit


def all_bounds(figures: Figures) -> list[Bound]:
    """Every bound for which there are figures."""
    families: list[Callable[[Figures], list[Bound]]] = [
        _sequential,
        _growth,
        _resume,
        _importing,
        _concurrent,
        _many_runs,
        _processes,
        _noticing,
        _big_results,
        _over_http,
    ]
    return [bound for family in families for bound in family(figures) if bound.measured is not None]


def _sequential(figures: Figures) -> list[Bound]:
    return [
        Bound("S1", f"time over limit/{mode}, N = {steps:,}", limit, "", _over_limit(figures, mode, steps))
        for mode, limit in (("full", 0.8), ("normal", 3.0))
        for steps in (1, 10, 100, 1_000, 10_000)
    ]


def _over_limit(figures: Figures, mode: str, steps: int) -> Spread | None:
    return figures.ratio(Key("sequential", OURS, mode, steps), Key("sequential", "limit", mode, steps), seconds)


def _growth(figures: Figures) -> list[Bound]:
    return [
        Bound("S1", f"{name} of a step at N = 10,000 over N = 100, {mode}", 1.2, "", _grown(figures, mode, quantity))
        for name, quantity in (("time", seconds), ("bytes", bytes_handed))
        for mode in ("full", "normal")
    ]


def _grown(figures: Figures, mode: str, quantity: Quantity) -> Spread | None:
    long, short = (Key("sequential", OURS, mode, steps) for steps in (10_000, 100))
    return figures.ratio(long, short, quantity, scale=short.steps / long.steps)


def _resume(figures: Figures) -> list[Bound]:
    cold = figures.spread(Key("resume", OURS, "full", 10), seconds)
    warm = Key("resume", OURS, "full", 1_000, phase="continue_warm")
    where = "N = 1,000, full, in a warm process"
    engine, whole = (figures.spread(warm, extra(name)) for name in ("engine_seconds", "continue_seconds"))
    return [
        Bound("S2", "from process start to completion, N = 10, full", 0.35, "s", cold),
        Bound("S2", f"the engine's part of continuing, {where}", 0.020, "s", engine),
        Bound("S2", f"the whole call that continues, {where}", 0.020, "s", whole),
    ]


def _importing(figures: Figures) -> list[Bound]:
    keys = [key for key in figures.keys("import") if key.adapter == "haltpoint_import"]
    measured = {key.steps: figures.spread(key, seconds) for key in keys}
    return [
        Bound("S3", "`import haltpoint` over an empty process", 0.030, "s", measured.get(0)),
        Bound("S3", "with Agent, SqliteDatabase and a first tool", 0.250, "s", measured.get(1)),
    ]


def _concurrent(figures: Figures) -> list[Bound]:
    bounds: list[Bound] = []
    for runs in (1_000, 10_000):
        ours, limit = (Key("concurrent", adapter, "full", 3, runs) for adapter in (OURS, "limit"))
        ratio = figures.ratio(ours, limit, seconds)
        memory = figures.spread(ours, _memory_of_a_run)
        bounds.append(Bound("S4", f"time over limit/full, {runs:,} runs", 0.6, "", ratio))
        bounds.append(Bound("S4", f"memory of a run, {runs:,} runs, full", 40.0, "KB", memory))
    return bounds


def _memory_of_a_run(measurement: Measurement) -> float | None:
    memory = memory_bytes(measurement)
    return None if memory is None else memory / measurement["runs"] / KILOBYTE


def _many_runs(figures: Figures) -> list[Bound]:
    keys = sorted((key for key in figures.keys("many_runs") if key.phase == "continue"), key=lambda key: key.runs)
    if len(keys) < 2:
        return []
    few, many = keys[0], keys[-1]
    among = f"among {many.runs:,} paused runs over among {few.runs:,}"
    return [
        Bound("S5", f"continuing one {among}", 1.5, "", figures.ratio(many, few, median_of("continue_seconds"))),
        Bound("S5", f"a page of the open ones {among}", 1.5, "", figures.ratio(many, few, median_of("page_seconds"))),
    ]


def _processes(figures: Figures) -> list[Bound]:
    keys = {key.mode: key for key in figures.keys("processes")}
    if len(keys) < 2:
        return []
    one, four = keys["1 process"], keys["4 processes"]
    return [
        Bound("S6", "4 processes' runs a second over those of 1", 0.7, "", figures.ratio(one, four, seconds), True),
        Bound("S6", "the slowest process over the fastest", 2.0, "", figures.spread(four, _unevenness)),
    ]


def _unevenness(measurement: Measurement) -> float | None:
    each: list[float] | None = measurement.get("extra", {}).get("seconds_of_each")
    return max(each) / min(each) if each else None


def _noticing(figures: Figures) -> list[Bound]:
    cancel, decision = Key("cancel", OURS, "full", 0, 40), Key("decision", OURS, "full", 1_000, 40)
    return [
        Bound("S7", "cancelled by another process, 99th percentile", 0.2, "s", figures.percentile_99(cancel)),
        Bound("S7", "decided by another process, 99th percentile", 0.2, "s", figures.percentile_99(decision)),
        Bound("S7", "share of a core, 1,000 awaited", 0.01, "", figures.spread(decision, extra("idle_cpu_fraction"))),
    ]


def _big_results(figures: Figures) -> list[Bound]:
    bounds: list[Bound] = []
    for key in figures.keys("big_results"):
        where = f"{key.steps} results of 10 MB, {key.mode}"
        bounds.append(Bound("S8", f"copies in memory, {where}", 3.0, "", figures.spread(key, extra("copies"))))
        gap = figures.spread(key, extra("longest_gap_seconds"))
        bounds.append(Bound("S8", f"longest gap of the event loop, {where}", 0.020, "s", gap))
    return bounds


def _over_http(figures: Figures) -> list[Bound]:
    hundred, thousand = (Key("http", OURS_OVER_HTTP, "full", steps) for steps in (100, 1_000))
    others = [
        key
        for key in figures.keys("http")
        if key.adapter != OURS_OVER_HTTP and (key.steps, key.runs) == (hundred.steps, hundred.runs)
    ]
    return [
        *(
            Bound("S9", f"a step, N = {key.steps:,}, full", 2.0, "ms", _each_step(figures, key))
            for key in (hundred, thousand)
        ),
        *(
            Bound("S9", f"time over {key.adapter}, N = 100, full", 0.1, "", figures.ratio(hundred, key, seconds))
            for key in others
        ),
    ]


def _each_step(figures: Figures, key: Key) -> Spread | None:
    def milliseconds(measurement: Measurement) -> float | None:
        whole = seconds(measurement)
        return None if whole is None else 1_000 * whole / key.steps

    return figures.spread(key, milliseconds)
