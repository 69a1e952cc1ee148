"""Waiting for changes of a database without keeping the processor busy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from haltpoint._concurrency.change_feed import BlockingChangeFeed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haltpoint.db.database import Database

__all__ = ["each_change"]

# A list is read anew at each change: so many seconds lie between two readings at least.
_REST = 0.2

# What is shown grows older without any commit, such as the age of a question.
_SHOW_EVERY = 10.0


def each_change(database: Database, *, show_every: float = _SHOW_EVERY) -> Iterator[None]:
    """Yield at once, then after each change of the database, and at least every `show_every` seconds; for ever.

    Raises:
        StoreError: the database can't be read any more.
    """
    # Opened before the caller reads: what is committed while it reads counts as a change.
    with BlockingChangeFeed(database.native) as feed:
        while True:
            yield
            shown = time.monotonic()
            feed.next(show_every)
            time.sleep(max(0.0, shown + _REST - time.monotonic()))
