"""The event loop behind the synchronous methods.

One per process, in a thread of its own, so that they also work where a loop runs already, and models that keep
connections for a loop find the same one each time.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from concurrent.futures import CancelledError, Future, wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from haltpoint.event_loops import check_threads

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run_blocking"]

_Result = TypeVar("_Result")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def _start_afresh() -> None:
    # A fork does not take the loop's thread along, and may have caught the lock in the hands of another one.
    global _lock, _loop
    _lock, _loop = threading.Lock(), None


os.register_at_fork(after_in_child=_start_afresh)


def run_blocking(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end on the background loop, in the caller's context.

    An exception in the waiting thread (Ctrl-C) cancels the coroutine, waits until that has been dealt with, and then
    goes on.

    Raises:
        RuntimeError: called on the background loop itself, which would wait for itself.
        EventLoopError: gevent has replaced threads.
    """
    try:
        loop = _background_loop()
    except BaseException:
        coroutine.close()
        raise
    if _is_running_in_this_thread(loop):
        coroutine.close()
        raise RuntimeError(
            "a synchronous method was called from async code that it drives itself; await the ..._async form there"
        )
    submitted = _submit(loop, coroutine)
    try:
        return submitted.outcome.result()
    except BaseException:
        if not submitted.outcome.done():
            loop.call_soon_threadsafe(submitted.cancel)
            # How the run ends is told by the exception that is on its way.
            wait([submitted.outcome])
        raise


class _Submitted(Generic[_Result]):
    """A coroutine on its way to the loop.

    Its outcome is told when the coroutine has ended, not when that is asked for: what
    `asyncio.run_coroutine_threadsafe` returns is done as soon as it is cancelled.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, _Result]) -> None:
        self.outcome: Future[_Result] = Future()
        self._coroutine = coroutine
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._tell_if_cancelled)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            result = await self._coroutine
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread; SystemExit would end the loop here
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(result)

    def _tell_if_cancelled(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._coroutine.close()  # It may not have begun.
            self.outcome.set_exception(CancelledError())


def _submit(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, _Result]) -> _Submitted[_Result]:
    submitted = _Submitted(coroutine)
    loop.call_soon_threadsafe(submitted.start, context=contextvars.copy_context())
    return submitted


def _is_running_in_this_thread(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _background_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603
    with _lock:
        if _loop is None:
            check_threads()
            _loop = _start_loop()
        return _loop


def _start_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="haltpoint-loop", daemon=True).start()
    return loop
