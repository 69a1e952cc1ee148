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

from haltpoint._concurrency.calling_thread import CallingThread
from haltpoint._concurrency.event_loops import check_threads
from haltpoint.exceptions import TooManyThreadsError

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run_blocking"]

_Result = TypeVar("_Result")

# How long it may take to write that a run was stopped, in seconds.
_LONGEST_WRITE = 2.0

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def _start_afresh() -> None:
    # A fork does not take the loop's thread along, and may have caught the lock in the hands of another one.
    global _lock, _loop
    _lock, _loop = threading.Lock(), None


os.register_at_fork(after_in_child=_start_afresh)


def run_blocking(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end on the background loop, in the caller's context.

    While it waits, the thread calls the plain functions that the coroutine calls back. An exception in the waiting
    thread (Ctrl-C) cancels the coroutine, waits until that has been dealt with, and then goes on; a second one waits
    for the disk alone.

    Raises:
        RuntimeError: called on the background loop itself, which would wait for itself.
        EventLoopError: gevent has replaced threads.
        TooManyThreadsError: the operating system gives no thread for the loop.
    """
    try:
        loop = _background_loop()
    except BaseException:
        coroutine.close()
        raise
    if _is_running_in_this_thread(loop):
        coroutine.close()
        raise RuntimeError(
            "a synchronous method was called from async code that it drives itself; await the ..._async form there, "
            "or the requirement itself"
        )
    caller = CallingThread()
    submitted = _Submitted(coroutine, caller)
    is_over = submitted.outcome.done
    loop.call_soon_threadsafe(submitted.start, context=contextvars.copy_context())
    try:
        caller.serve(is_over)
    except BaseException:
        # Before the function that was interrupted has its outcome, which must lead to nothing more.
        loop.call_soon_threadsafe(submitted.cancel)
        # How the run ends is told by the exception that is on its way.
        try:
            caller.serve(is_over)
        except BaseException:
            loop.call_soon_threadsafe(submitted.cancel)
            caller.let_go()
            # What is left to wait for is the disk.
            wait([submitted.outcome], timeout=_LONGEST_WRITE)
            raise
        raise
    finally:
        caller.leave()
    return submitted.outcome.result()


class _Submitted(Generic[_Result]):
    """A coroutine on its way to the loop.

    Its outcome is told when the coroutine has ended, not when that is asked for: what
    `asyncio.run_coroutine_threadsafe` returns is done as soon as it is cancelled.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, _Result], caller: CallingThread) -> None:
        self.outcome: Future[_Result] = Future()
        self.outcome.add_done_callback(lambda _: caller.wake())
        self._coroutine = coroutine
        self._caller = caller
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._caller.waits_for(self._task)
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
    try:
        threading.Thread(target=loop.run_forever, name="haltpoint-loop", daemon=True).start()
    except RuntimeError as error:
        loop.close()
        raise TooManyThreadsError(
            f"the operating system refuses to start the thread that synchronous methods need ({error}): allow this "
            "process more threads"
        ) from error
    return loop
