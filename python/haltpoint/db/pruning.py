"""Removing runs that are over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from haltpoint.db.shrinking import part, shrink
from haltpoint.given_numbers import is_finite
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from haltpoint.db.database import Database

__all__ = ["OVER", "checked_age", "checked_statuses", "prune_runs"]

# Nobody drives such a run, and nobody is waited for.
OVER = [one.value for one in (RunStatus.completed, RunStatus.cancelled, RunStatus.error)]


def prune_runs(
    database: Database,
    older_than: timedelta | float,
    status: RunStatus | str | Iterable[RunStatus | str] | None,
    *,
    dry_run: bool,
) -> int:
    """Do what `Database.prune` says."""
    seconds, statuses = checked_age(older_than), checked_statuses(status)
    count = 0
    after: int | None = 0
    while after is not None:
        runs, after = part(database.native.prune, statuses, seconds, after, dry_run)
        count += runs
    if not dry_run:
        shrink(database)
    return count


def checked_age(older_than: timedelta | float) -> float:
    """Return a duration in seconds.

    Raises:
        ValueError: it is not one.
    """
    seconds = older_than.total_seconds() if isinstance(older_than, timedelta) else older_than
    if not is_finite(seconds) or seconds < 0:
        raise ValueError(f"older_than must be a duration of 0 seconds or more, got {older_than!r:.80}")
    return float(seconds)


def checked_statuses(status: RunStatus | str | Iterable[RunStatus | str] | None) -> list[str]:
    """Return the names of statuses; None stands for all of runs that are over.

    Raises:
        ValueError: one of them is of runs that are not over.
    """
    if status is None:
        return list(OVER)
    given = [status] if isinstance(status, (RunStatus, str)) else list(status)
    found = [one.value if isinstance(one, RunStatus) else one for one in given]
    for one in found:
        if one not in OVER:
            raise ValueError(f"status must be among {', '.join(OVER)}, got {one!r}: other runs are not over")
    return found
