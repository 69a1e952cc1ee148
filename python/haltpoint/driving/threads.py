"""The threads that plain functions run in, so that a slow one does not hold up the event loop.

They are daemons: a function that never returns does not keep the interpreter from exiting. What it had done by then is
unknown, as after any other death of the process, and continuing the run treats its call so.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from haltpoint.event_loops import running_loop

__all__ = ["in_thread"]

_Result = TypeVar("_Result")

# A bound against running out of threads, not a target: threads are made when all others are busy.
_MOST_THREADS = 256


async def in_thread(call: Callable[[], _Result]) -> _Result:
    """Call a plain function in one of the threads, in the caller's context, and return its result."""
    loop = running_loop()
    future: asyncio.Future[_Result] = loop.create_future()
    _threads.submit(_Call(functools.partial(contextvars.copy_context().run, call), future, loop))
    return await future


class _Call(NamedTuple):
    function: Callable[[], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class _Threads:
    """Threads that wait for calls. Not asyncio's default pool, which a tool may need itself while it waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._number = 0
        # Threads that nobody has given a call yet; below zero, calls wait for a thread.
        self._idle = 0

    def submit(self, call: _Call) -> None:
        with self._lock:
            if self._idle <= 0 and self._number < _MOST_THREADS:
                self._start_thread()
            self._idle -= 1
        self._calls.put(call)

    def _start_thread(self) -> None:
        name = f"haltpoint-tool-{self._number}"
        threading.Thread(target=self._work, name=name, daemon=True).start()
        self._number += 1
        self._idle += 1

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            # Given up before it began: it never does.
            outcome = None if call.future.cancelled() else _outcome(call.function)
            with self._lock:
                # Before anybody hears of the outcome: whoever does may have the next call for this very thread.
                self._idle += 1
            if outcome is not None:
                _tell(call, *outcome)
            # Waiting for the next one, the thread must not keep this one alive.
            del call, outcome


def _outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return function(), None
    except StopIteration as error:
        # No future carries one: it would end whoever awaits it in silence.
        failure = RuntimeError("the function raised StopIteration")
        failure.__cause__ = error
        return None, failure
    except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
        return None, error


def _tell(call: _Call, result: Any, error: BaseException | None) -> None:
    try:
        call.loop.call_soon_threadsafe(_settle, call.future, result, error)
    except RuntimeError:
        # The loop is closed, and with it everybody is gone who waited.
        if not call.loop.is_closed():
            raise


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


_threads = _Threads()


def _start_afresh() -> None:
    # A fork takes no threads along, and may have caught the lock in the hands of one.
    global _threads  # noqa: PLW0603
    _threads = _Threads()


os.register_at_fork(after_in_child=_start_afresh)
