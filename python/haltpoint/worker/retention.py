"""How long a worker lets runs be kept that are over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from haltpoint.db.pruning import checked_age, checked_statuses
from haltpoint.exceptions import StoreError
from haltpoint.worker.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from haltpoint.db.database import Database
    from haltpoint.run.base import RunStatus, RunStatusName

__all__ = ["Retention"]

# How often runs are removed whose time is over, in seconds.
_EVERY = 3600.0


class Retention:
    """Removes runs that ended long enough ago, every hour.

    Args:
        ages: for how long runs of a status are kept after they ended, as a timedelta or in seconds.

    Raises:
        ValueError: a status is of runs that are not over, or an age is not a duration.
    """

    def __init__(self, ages: Mapping[RunStatus | str, timedelta | float]) -> None:
        self._ages = {status: checked_age(age) for name, age in ages.items() for status in checked_statuses(name)}

    async def keep(self, database: Database, report: Callable[[Progress], None]) -> None:
        """Remove them now and every hour, until it is cancelled. What can't be removed is tried again an hour later."""
        while self._ages:
            for status, age in self._ages.items():
                await self._prune(database, status, age, report)
            await asyncio.sleep(_EVERY)

    async def _prune(self, database: Database, status: str, age: float, report: Callable[[Progress], None]) -> None:
        try:
            count = await database.prune_async(older_than=age, status=cast("RunStatusName", status))
        except StoreError as error:
            report(Progress("not_pruned", message=str(error)))
        else:
            if count:
                report(Progress("pruned", message=f"{count} {status}"))
