"""Checks that may call validators of users' types, which may be slow or never return: no other run waits for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from haltpoint.driving.threads import in_thread
from haltpoint.driving.time_limit import TimeLimit

__all__ = ["NO_LIMIT", "checked_apart"]

_Result = TypeVar("_Result")

NO_LIMIT = TimeLimit(None)


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
