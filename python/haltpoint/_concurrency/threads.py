"""The threads that plain functions run in, so that a slow one does not hold up the event loop.

A call never waits for another one: there is a thread for each call that is under way, so that a function may itself
wait for calls, however deep they are nested. Threads without work end after a while.

They are daemons: a function that never returns does not keep the interpreter from exiting. What it had done by then is
unknown, as after any other death of the process, and continuing the run treats its call so.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from haltpoint._concurrency import forked_calls
from haltpoint._concurrency.event_loops import running_loop
from haltpoint.exceptions import TooManyThreadsError

__all__ = ["PlainCall", "hand_to_thread", "in_thread"]

_Result = TypeVar("_Result")

# How long a thread waits for work before it ends, in seconds.
_LONGEST_IDLE = 10.0

# How long a call waits for one of the threads where the operating system gives no more of them, in seconds.
_LONGEST_WAIT = 10.0


async def in_thread(call: Callable[[], _Result]) -> _Result:
    """Call a plain function in one of the threads, in the caller's context, and return its result.

    Raises:
        TooManyThreadsError: the operating system gives no thread, and no other one became free. The function was not
            called.
    """
    plain_call: PlainCall[_Result] = PlainCall(call)
    hand_to_thread(plain_call)
    return await plain_call.future


def hand_to_thread(call: PlainCall[Any]) -> None:
    """Make a call in one of the threads; its future gets what comes of it, or a TooManyThreadsError."""
    _threads.submit(call)


class PlainCall(Generic[_Result]):
    """A plain function on its way from an event loop to a thread, in the caller's context.

    Attributes:
        future: gets what the function returns or raises; a call whose future is cancelled before it begins is skipped.
        has_begun: whether the function was called.
    """

    def __init__(self, function: Callable[[], _Result]) -> None:
        self.loop = running_loop()
        self.future: asyncio.Future[_Result] = self.loop.create_future()
        self.has_begun = False
        self._function = function
        self._context = contextvars.copy_context()

    def outcome(self) -> tuple[Any, BaseException | None] | None:
        """Call the function; return what it returned and what it raised, or None where it was given up before."""
        if self.future.cancelled():
            return None
        self.has_begun = True
        try:
            return self._context.run(self._function), None
        except StopIteration as error:
            # No future carries one: it would end whoever awaits it in silence.
            failure = RuntimeError("the function raised StopIteration")
            failure.__cause__ = error
            return None, failure
        except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
            return None, error

    def tell(self, result: Any, error: BaseException | None) -> None:
        """Hand the outcome to the loop. Safe to call from any thread; of several outcomes the first counts."""
        try:
            self.loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:
            # The loop is closed, and with it everything is gone that waited.
            if not self.loop.is_closed():
                raise

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class _Threads:
    """Threads that wait for calls. Not asyncio's default pool, which a tool may need itself while it waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        # Where threads without work wait for it. The last one is used first, so that the others may end.
        self._idle: list[SimpleQueue[PlainCall[Any]]] = []
        # Calls for which the operating system gave no thread.
        self._waiting: deque[PlainCall[Any]] = deque()

    def submit(self, call: PlainCall[Any]) -> None:
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
            if inbox is None:
                self._number += 1
        if inbox is None:
            self._start_thread(call)
        else:
            inbox.put(call)

    def _start_thread(self, call: PlainCall[Any]) -> None:
        try:
            threading.Thread(target=self._work, args=(call,), name="haltpoint-call", daemon=True).start()
        except RuntimeError as error:
            with self._lock:
                self._number -= 1
                inbox = self._idle.pop() if self._idle else None
                if inbox is None:
                    self._waiting.append(call)
            if inbox is not None:
                inbox.put(call)
            else:
                patience = _LONGEST_WAIT if self._number else 0
                call.loop.call_soon_threadsafe(call.loop.call_later, patience, self._give_up, call, error)

    def _give_up(self, call: PlainCall[Any], cause: RuntimeError) -> None:
        with self._lock:
            if call not in self._waiting:
                return
            self._waiting.remove(call)
        error = TooManyThreadsError(
            f"the operating system refuses to start another thread ({cause}), and the {self._number} threads that call "
            f"plain functions stayed busy for {_LONGEST_WAIT:g} seconds; the function was not called: allow this "
            "process more threads, or do less at once"
        )
        error.__cause__ = cause
        call.tell(None, error)

    def _work(self, call: PlainCall[Any]) -> None:
        inbox: SimpleQueue[PlainCall[Any]] = SimpleQueue()
        following: PlainCall[Any] | None = call
        while following is not None:
            call, following = following, None
            process = forked_calls.generation
            outcome = call.outcome()
            forked_calls.end_if_forked(process, None if outcome is None else outcome[1])
            with self._lock:
                # Before the outcome is known elsewhere: the next call that comes of it may be for this very thread.
                following = self._waiting.popleft() if self._waiting else None
                if following is None:
                    self._idle.append(inbox)
            if outcome is not None:
                call.tell(*outcome)
            # Waiting for the next one, the thread must not keep this one alive.
            del call, outcome
            following = following or self._next(inbox)

    def _next(self, inbox: SimpleQueue[PlainCall[Any]]) -> PlainCall[Any] | None:
        try:
            return inbox.get(timeout=_LONGEST_IDLE)
        except Empty:
            with self._lock:
                if inbox in self._idle:
                    self._idle.remove(inbox)
                    self._number -= 1
                    return None
        # It was chosen for a call in that moment.
        return inbox.get()


_threads = _Threads()


def _start_afresh() -> None:
    # A fork takes no threads along, and may have caught the lock in the hands of one.
    global _threads  # noqa: PLW0603
    _threads = _Threads()


os.register_at_fork(after_in_child=_start_afresh)
