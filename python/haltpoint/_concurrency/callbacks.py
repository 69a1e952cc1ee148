"""Calling back: where and when the functions run that users give to a call of an agent.

These are its handlers, listeners, and the rules and `reconcile` functions of its tools. Async ones run on the event
loop. Plain ones run in the thread that waits for the call, where one does, so that Ctrl-C reaches an `input()` in them;
else in a thread of their own. Either way they have the caller's context and no running event loop: the synchronous
methods and `asyncio.run` work in them, and no other run waits for them. One call of an agent calls back one function
at a time.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.async_functions import is_async, is_meant_to_be_awaited
from haltpoint._concurrency.calling_thread import CallingThread, calling_thread
from haltpoint._concurrency.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["call_back", "one_call"]


async def call_back(function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
    """Call a function of the user's, plain or async, and return what it returns.

    Raises:
        BaseException: whatever the function raises.
        CallInterruptedError: Ctrl-C ended a plain function; the call that it belongs to is being cancelled.
    """
    call = _call.get() or _Call(None)
    async with call.turn:
        answer = await _called(functools.partial(function, *arguments, **named), call.thread)
        return await answer if is_meant_to_be_awaited(answer) else answer


async def _called(function: Callable[[], Any], thread: CallingThread | None) -> Any:
    if is_async(function):
        return function()
    return await (in_thread(function) if thread is None else thread.call(function))


class _Call:
    """One call of an agent."""

    def __init__(self, thread: CallingThread | None) -> None:
        self.thread = thread
        self.turn = asyncio.Lock()


_call: ContextVar[_Call | None] = ContextVar("haltpoint_call", default=None)


@contextmanager
def one_call() -> Generator[None]:
    """Let what is called back in the block, and in tasks that begin in it, belong to one call of an agent."""
    before = _call.get()
    _call.set(_Call(calling_thread()))
    try:
        yield
    finally:
        # Not by a token: a coroutine that is thrown away ends in another context.
        _call.set(before)
