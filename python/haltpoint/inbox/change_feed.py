"""Changes of the database for the pages that show it, however many they are."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from haltpoint._concurrency.change_feed import ChangeFeed
from haltpoint._concurrency.threads import in_thread
from haltpoint.exceptions import HaltpointError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from haltpoint.db.database import Database

__all__ = ["News"]

_log = logging.getLogger(__name__)

# A page is fetched anew at each change: so many seconds lie between two of them at least.
_REST = 0.2


class News:
    """Watches the database while somebody wants to know: once for all of them, and not at all while nobody does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: set[asyncio.Queue[int | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._feed: ChangeFeed | None = None
        self._has_ended = False

    def end(self) -> None:
        """Let those who watch go. May be called from a signal handler."""
        self._has_ended = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    async def versions(self) -> AsyncGenerator[int, None]:
        """Yield the database's version now and after each change, until the end of the server or of the database.

        Who is slow is told of the latest version only.
        """
        watcher: asyncio.Queue[int | None] = asyncio.Queue(maxsize=1)
        self._watchers.add(watcher)
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        self._wake()
        try:
            while (version := await watcher.get()) is not None:
                yield version
        finally:
            self._watchers.discard(watcher)
            self._wake()

    def _wake(self) -> None:
        if self._feed is not None:
            self._feed.wake()

    async def _look(self) -> None:
        told: dict[asyncio.Queue[int | None], int] = {}
        try:
            with ChangeFeed(self._database.native) as feed:
                self._loop, self._feed = asyncio.get_running_loop(), feed
                while self._watchers and not self._has_ended:
                    version = await in_thread(self._database.data_version)
                    told = {watcher: self._tell(watcher, version, told) for watcher in self._watchers}
                    if await feed.next() and not self._has_ended:
                        await asyncio.sleep(_REST)
        except HaltpointError:
            # Those who watch ask again, and are told then what is wrong.
            _log.exception("the database can't be watched any more")
        finally:
            self._task = self._loop = self._feed = None
            for watcher in self._watchers:
                _put(watcher, None)

    def _tell(
        self, watcher: asyncio.Queue[int | None], version: int, told: dict[asyncio.Queue[int | None], int]
    ) -> int:
        if told.get(watcher) != version:
            _put(watcher, version)
        return version


def _put(watcher: asyncio.Queue[int | None], version: int | None) -> None:
    if watcher.full():
        watcher.get_nowait()
    watcher.put_nowait(version)
