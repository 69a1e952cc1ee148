"""The event loop behind the synchronous methods.

One per process, in a thread of its own, so that they also work where a loop runs already, and models that keep
connections for a loop find the same one each time.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

__all__ = ["run_blocking"]

_Result = TypeVar("_Result")

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}


def run_blocking(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end on the background loop, in the caller's context.

    An exception in the waiting thread (Ctrl-C) cancels the coroutine, waits until that has been dealt with, and then
    goes on.

    Raises:
        RuntimeError: called on the background loop itself, which would wait for itself.
    """
    loop = _background_loop()
    if _is_running_in_this_thread(loop):
        coroutine.close()
        raise RuntimeError(
            "a synchronous method was called from async code that it drives itself; await the ..._async form there"
        )
    task = _submit(loop, coroutine)
    try:
        return task.result()
    except BaseException:
        if not task.done():
            task.cancel()
            _wait_quietly(task)
        raise


def _submit(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, _Result]) -> Future[_Result]:
    context = contextvars.copy_context()
    return context.run(asyncio.run_coroutine_threadsafe, coroutine, loop)


def _wait_quietly(task: Future[Any]) -> None:
    """Wait until a cancelled task has ended; how it ends is told by the exception that is on its way."""
    ended = threading.Event()
    task.add_done_callback(lambda _: ended.set())
    ended.wait()


def _is_running_in_this_thread(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _background_loop() -> asyncio.AbstractEventLoop:
    pid = os.getpid()
    with _lock:
        if pid not in _loops:
            # After a fork the parent's loop has no thread here.
            _loops.clear()
            _loops[pid] = _start_loop()
        return _loops[pid]


def _start_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="haltpoint-loop", daemon=True).start()
    return loop
