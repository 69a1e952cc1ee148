"""Other people's async code that is waited for as long as its outcome is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from haltpoint._concurrency.calling_thread import calling_thread
from haltpoint._concurrency.lasting_wait import outlast
from haltpoint._concurrency.time_limit import GRACE, TimeLimit, TimeLimitPassedError, contained

__all__ = ["ended_unless"]

_Function: TypeAlias = "Callable[[], Coroutine[Any, Any, object]]"

# How long a function may take before it is looked whether its outcome is still wanted, in seconds.
_USUAL = 0.1

# How long one may still take whose outcome is wanted no more, in seconds. Then it is left alone.
_LONGEST_CLEANUP = 2.0


async def ended_unless(function: _Function, limit: TimeLimit, unwanted: _Function) -> bool:
    """Call an async function, in the caller's context, and wait until it has ended, unless its outcome is unwanted.

    Args:
        function: what to call. What it raises is raised here.
        limit: how long it may take.
        unwanted: returns once the outcome is wanted no more; called where the function takes longer than most. Where
            it fails, the function is waited for all the same.

    Returns:
        Whether the function returned. One that is unwanted is cancelled, and may return all the same; False where it
        ended by the cancellation, or had not ended two seconds later.

    Raises:
        TimeLimitPassedError: the time was over.
    """
    if limit.has_passed:
        raise TimeLimitPassedError
    task = asyncio.ensure_future(contained(function))
    thread = calling_thread()
    if thread is not None:
        # Plain functions that are called back in it reach the thread of the whole call.
        thread.waits_for(task)
    try:
        is_wanted = await _until_ended(task, limit, unwanted)
    except asyncio.CancelledError:
        task.cancel()
        await outlast(task)
        if not task.cancelled() and (error := task.result()[1]) is not None:
            raise error from None
        raise
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_LONGEST_CLEANUP if not is_wanted else GRACE)
        if is_wanted:
            raise TimeLimitPassedError
        if not task.done() or task.cancelled():
            return False
    _, error = task.result()
    if error is not None:
        raise error
    return True


async def _until_ended(task: asyncio.Task[Any], limit: TimeLimit, unwanted: _Function) -> bool:
    """Wait for a task, as long as there is time; return whether its outcome is still wanted."""
    rest = limit.rest()
    await asyncio.wait({task}, timeout=_USUAL if rest is None else min(_USUAL, rest))
    if task.done():
        return True
    ending = asyncio.ensure_future(unwanted())
    try:
        await asyncio.wait({task, ending}, timeout=limit.rest(), return_when=asyncio.FIRST_COMPLETED)
        if ending.done() and not ending.cancelled() and ending.exception() is None:
            return False
        await asyncio.wait({task}, timeout=limit.rest())
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
    return True
