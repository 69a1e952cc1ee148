"""Waiting until a paused run can go on, whoever decides and wherever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from haltpoint.driving.threads import in_thread
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from haltpoint.db.database import Database
    from haltpoint.run.requirements import RunRequirement

__all__ = ["until_decided", "until_free"]

# How long others' commits may go unnoticed, in seconds.
_LOOK_EVERY = 0.2


async def until_decided(database: Database, run_id: str) -> bool:
    """Wait until nothing that the run asked for is open, or it is not paused any more.

    Returns:
        Whether the run is to go on: not where somebody stopped it meanwhile.

    Raises:
        RunNotFoundError: there is no such run.
        StoreError: the database can't be read.
    """
    output = await database.run_async(run_id)
    if not output.is_paused:
        return True
    decided = asyncio.ensure_future(_all_decided(output.active_requirements))
    # Who cancels the run decides on nothing.
    stopped = asyncio.ensure_future(_until_status_changes(database, run_id, RunStatus.paused))
    try:
        await asyncio.wait([decided, stopped], return_when=asyncio.FIRST_COMPLETED)
        if decided.done():
            decided.result()
        return await _goes_on(database, run_id)
    finally:
        decided.cancel()
        stopped.cancel()
        await asyncio.gather(decided, stopped, return_exceptions=True)


async def _goes_on(database: Database, run_id: str) -> bool:
    output = await database.run_async(run_id)
    return not (output.is_cancelled or output.is_error)


async def _all_decided(requirements: Iterable[RunRequirement]) -> None:
    await asyncio.gather(*requirements)


async def until_free(database: Database, run_id: str) -> None:
    """Wait until a run that somebody else drives has stopped, or needs a driver."""
    await _until_status_changes(database, run_id, RunStatus.running)


async def _until_status_changes(database: Database, run_id: str, status: RunStatus) -> None:
    while True:
        seen = await in_thread(database.data_version)
        found = await database.runs_async(id_prefix=run_id, limit=1)
        if not found or found[0].status is not status:
            return
        await _until_commit(database, seen)


async def _until_commit(database: Database, seen: int) -> None:
    # Other processes' commits raise no event here.
    while await in_thread(database.data_version) == seen:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_EVERY)
