"""Runs a property: a few fixed examples as a test, or random ones for a given time as a fuzzer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

__all__ = ["fuzz"]

_Value = TypeVar("_Value")

# Set to a number of seconds, it makes each fuzz target look for new examples that long.
_FUZZ_SECONDS = "HALTPOINT_FUZZ_SECONDS"
_ROUND = 500


def fuzz(strategy: SearchStrategy[_Value], examples: int, holds: Callable[[_Value], None]) -> None:
    """Hold a property to fixed examples, so many; where fuzzing is asked for, then to new ones until the time is up."""
    _run(strategy, examples, holds, fixed=True)
    end = time.monotonic() + float(os.environ.get(_FUZZ_SECONDS, "0"))
    while time.monotonic() < end:
        _run(strategy, _ROUND, holds, fixed=False)


def _run(strategy: SearchStrategy[_Value], examples: int, holds: Callable[[_Value], None], *, fixed: bool) -> None:
    def check(value: _Value) -> None:
        holds(value)

    options = settings(
        max_examples=examples,
        derandomize=fixed,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    options(given(strategy)(check))()
