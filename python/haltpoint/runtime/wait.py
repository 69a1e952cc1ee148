"""Waiting until a paused run can go on, whoever decides and wherever."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from haltpoint._concurrency.change_feed import ChangeFeed
from haltpoint._concurrency.threads import in_thread
from haltpoint.run.base import RunStatus
from haltpoint.runtime.failures import failure_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from haltpoint.db.database import Database
    from haltpoint.exceptions import HaltpointError
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement

# After how many seconds somebody who waits for a driver tries to take its place.
_TRY_EVERY = 2.0

__all__ = ["failure_on_disk", "until_cancelled", "until_decided", "until_free", "until_status_changes"]


async def until_decided(database: Database, run_id: str) -> AgentRunOutput | None:
    """Wait until nothing that the run asked for is open, a time has come that it waits for, or it is not paused.

    Returns:
        The run where it is not to go on: it was stopped meanwhile, or it is cancelled and nobody is asked for what is
        undecided in it.

    Raises:
        RunNotFoundError: there is no such run.
        StoreError: the database can't be read.
    """
    before = await in_thread(lambda: database.native.look_up(run_id).status)
    output = await database.run_async(run_id)
    if not output.is_paused:
        # Looking may have ended it, because nobody decided in time.
        is_over = output.status.value != before or (output.is_cancelled and bool(output.active_requirements))
        return output if is_over and _is_stopped(output) else None
    decided = asyncio.ensure_future(_until_it_goes_on(output))
    # Who cancels the run decides on nothing.
    stopped = asyncio.ensure_future(until_status_changes(database, run_id, RunStatus.paused))
    try:
        await asyncio.wait([decided, stopped], return_when=asyncio.FIRST_COMPLETED)
        if decided.done():
            decided.result()
        return await _stopped(database, run_id)
    finally:
        decided.cancel()
        stopped.cancel()
        await asyncio.gather(decided, stopped, return_exceptions=True)


async def _stopped(database: Database, run_id: str) -> AgentRunOutput | None:
    output = await database.run_async(run_id)
    return output if _is_stopped(output) else None


def _is_stopped(output: AgentRunOutput) -> bool:
    return output.is_cancelled or output.is_error


async def _until_it_goes_on(output: AgentRunOutput) -> None:
    """Wait for all that people are asked for; where the run waits for a time as well, for the first of all that."""
    waits = [item for item in output.requirements if item.kind == "wait" and not item.is_resolved]
    closing = [asyncio.ensure_future(_closed(item)) for item in [*output.active_requirements, *waits]]
    if not closing:
        return
    try:
        await asyncio.wait(closing, return_when=asyncio.FIRST_COMPLETED if waits else asyncio.FIRST_EXCEPTION)
        for item in closing:
            if item.done():
                item.result()
    finally:
        for item in closing:
            item.cancel()
        await asyncio.gather(*closing, return_exceptions=True)


async def _closed(requirement: RunRequirement) -> None:
    await requirement


async def until_free(database: Database, run_id: str) -> AgentRunOutput | None:
    """Wait until a run that somebody else drives has stopped, or may need a driver.

    Nothing tells that its driver is dead: every few seconds it is worth an attempt to take it over.

    Returns:
        The run where it is not to go on: it was cancelled, or failed.
    """
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(until_status_changes(database, run_id, RunStatus.running), _TRY_EVERY)
    return await _stopped(database, run_id)


async def failure_on_disk(database: Database, run_id: str, limit: int) -> HaltpointError:
    """Return the exception for a run that ended in error while nobody drove it here.

    Args:
        database: where the run is.
        run_id: the run.
        limit: the tool-call limit of the agent.
    """
    snapshot = await in_thread(lambda: database.native.look_up(run_id))
    return failure_of(snapshot, None, limit)


async def until_status_changes(database: Database, run_id: str, status: RunStatus) -> None:
    """Wait until a run has another status on disk."""
    await _until_status(database, run_id, lambda found: found is not status)


async def until_cancelled(database: Database, run_id: str) -> None:
    """Wait until a run is cancelled on disk, or gone."""
    await _until_status(database, run_id, lambda found: found is RunStatus.cancelled)


async def _until_status(database: Database, run_id: str, is_meant: Callable[[RunStatus], bool]) -> None:
    with ChangeFeed(database.native) as feed:
        while True:
            found = await database.runs_async(id_prefix=run_id, limit=1)
            if not found or is_meant(found[0].status):
                return
            await feed.next()
