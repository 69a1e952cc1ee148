"""Giving freed room of a database file back to the file system."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from haltpoint.db.database import Database

__all__ = ["part", "shrink"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

# The shortest time for others between two parts, in seconds.
_PAUSE = 0.002


def shrink(database: Database) -> None:
    """Give back what is free, a part at a time. An old file keeps it until it is compacted."""
    while part(database.native.shrink):
        pass


def part(action: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
    """Do a part of what takes long, and leave others as much time to write as it took."""
    began = time.monotonic()
    done = action(*args, **kwargs)
    time.sleep(max(_PAUSE, time.monotonic() - began))
    return done
