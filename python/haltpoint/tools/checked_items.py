"""The iterator that a tool gets whose parameter is one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["CheckedItems"]


class CheckedItems(Iterator[Any]):
    """An iterator over items that are known to fit, which can be shown before it is used.

    Attributes:
        remaining: the items that are yet to come.
    """

    def __init__(self, items: Iterable[Any]) -> None:
        self.remaining = deque(items)

    def __next__(self) -> Any:
        """Return the next item."""
        if not self.remaining:
            raise StopIteration
        return self.remaining.popleft()
