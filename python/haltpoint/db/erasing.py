"""Erasing what runs said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.db.shrinking import shrink
from haltpoint.exceptions import StoreError, UnfinishedRunError
from haltpoint.given_text import checked_text, findable_text
from haltpoint.run.attribution import checked_author
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from haltpoint.db.database import Database

__all__ = ["erase_runs"]

_STOPPED = frozenset({RunStatus.completed, RunStatus.cancelled, RunStatus.error, RunStatus.moved})
_NOT_FINISHED = (
    "the payloads are erased from the database, and the erasure is not finished: something reads from the database's "
    "log, which still holds copies. Erase once more when it has ended; until then `check` says so"
)


def erase_runs(
    database: Database,
    run_id: str | None,
    user_id: str | None,
    session_id: str | None,
    by: str | None,
    reason: str | None,
    *,
    force: bool,
) -> list[str]:
    """Do what `Database.erase` says."""
    if sum(given is not None for given in (run_id, user_id, session_id)) != 1:
        raise ValueError("give one of run_id, user_id and session_id")
    by = checked_author(by, "erasing runs")
    if run_id is not None:
        findable_text("run_id", run_id)
    checked_text("reason", reason)
    native = database.native
    run_ids = [run_id] if run_id is not None else _run_ids(database, user_id, session_id, force=force)
    erased = [found for found in run_ids if native.erase(found, by, reason, force)]
    shrink(database)
    if not native.finish_erasures():
        raise StoreError(_NOT_FINISHED, run_id=run_id)
    return erased


def _run_ids(database: Database, user_id: str | None, session_id: str | None, *, force: bool) -> list[str]:
    """Return the runs of a user or a session, unless one of them can be continued: then none is to be erased."""
    runs = database.runs(user_id=user_id, session_id=session_id)
    unfinished = [run for run in runs if run.status not in _STOPPED]
    if unfinished and not force:
        first = unfinished[0]
        raise UnfinishedRunError(
            f"{len(unfinished)} of {len(runs)} runs can be continued, such as {first.run_id}, which is "
            f"{first.status.value}; nothing was erased. End or cancel them first, or say that they are to be cancelled "
            "and erased (force)",
            run_id=first.run_id,
        )
    return [run.run_id for run in runs]
