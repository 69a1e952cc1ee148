"""What the measurements come to: medians over rounds, their spread, and ratios within rounds."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Measurement = dict[str, Any]
Quantity = Callable[[Measurement], "float | None"]


@dataclass(frozen=True)
class Key:
    """What is measured in each round."""

    scenario: str
    adapter: str
    mode: str
    steps: int
    runs: int = 1
    phase: str | None = None


@dataclass(frozen=True)
class Spread:
    """A median, and the lowest and highest of the rounds."""

    median: float
    lowest: float
    highest: float
    rounds: int


def seconds(measurement: Measurement) -> float | None:
    """Wall time."""
    return measurement.get("seconds")


def cpu_seconds(measurement: Measurement) -> float | None:
    """User and system time."""
    return measurement.get("cpu_seconds")


def bytes_handed(measurement: Measurement) -> float | None:
    """Bytes that were handed to the system to be written."""
    return extra("bytes_handed")(measurement)


def file_bytes(measurement: Measurement) -> float | None:
    """Bytes of the files at the end."""
    return measurement.get("file_bytes")


def memory_bytes(measurement: Measurement) -> float | None:
    """Highest resident memory above that of the idle process."""
    if "peak_memory_bytes" not in measurement:
        return None
    return float(measurement["peak_memory_bytes"] - measurement["extra"]["idle_memory_bytes"])


def extra(name: str) -> Quantity:
    """A number among what a scenario reports besides."""
    return lambda measurement: measurement.get("extra", {}).get(name)


def median_of(name: str) -> Quantity:
    """The median of samples that a scenario reports."""
    return lambda measurement: _of_samples(measurement, name, statistics.median)


def _of_samples(measurement: Measurement, name: str, summary: Callable[[list[float]], float]) -> float | None:
    samples = measurement.get("extra", {}).get(name)
    return summary(samples) if samples else None


class Figures:
    """All measurements of one run of the command."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._by_key: dict[Key, dict[int, Measurement]] = defaultdict(dict)
        self._syncs: dict[Key, int] = {}
        self.failures: list[Measurement] = []
        self.versions: dict[str, str] = {}
        self.loads: list[float] = []
        for measurement in measurements:
            self._take(measurement)

    @classmethod
    def read(cls, path: Path) -> Figures:
        """Read a file of JSON lines."""
        return cls(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())

    def _take(self, measurement: Measurement) -> None:
        key = _key(measurement)
        self.loads.append(measurement.get("load", 0.0))
        if "failed" in measurement:
            self.failures.append(measurement)
        if "version" in measurement:
            self.versions[key.adapter] = measurement["version"]
        if not measurement.get("counts_syncs"):
            self._by_key[key][measurement["round"]] = measurement
        elif measurement.get("fsyncs") is not None:
            self._syncs[key] = measurement["fsyncs"]

    def keys(self, scenario: str) -> list[Key]:
        """What was measured of a scenario, in the order in which it was."""
        return [key for key in self._by_key if key.scenario == scenario]

    def spread(self, key: Key, quantity: Quantity) -> Spread | None:
        """The quantity over the rounds; None where it was not measured."""
        return _spread(list(self._values(key, quantity).values()))

    def ratio(self, key: Key, reference: Key, quantity: Quantity, *, scale: float = 1.0) -> Spread | None:
        """The quantity over that of `reference`, in the rounds that have both, times `scale`."""
        upper, lower = self._values(key, quantity), self._values(reference, quantity)
        return _spread([scale * upper[number] / lower[number] for number in upper if lower.get(number)])

    def what_ended(self, key: Key) -> str | None:
        """Why there are no figures: the framework cannot do it, was too slow, or failed."""
        for measurement in self._by_key.get(key, {}).values():
            if "unsupported" in measurement:
                return str(measurement["unsupported"])
            if "too_slow" in measurement:
                return f"more than {measurement['too_slow']:g} s"
            if "failed" in measurement:
                return "failed"
        return None

    def percentile_99(self, key: Key) -> Spread | None:
        """The 99th percentile of the samples of all rounds together, with the lowest and the highest of them."""
        rounds = self._by_key.get(key, {}).values()
        samples = sorted(sample for each in rounds for sample in each.get("extra", {}).get("samples", ()))
        if not samples:
            return None
        return Spread(samples[len(samples) * 99 // 100], samples[0], samples[-1], len(rounds))

    def syncs_per_step(self, adapter: str, mode: str) -> float | None:
        """Waits for the disk that a step adds: from the shortest to the longest counted run."""
        counted = {key.steps: count for key, count in self._syncs.items() if (key.adapter, key.mode) == (adapter, mode)}
        if len(counted) < 2:
            return None
        few, many = min(counted), max(counted)
        return (counted[many] - counted[few]) / (many - few)

    def _values(self, key: Key, quantity: Quantity) -> dict[int, float]:
        measured = {number: quantity(measurement) for number, measurement in self._by_key.get(key, {}).items()}
        return {number: value for number, value in measured.items() if value is not None}


def _key(measurement: Measurement) -> Key:
    return Key(*(measurement[name] for name in ("scenario", "adapter", "mode", "steps", "runs", "phase")))


def _spread(values: list[float]) -> Spread | None:
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))
