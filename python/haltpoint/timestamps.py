"""Times as they appear in data: ISO 8601, always UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["LONGEST_WAIT", "coming_time", "format_time", "microseconds_of", "parse_time", "with_timezone"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# 100 years, as for what people are waited for. So that every zone can show it.
LONGEST_WAIT = timedelta(days=36_525)

_FRACTION = re.compile(r"\.(\d+)")


def parse_time(text: str) -> datetime:
    """Return an aware datetime in UTC; a time without an offset is taken as UTC.

    Raises:
        ValueError: the text is no ISO 8601 date and time.
    """
    # Python 3.10 reads neither the letter Z nor fractions of other than three or six digits.
    text = _FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", text.replace("Z", "+00:00"))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


def format_time(moment: datetime) -> str:
    """Return an aware datetime as ISO 8601 text in UTC."""
    return moment.astimezone(timezone.utc).isoformat()


def with_timezone(name: str, moment: datetime) -> datetime:
    """Return a datetime that somebody gave, which must be aware.

    Raises:
        ValueError: it has no timezone.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"{name} must be a datetime with a timezone, got {moment!r}")
    return moment


def coming_time(name: str, moment: object) -> datetime:
    """Return a time that somebody gave to be waited for, in UTC. One that has passed may be another one that has.

    Raises:
        TypeError: it is not a datetime.
        ValueError: it has no timezone, or is more than 100 years from now.
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"{name} must be a datetime with a timezone, got {moment!r:.80}")
    now = datetime.now(timezone.utc)
    if with_timezone(name, moment).replace(tzinfo=timezone.utc) < _EPOCH:
        # Near the first year, other zones have no such time.
        return _EPOCH
    if moment - now > LONGEST_WAIT:
        raise ValueError(f"{name} must be at most 100 years from now, got {moment.isoformat()}")
    return moment.astimezone(timezone.utc)


def microseconds_of(moment: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
