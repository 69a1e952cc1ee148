"""Giving freed room of a database file back to the file system."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haltpoint.db.database import Database

__all__ = ["PAUSE", "shrink"]

# Between two parts of maintenance others write, in seconds.
PAUSE = 0.002


def shrink(database: Database) -> None:
    """Give back what is free, a part at a time. An old file keeps it until it is compacted."""
    while database.native.shrink():
        time.sleep(PAUSE)
