"""The thread that waits for a synchronous method: plain functions are called in it meanwhile."""

from __future__ import annotations

import asyncio
import functools
import os
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from haltpoint._concurrency.event_loops import running_loop
from haltpoint._concurrency.exception_kinds import is_kind
from haltpoint._concurrency.threads import PlainCall, hand_to_thread
from haltpoint.exceptions import ForkedProcessError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["CallInterruptedError", "CallingThread", "calling_thread"]

_Result = TypeVar("_Result")


class CallInterruptedError(Exception):
    """Ctrl-C ended a function that was called in the calling thread."""


class CallingThread:
    """A thread that waits for a coroutine on another thread's event loop, and meanwhile calls what that asks for."""

    def __init__(self) -> None:
        self._calls: deque[PlainCall[Any]] = deque()
        self._news: SimpleQueue[None] = SimpleQueue()
        self._has_left = False
        self._process = os.getpid()

    # On the event loop.

    def waits_for(self, task: asyncio.Task[Any]) -> None:
        """Say which task the thread waits for."""
        _waiting[task] = self

    async def call(self, function: Callable[[], _Result]) -> _Result:
        """Call a plain function in the thread, in the caller's context; in another one where it waits no longer.

        Raises:
            CallInterruptedError: Ctrl-C ended the function.
        """
        call: PlainCall[_Result] = PlainCall(functools.partial(_without_running_loop, function))
        self._calls.append(call)
        if self._has_left:
            self._hand_over()
        self.wake()
        return await call.future

    # In any thread.

    def wake(self) -> None:
        """Let the thread look whether it has waited long enough."""
        self._news.put(None)

    # In the thread itself.

    def serve(self, is_over: Callable[[], bool]) -> None:
        """Call what is asked for until it is over.

        Raises:
            KeyboardInterrupt: Ctrl-C, within a function or between two. It may be followed by another `serve`, which
                misses nothing.
            ForkedProcessError: a function forked the process, and this is the child.
        """
        while not is_over():
            self._check_process()
            if self._calls:
                self._run_first()
            else:
                self._news.get()

    def let_go(self) -> None:
        """Tell of a function that was interrupted and that no further `serve` comes to: nobody waits for it then."""
        if self._calls and self._calls[0].has_begun:
            self._calls.popleft().tell(None, CallInterruptedError())

    def leave(self) -> None:
        """Wait no longer: what is still asked for is called in other threads."""
        self._has_left = True
        self._hand_over()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ForkedProcessError(
                "this process was forked within a function that haltpoint called back, and the call goes on in its "
                "parent: end the child where it was forked, with os._exit"
            )

    def _run_first(self) -> None:
        # Taken out once it has its outcome: Ctrl-C may come anywhere.
        call = self._calls[0]
        if call.has_begun:
            call.tell(None, CallInterruptedError())
        else:
            outcome = call.outcome()
            if outcome is not None:
                result, error = outcome
                if is_kind(error, KeyboardInterrupt):
                    raise error
                call.tell(result, error)
        self._calls.popleft()

    def _hand_over(self) -> None:
        while self._calls:
            try:
                call = self._calls.popleft()
            except IndexError:
                return
            if call.has_begun:
                call.tell(None, CallInterruptedError())
            else:
                hand_to_thread(call)


_waiting: weakref.WeakKeyDictionary[asyncio.Task[Any], CallingThread] = weakref.WeakKeyDictionary()


def calling_thread() -> CallingThread | None:
    """Return the thread that waits for the current task, if one does."""
    task = asyncio.current_task(running_loop())
    return None if task is None else _waiting.get(task)


def _without_running_loop(function: Callable[[], _Result]) -> _Result:
    with _no_running_loop():
        return function()


@contextmanager
def _no_running_loop() -> Generator[None]:
    """Hide the event loop that runs in this thread, which a synchronous method holds up: asyncio.run works then."""
    loop = asyncio._get_running_loop()
    if loop is None:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio._leave_task(loop, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
        if task is not None:
            asyncio._enter_task(loop, task)
