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
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["in_thread"]

_Result = TypeVar("_Result")

# A bound against running out of threads, not a target: threads are made when all others are busy.
_MOST_THREADS = 256


async def in_thread(call: Callable[[], _Result]) -> _Result:
    """Call a plain function in one of the threads, in the caller's context, and return its result."""
    run = functools.partial(contextvars.copy_context().run, call)
    return await asyncio.wrap_future(_threads.submit(run))


class _Threads:
    """Threads that wait for calls. Not asyncio's default pool, which a tool may need itself while it waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        self._number = 0
        # Threads that nobody has given a call yet; below zero, calls wait for a thread.
        self._idle = 0

    def submit(self, call: Callable[[], _Result]) -> Future[_Result]:
        future: Future[_Result] = Future()
        with self._lock:
            if self._idle <= 0 and self._number < _MOST_THREADS:
                self._start_thread()
            self._idle -= 1
        self._calls.put((call, future))
        return future

    def _start_thread(self) -> None:
        name = f"haltpoint-tool-{self._number}"
        threading.Thread(target=self._work, name=name, daemon=True).start()
        self._number += 1
        self._idle += 1

    def _work(self) -> None:
        while True:
            _answer(*self._calls.get())
            with self._lock:
                self._idle += 1


def _answer(call: Callable[[], Any], future: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
        future.set_exception(error)
    else:
        future.set_result(result)


_threads = _Threads()


def _start_afresh() -> None:
    # A fork takes no threads along, and may have caught the lock in the hands of one.
    global _threads  # noqa: PLW0603
    _threads = _Threads()


os.register_at_fork(after_in_child=_start_afresh)
