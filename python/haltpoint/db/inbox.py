"""What a database tells about its runs without any agent's code: lists of runs, what waits for people, journals."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from haltpoint.db.damage import OnDamaged, raise_damage, tell_of
from haltpoint.db.limits import checked_limit
from haltpoint.forking import no_fork
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from haltpoint import _engine
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement

__all__ = ["expire_overdue", "journal_of", "load_run", "open_requirements", "select_runs"]


def load_run(database: Database, run_id: str) -> AgentRunOutput[Any]:
    """Do what `Database.run` says."""
    return _output(database, _current(database, run_id))


def _current(database: Database, run_id: str) -> _engine.Snapshot:
    """The run as it stands, once it is written that nobody decided in time what is due."""
    snapshot = database.native.look_up(run_id)
    if not snapshot.is_due():
        return snapshot
    expire_overdue(database, run_id)
    return database.native.look_up(run_id)


def select_runs(
    database: Database,
    status: RunStatus | str | None,
    agent_name: str | None,
    session_id: str | None,
    user_id: str | None,
    id_prefix: str | None,
    limit: int,
    before: str | None,
    on_damaged: OnDamaged | None,
) -> list[AgentRunOutput[Any]]:
    """Do what `Database.runs` says."""
    wanted = None if status is None else RunStatus(status).value
    _check_texts(agent_name=agent_name, session_id=session_id, user_id=user_id, id_prefix=id_prefix, before=before)
    # A run that can't be read tells so itself, once something of it is asked for.
    database.native.expire_due(None)
    rows, damaged = database.native.runs(
        wanted, agent_name, session_id, user_id, id_prefix, before, checked_limit(limit)
    )
    tell_of(damaged, on_damaged)
    return [_listed(database, *row) for row in rows]


def open_requirements(
    database: Database,
    run_id: str | None,
    kind: str | None,
    open_only: bool,
    id_prefix: str | None,
    limit: int,
    before: str | None,
    on_damaged: OnDamaged | None,
) -> list[RunRequirement]:
    """Do what `Database.requirements` says."""
    with no_fork:
        from haltpoint.driving.decisions import waiter_for
        from haltpoint.run.requirements import RunRequirement
    _check_texts(run_id=run_id, id_prefix=id_prefix, before=before)
    # What can't be read is told of below, if it is asked for.
    database.native.expire_due(run_id)
    text, damaged = database.native.requirements(run_id, kind, open_only, id_prefix, before, checked_limit(limit))
    tell_of(damaged, on_damaged if run_id is None else raise_damage)
    waiter = waiter_for(database)
    return [RunRequirement.from_dict(data, waiter=waiter) for data in json.loads(text)]


def expire_overdue(database: Database, run_id: str | None) -> int:
    """Do what `Database.expire_due` says."""
    expired, damaged = database.native.expire_due(run_id)
    tell_of(damaged, None if run_id is None else raise_damage)
    return expired


def journal_of(database: Database, run_id: str) -> list[dict[str, Any]]:
    """Do what `Database.journal` says."""
    # The first line is about the whole, and nothing follows upon the last. Texts may hold what splitlines() splits at.
    lines = database.export(run_id).split("\n")[1:-1]
    return [json.loads(line) for line in lines]


def _check_texts(**texts: object) -> None:
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{name} must be a str or None, got {text!r}")
        if text is not None and not _is_storable(text):
            raise ValueError(f"{name} can't be found: {text!r} holds a lone surrogate, which no database keeps")


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _output(database: Database, snapshot: _engine.Snapshot) -> AgentRunOutput[Any]:
    with no_fork:
        from haltpoint.driving.decisions import waiter_for
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
        from haltpoint.driving.decisions import waiter_for
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
