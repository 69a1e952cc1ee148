"""How many items a list may be asked for."""

from __future__ import annotations

__all__ = ["MOST_LISTED", "checked_limit"]

# What the engine counts up to.
MOST_LISTED = 2**32 - 1


def checked_limit(limit: int | None) -> int | None:
    """Return the limit; None is for no limit.

    Raises:
        TypeError: it is no int.
        ValueError: it is below 1, or beyond what the engine counts up to.
    """
    if limit is not None and type(limit) is not int:
        raise TypeError(f"limit must be an int or None, got {limit!r}")
    if limit is not None and not 1 <= limit <= MOST_LISTED:
        raise ValueError(f"limit must be from 1 to {MOST_LISTED}, got {limit}")
    return limit
