"""How native work that waits for the disk or the network comes back to the event loop that asked for it."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

from haltpoint._concurrency.event_loops import check_threads, running_loop, unwatchable_error
from haltpoint._engine import Completions
from haltpoint.exceptions import ForkedProcessError

__all__ = ["LoopBridge"]

_Receiver: TypeAlias = Callable[[Any, "BaseException | None"], None]


class LoopBridge:
    """The native completions of one event loop, as futures of that loop.

    A native call that takes `bridge.completions` returns a ticket, and delivers one result under it later:

        value = await bridge.wait(native.start(bridge.completions))

    All methods belong to the loop's own thread.

    Attributes:
        completions: the queue to hand to native calls.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.completions = Completions()
        self._receivers: dict[int, _Receiver] = {}
        self._listeners: dict[int, Callable[[Any], None]] = {}
        self._process = os.getpid()
        try:
            loop.add_reader(self.completions.fileno(), self._drain)
        except NotImplementedError as error:
            raise unwatchable_error(loop) from error

    @classmethod
    def current(cls) -> LoopBridge:
        """Return the bridge of the running event loop, made on first use.

        Raises:
            EventLoopError: no asyncio event loop runs in this thread, or it can't watch file descriptors, or gevent has
                replaced threads.
            ForkedProcessError: the loop was used before a fork, in the parent.
        """
        loop = running_loop()
        with _lock:
            bridge = _bridges.get(loop)
            if bridge is None:
                check_threads()
                _drop_closed_loops()
                bridge = _bridges[loop] = cls(loop)
        bridge._check_process()
        return bridge

    def wait(self, ticket: int) -> asyncio.Future[Any]:
        """Return the future of what the native call delivers under `ticket`.

        Call it before giving control back to the loop: a result that nobody expects when it arrives is dropped. So is
        one whose future was cancelled meanwhile; stopping the native work itself is the caller's business.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.receive(ticket, functools.partial(_settle, future))
        return future

    def receive(self, ticket: int, receiver: _Receiver) -> None:
        """Call `receiver`, once, with the value and the exception, one of them None, that are delivered under `ticket`.

        It is called as soon as they are there, without the turn of the loop that a future takes, and in nobody's
        context. It must not raise: what others wait for comes after it.
        """
        self._receivers[ticket] = receiver

    def listen(self, ticket: int, listener: Callable[[Any], None]) -> None:
        """Call `listener` with everything that is delivered under `ticket`, until `forget`."""
        self._listeners[ticket] = listener

    def forget(self, ticket: int) -> None:
        """End what `listen` began."""
        self._listeners.pop(ticket, None)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            # The parent's completions would be taken from it, here.
            raise ForkedProcessError(
                "this event loop was used with haltpoint before this process was forked, and is its parent's: "
                "use a new one, such as asyncio.run makes"
            )

    def _drain(self) -> None:
        for ticket, value, exception in self.completions.drain():
            receiver = self._receivers.pop(ticket, None)
            if receiver is not None:
                receiver(value, exception)
                continue
            listener = self._listeners.get(ticket)
            if listener is not None:
                listener(value)


def _settle(future: asyncio.Future[Any], value: Any, exception: BaseException | None) -> None:
    if future.done():
        return
    if exception is None:
        future.set_result(value)
    else:
        future.set_exception(exception)


_lock = threading.Lock()
_bridges: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopBridge] = weakref.WeakKeyDictionary()


def _start_afresh() -> None:
    # A fork may have caught the lock in the hands of another thread.
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_start_afresh)


def _drop_closed_loops() -> None:
    # A future that was never answered holds its loop, and the bridge holds the future: the weak key alone would not go.
    for loop in [loop for loop in _bridges if loop.is_closed()]:
        del _bridges[loop]
