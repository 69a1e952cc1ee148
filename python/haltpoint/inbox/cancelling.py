"""Stopping a run, from its page and through the JSON API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint._concurrency.threads import in_thread
from haltpoint.inbox.error_pages import RefusedError
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["UNFINISHED", "cancel"]

# What can be stopped.
UNFINISHED = (RunStatus.queued, RunStatus.running, RunStatus.paused)


async def cancel(database: Database, run_id: str, *, interrupt: bool, by: str) -> AgentRunOutput:
    """Stop a run, and return it as it stands then: where a process drives it, that process stops it a little later.

    Args:
        database: where the run is.
        run_id: the run.
        interrupt: whether async tools are stopped in their middle.
        by: who stops it, which the journal keeps.

    Raises:
        RefusedError: nothing of it is under way.
        RunNotFoundError: there is no such run.
        StoreError: it can't be read or written.
    """
    return await in_thread(lambda: _cancel(database, run_id, interrupt, by))


def _cancel(database: Database, run_id: str, interrupt: bool, by: str) -> AgentRunOutput:
    # A run that is not there is told from one that is over.
    run = database.run(run_id)
    if not database.cancel(run_id, interrupt=interrupt, by=by):
        message = f"run {run_id} is {run.status.value.lower()}: nothing of it is under way"
        raise RefusedError(409, "nothing_under_way", message)
    return database.run(run_id)
