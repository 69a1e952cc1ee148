"""News of the database for those who watch it, however many they are."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from haltpoint._concurrency.threads import in_thread
from haltpoint.exceptions import HaltpointError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from haltpoint.db.database import Database

__all__ = ["News"]

_log = logging.getLogger(__name__)

# How long others' commits may go unnoticed, in seconds.
_LOOK_EVERY = 0.2


class News:
    """Looks at the database while somebody watches: once for all of them, and not at all while nobody does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: set[asyncio.Queue[int | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._has_ended = False

    def end(self) -> None:
        """Let those who watch go. May be called from a signal handler."""
        self._has_ended = True

    async def versions(self) -> AsyncGenerator[int, None]:
        """Yield the database's version now and after each change, until the end of the server or of the database.

        Who is slow is told of the latest version only.
        """
        watcher: asyncio.Queue[int | None] = asyncio.Queue(maxsize=1)
        self._watchers.add(watcher)
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            while (version := await watcher.get()) is not None:
                yield version
        finally:
            self._watchers.discard(watcher)

    async def _look(self) -> None:
        told: dict[asyncio.Queue[int | None], int] = {}
        try:
            while self._watchers and not self._has_ended:
                version = await in_thread(self._database.data_version)
                told = {watcher: self._tell(watcher, version, told) for watcher in self._watchers}
                await asyncio.sleep(_LOOK_EVERY)
        except HaltpointError:
            # Those who watch ask again, and are told then what is wrong.
            _log.exception("the database can't be watched any more")
        finally:
            self._task = None
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
