"""What a database tells about its runs without any agent's code: lists of runs, what waits for people, journals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.db.damage import OnDamaged, raise_damage, tell_of
from haltpoint.db.limits import checked_limit
from haltpoint.exceptions import DamagedRunError
from haltpoint.given_text import findable_text
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from haltpoint import _engine
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.base import RunStatusName
    from haltpoint.run.requirements import RunRequirement

__all__ = [
    "RequirementSet",
    "check_texts",
    "count_requirements",
    "count_runs",
    "each_requirement",
    "expire_overdue",
    "find_requirement",
    "journal_of",
    "list_runs",
    "load_run",
    "run_summary",
]

RequirementSet: TypeAlias = Literal["all", "open", "decided"]


def load_run(database: Database, run_id: str) -> AgentRunOutput[Any]:
    """Do what `Database.run` says."""
    return _output(database, _current(database, run_id))


def _current(database: Database, run_id: str) -> _engine.Snapshot:
    """The run as it stands, once it is written that nobody decided in time what is due."""
    snapshot = database.native.look_up(findable_text("run_id", run_id))
    if not database.native.is_due(snapshot):
        return snapshot
    expire_overdue(database, run_id)
    return database.native.look_up(run_id)


def _status(status: RunStatus | RunStatusName | None) -> str | None:
    if status is None:
        return None
    try:
        return RunStatus(status).value
    except ValueError:
        known = ", ".join(member.value for member in RunStatus)
        raise ValueError(f"{status!r} is not a status of a run; the statuses are: {known}") from None


def list_runs(
    database: Database,
    status: RunStatus | RunStatusName | None,
    agent_name: str | None,
    session_id: str | None,
    user_id: str | None,
    id_prefix: str | None,
    limit: int | None,
    before: str | None,
    on_damaged: OnDamaged | None,
) -> list[AgentRunOutput[Any]]:
    """Do what `Database.runs` says."""
    wanted = _status(status)
    check_texts(agent_name=agent_name, session_id=session_id, user_id=user_id, id_prefix=id_prefix, before=before)
    at_most = checked_limit(limit)
    # A run that can't be read tells so itself, once something of it is asked for.
    database.native.expire_due(None)
    found: list[AgentRunOutput] = []
    for rows, damaged in database.native.runs(wanted, agent_name, session_id, user_id, id_prefix, before, at_most):
        tell_of(damaged, on_damaged)
        found += [_listed(database, *row) for row in rows]
    return found


def count_runs(
    database: Database,
    status: RunStatus | RunStatusName | None,
    agent_name: str | None,
    session_id: str | None,
    user_id: str | None,
    id_prefix: str | None,
    before: str | None,
) -> int:
    """Do what `Database.count_runs` says."""
    wanted = _status(status)
    check_texts(agent_name=agent_name, session_id=session_id, user_id=user_id, id_prefix=id_prefix, before=before)
    database.native.expire_due(None)
    return database.native.count_runs(wanted, agent_name, session_id, user_id, id_prefix, before)


def each_requirement(
    database: Database,
    run_id: str | None,
    kind: str | None,
    which: RequirementSet,
    id_prefix: str | None,
    limit: int | None,
    before: str | None,
    on_damaged: OnDamaged | None,
    *,
    as_previews: bool = False,
) -> Iterator[RunRequirement]:
    """Yield the requirements of a set, in its order: newest first, or what was decided last.

    Memory holds a few megabytes of them, or one.

    Args:
        database: where they are.
        run_id: only those of this run, which has to be readable.
        kind: only those of this kind.
        which: the set.
        id_prefix: only those whose id begins so.
        limit: how many at most; None for all.
        before: only those behind the one of this id, in the order of the set.
        on_damaged: called for each run that can't be read; by default a DamagedRunWarning tells of it.
        as_previews: of runs with entries of more than 64 KiB, read only what is shown here: a text of more than
            4 KiB in such an entry is cut, and ends in "… [haltpoint: the rest stands in the journal]". The list is as
            quick as if they were small. A decision on what was cut is refused where it comes with the digest.
    """
    with no_fork:
        from haltpoint.resolution.commit import waiter_for
        from haltpoint.run.requirements import RunRequirement
    check_texts(run_id=run_id, id_prefix=id_prefix, before=before)
    at_most, waiter = checked_limit(limit), waiter_for(database)
    # What can't be read is told of below, if it is asked for.
    database.native.expire_due(run_id)
    for text, damaged in database.native.requirements(run_id, kind, which, id_prefix, before, at_most, as_previews):
        tell_of(damaged, on_damaged if run_id is None else raise_damage)
        for data in json.loads(text):
            yield RunRequirement.from_dict(data, waiter=waiter)


def run_summary(database: Database, run_id: str) -> dict[str, Any]:
    """Return `agent_name`, `task`, `pause_reason` and `open_requirements` of a run, as a list shows them.

    The task is cut where it stands in an entry of more than 64 KiB: see `each_requirement`.

    Raises:
        StoreError: the run's journal can't be read.
    """
    found: dict[str, Any] = json.loads(database.native.run_summary(run_id))
    return found


def count_requirements(
    database: Database,
    run_id: str | None,
    kind: str | None,
    which: RequirementSet,
    id_prefix: str | None,
    before: str | None,
) -> int:
    """Return how many requirements of a set there are, without reading them: those that can't be read count, too."""
    check_texts(run_id=run_id, id_prefix=id_prefix, before=before)
    database.native.expire_due(run_id)
    return database.native.count_requirements(run_id, kind, which, id_prefix, before)


def find_requirement(database: Database, requirement_id: str) -> RunRequirement:
    """Do what `Database.requirement` says."""
    findable_text("requirement_id", requirement_id)
    run = load_run(database, database.native.run_of_requirement(requirement_id))
    found = next((item for item in run.requirements if item.id == requirement_id), None)
    if found is None:
        problem = f"the index leads from requirement {requirement_id} to run {run.run_id}, whose journal lacks it"
        raise DamagedRunError(f"{problem}: haltpoint check tells what is damaged", run_id=run.run_id)
    return found


def expire_overdue(database: Database, run_id: str | None) -> int:
    """Do what `Database.expire_due` says."""
    check_texts(run_id=run_id)
    expired, damaged = database.native.expire_due(run_id)
    tell_of(damaged, None if run_id is None else raise_damage)
    return expired


def journal_of(database: Database, run_id: str) -> list[dict[str, Any]]:
    """Do what `Database.journal` says."""
    # The first line is about the whole, and nothing follows upon the last. Texts may hold what splitlines() splits at.
    lines = database.export(run_id, with_sensitive=True).split("\n")[1:-1]
    return [json.loads(line) for line in lines]


def check_texts(**texts: object) -> None:
    """Refuse what no text in a database can be, by the name of the condition."""
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{name} must be a str or None, got {text!r}")
        if text is not None:
            findable_text(name, text)


def _output(database: Database, snapshot: _engine.Snapshot) -> AgentRunOutput[Any]:
    with no_fork:
        from haltpoint.resolution.commit import waiter_for
        from haltpoint.run.agent.output import AgentRunOutput
    known = {"run_id": snapshot.run_id, "status": snapshot.status}
    return AgentRunOutput.from_view_text(
        snapshot.view_json, known, requirements=snapshot.requirements_json, waiter=waiter_for(database)
    )


def _listed(
    database: Database,
    run_id: str,
    agent_name: str | None,
    session_id: str | None,
    user_id: str | None,
    status: str,
    created_at: int,
    updated_at: int,
) -> AgentRunOutput[Any]:
    """A run of a list: what the list does not say is read when it is asked for."""
    with no_fork:
        from haltpoint.resolution.commit import waiter_for
        from haltpoint.run.agent.output import AgentRunOutput
    known = {
        "run_id": run_id,
        "agent_name": agent_name,
        "session_id": session_id,
        "user_id": user_id,
        "status": status,
        "created_at": created_at,
        "updated_at": updated_at,
    }
    source = partial(_view_text, database, run_id)
    return AgentRunOutput.from_view_text(source, known, waiter=waiter_for(database))


def _view_text(database: Database, run_id: str) -> str:
    return _current(database, run_id).view_json()
