"""Checks that may call validators of users' types, which may be slow or never return: no other run waits for them."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeAlias, TypeVar

from haltpoint._concurrency.threads import PlainCall, hand_to_thread, in_thread
from haltpoint._concurrency.time_limit import TimeLimit, TimeLimitPassedError

__all__ = ["NO_LIMIT", "checked_apart", "checked_unless"]

_Result = TypeVar("_Result")
_Ending: TypeAlias = "Callable[[], Coroutine[Any, Any, None]]"

NO_LIMIT = TimeLimit(None)

# How long a check may take before it is looked whether its outcome is still wanted, in seconds.
_USUAL = 0.2


async def checked_apart(
    check: Callable[[], _Result], limit: TimeLimit = NO_LIMIT, *, calls_foreign_code: bool = True
) -> _Result:
    """Call a check and return what it returns.

    Args:
        check: what to call.
        limit: how long the check may take, where it calls other people's code.
        calls_foreign_code: whether it does. Such a check is called in a thread, the others at once.

    Raises:
        TimeLimitPassedError: the check had not ended when the time was over. What comes of it later counts no more.
    """
    if not calls_foreign_code:
        return check()
    return await limit.within(functools.partial(in_thread, check))


async def checked_unless(check: Callable[[], object], limit: TimeLimit, endings: Iterable[_Ending]) -> bool:
    """Call a check in a thread and wait for it, unless its outcome is wanted no more.

    Args:
        check: what to call. What it raises is raised here.
        limit: how long it may take.
        endings: each waits until the outcome is wanted no more; called where the check takes longer than most.

    Returns:
        Whether the check has ended. What comes of it later counts no more.

    Raises:
        TimeLimitPassedError: the time was over.
    """
    if limit.has_passed:
        raise TimeLimitPassedError
    call = PlainCall(check)
    hand_to_thread(call)
    try:
        await asyncio.wait({call.future}, timeout=min(_USUAL, _left(limit)))
        if not call.future.done():
            await _until_any(call.future, endings, limit)
        if call.future.done():
            call.future.result()
            return True
    finally:
        call.future.cancel()
    if limit.has_passed:
        raise TimeLimitPassedError
    return False


def _left(limit: TimeLimit) -> float:
    rest = limit.rest()
    return math.inf if rest is None else rest


async def _until_any(checked: asyncio.Future[Any], endings: Iterable[_Ending], limit: TimeLimit) -> None:
    waiting = [asyncio.ensure_future(ending()) for ending in endings]
    try:
        await asyncio.wait({checked, *waiting}, timeout=limit.rest(), return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            if task.done():
                task.result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
