"""Times as people read them."""

from __future__ import annotations

from datetime import datetime, timezone

__all__ = ["age", "clock", "from_seconds"]

_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def from_seconds(seconds: float) -> datetime:
    """Return the moment that lies so many seconds after the epoch."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def age(moment: datetime) -> str:
    """Return how long ago a moment was: "12s", "3m", "2h", "5d"."""
    seconds = max(0, int((datetime.now(timezone.utc) - moment).total_seconds()))
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def clock(moment: datetime) -> str:
    """Return a moment in local time, to the second."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
