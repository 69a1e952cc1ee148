"""The time that one call of an agent may take, from its beginning to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from haltpoint.given_numbers import is_finite

__all__ = ["GRACE", "TimeLimit", "TimeLimitPassedError", "contained"]

_Result = TypeVar("_Result")

# How long something may still take that was told to end, in seconds.
GRACE = 5.0


class TimeLimitPassedError(Exception):
    """The time of a call was over before something in it had ended."""


class TimeLimit:
    """A time limit that begins now.

    Args:
        seconds: the longest time; None for no limit.

    Raises:
        TypeError: `seconds` is not a number.
        ValueError: it is negative or not finite.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = None if seconds is None else checked_timeout(seconds)
        self._end = None if self.seconds is None else time.monotonic() + self.seconds

    @property
    def has_passed(self) -> bool:
        """Whether the time is over."""
        return self._end is not None and time.monotonic() >= self._end

    def began_in_time(self, moment: float) -> bool:
        """Return whether a moment, by `time.monotonic()`, was before the time was over."""
        return self._end is None or moment < self._end

    def rest(self) -> float | None:
        """Return how much of the time is left, in seconds; None where there is no limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    async def within(self, function: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Call an async function and await it, as long as there is time.

        Raises:
            TimeLimitPassedError: there was no time left to begin or to end. What does not end when it is cancelled is
                left alone.
        """
        if self._end is None:
            return await function()
        if self.has_passed:
            raise TimeLimitPassedError
        task = asyncio.ensure_future(contained(function))
        try:
            await asyncio.wait({task}, timeout=self.rest())
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE)
            raise TimeLimitPassedError
        result: _Result
        result, error = task.result()
        if error is not None:
            raise error
        return result


async def contained(function: Callable[[], Coroutine[Any, Any, _Result]]) -> tuple[Any, BaseException | None]:
    """Call an async function; return its result, or what it raised.

    What leaves the program, such as SystemExit, would end the loop: it is to be raised where the result is awaited.
    """
    try:
        return await function(), None
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
        return None, error


def checked_timeout(timeout: object) -> float:
    """Return `timeout`, which must be a number of seconds."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, got {timeout!r}")
    if not (is_finite(timeout) and timeout >= 0):
        raise ValueError(f"timeout must be a finite number of seconds, 0 or more, got {timeout!r:.80}")
    return timeout
