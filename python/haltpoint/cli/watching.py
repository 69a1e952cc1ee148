"""Waiting for news of a database without keeping the processor busy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haltpoint.db.database import Database

__all__ = ["each_change"]

# How long others' commits may go unnoticed, in seconds.
_LOOK_EVERY = 0.2

# What is shown grows older without any commit, such as the age of a question.
_SHOW_EVERY = 10.0


def each_change(database: Database, *, show_every: float = _SHOW_EVERY) -> Iterator[None]:
    """Yield at once, then after each change of the database, and at least every `show_every` seconds; for ever.

    Raises:
        StoreError: the database can't be read any more.
    """
    while True:
        # Asked before the caller reads: what is committed while it reads counts as a change.
        seen = database.data_version()
        yield
        deadline = time.monotonic() + show_every
        while database.data_version() == seen and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)
