"""Who waits for what others write into a database, and is to hear of it when that is closed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

__all__ = ["Closing"]


class Closing:
    """Wakes those who wait once their database is closed, in whichever thread that happens."""

    def __init__(self) -> None:
        # No lock guards it, which a fork might catch in the hands of another thread: each step on a set is atomic.
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._process = os.getpid()

    @contextmanager
    def wakes(self, loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> Generator[None]:
        """Set an event of that loop when the database is closed while the block lasts."""
        entry = (loop, event)
        self._waiting.add(entry)
        try:
            yield
        finally:
            self._waiting.discard(entry)

    def tell(self) -> None:
        """Wake all who wait."""
        # After a fork they wait in the parent, whose loops are none of the child's business.
        if self._process != os.getpid():
            return
        for loop, event in list(self._waiting):
            _set(loop, event)


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(event.set)
    except RuntimeError:
        # The loop is closed, and with it everybody is gone who waited.
        if not loop.is_closed():
            raise
