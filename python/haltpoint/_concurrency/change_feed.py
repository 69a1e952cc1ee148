"""Commits to a database, whichever process makes them, as something to wait for."""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import TYPE_CHECKING, Any, final

from haltpoint._concurrency.loop_bridge import LoopBridge
from haltpoint._engine import Completions

if TYPE_CHECKING:
    from types import TracebackType

    from haltpoint._engine import Database as NativeDatabase

__all__ = ["BlockingChangeFeed", "ChangeFeed"]


@final
class ChangeFeed:
    """Wakes a task of the running event loop after commits.

    A commit that is made after the feed was opened, or after `next` returned, is never missed: a task that reads the
    database and then waits for the next change does not wait in vain. Commits that come close together become one.

        with ChangeFeed(database.native) as feed:
            while not is_done():
                await feed.next()

    Args:
        native: the database.

    Raises:
        EventLoopError: no asyncio event loop runs in this thread, or it can't watch file descriptors.
    """

    def __init__(self, native: NativeDatabase) -> None:
        self._bridge = LoopBridge.current()
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None
        self._watch = native.watch_changes(self._bridge.completions)
        self._bridge.listen(self._watch.ticket, self._told)

    def __enter__(self) -> ChangeFeed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watch.close()
        self._bridge.forget(self._watch.ticket)

    async def next(self, timeout: float | None = None) -> bool:
        """Wait until somebody commits, or `wake` is called.

        Args:
            timeout: for how many seconds at most.

        Returns:
            False where the time was over first.

        Raises:
            StoreError: the database can't be read, or was closed.
        """
        if not self._changed.is_set():
            try:
                await asyncio.wait_for(self._changed.wait(), timeout)
            except asyncio.TimeoutError:
                return False
        self._changed.clear()
        if self._failure is not None:
            raise self._failure
        return True

    def wake(self) -> None:
        """Let `next` return. To be called on the event loop."""
        self._changed.set()

    def _told(self, news: Any) -> None:
        if isinstance(news, BaseException):
            self._failure = news
        self._changed.set()


@final
class BlockingChangeFeed:
    """As `ChangeFeed`, for a thread that may block. Signals interrupt the wait.

    Args:
        native: the database.
    """

    def __init__(self, native: NativeDatabase) -> None:
        self._completions = Completions()
        self._watch = native.watch_changes(self._completions)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._completions.fileno(), selectors.EVENT_READ)

    def __enter__(self) -> BlockingChangeFeed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watch.close()
        self._selector.close()

    def next(self, timeout: float) -> bool:
        """Wait until somebody commits.

        Args:
            timeout: for how many seconds at most.

        Returns:
            False where the time was over first.

        Raises:
            StoreError: the database can't be read, or was closed.
        """
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self._selector.select(left)
            news = [value for _, value, _ in self._completions.drain()]
            for value in news:
                if isinstance(value, BaseException):
                    raise value
            if news:
                return True
        return False
