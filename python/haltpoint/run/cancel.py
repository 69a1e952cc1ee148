"""Cancelling runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import HaltpointError
from haltpoint.given_text import findable_text
from haltpoint.run.active_runs import driver_of

if TYPE_CHECKING:
    from haltpoint.db.database import Database

__all__ = ["cancel_run"]


def cancel_run(run_id: str, *, interrupt: bool = False) -> bool:
    """Stop a run: nothing new starts, and it can be continued after its last finished step.

    A model request under way is dropped at once. A tool under way finishes and its result is kept; it sees
    `current_tool_call().cancelled`. A paused run is cancelled, too: continuing it presents its requirements again.

    Looks for the run among those that this process drives, then in the databases that it has open, where the run may
    also be driven by another process. Safe to call from any thread.

    Args:
        run_id: the run.
        interrupt: cancel running async tools for real, and wait no longer than 5 seconds for any tool to end. What a
            tool had done by then is unknown: unless it declares that it may be repeated, continuing the run asks what
            became of the call.

    Returns:
        True when the run ends cancelled, or has; False when no running or paused run has this id, also where the run's
        end is being written already.

    Raises:
        StoreError: a database can't be read or written, and none of the others has the run.
    """
    findable_text("run_id", run_id)
    driver = driver_of(run_id)
    if driver is not None and driver.cancel(interrupt=interrupt, by="cancel_run"):
        return True
    with no_fork:
        from haltpoint.db.database import open_databases
    failure: HaltpointError | None = None
    databases = list(open_databases())
    for database in databases:
        try:
            if database.cancel(run_id, interrupt=interrupt):
                return True
        except HaltpointError as error:
            failure = failure or error
    if failure is not None and not any(_has_run(database, run_id) for database in databases):
        raise failure
    return False


def _has_run(database: Database, run_id: str) -> bool:
    try:
        return database.run(run_id).run_id == run_id
    except HaltpointError:
        return False
