"""Lists of any length, read a page at a time: memory holds no more than a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

__all__ = ["paged"]

_Item = TypeVar("_Item")

_PAGE = 500


def paged(
    read: Callable[[int, str | None], Sequence[_Item]], id_of: Callable[[_Item], str], limit: int, before: str | None
) -> Iterator[_Item]:
    """Yield what is on the pages of a list.

    Args:
        read: returns at most so many, behind the one of an id, or the first for None.
        id_of: returns an item's id.
        limit: how many at most.
        before: the id behind which to begin; None for the beginning.
    """
    while limit > 0:
        wanted = min(limit, _PAGE)
        found = read(wanted, before)
        yield from found
        if len(found) < wanted:
            return
        limit -= wanted
        before = id_of(found[-1])
