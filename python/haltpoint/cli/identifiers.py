"""Ids as people type them: whole, or as much of the beginning as it takes to tell one from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.db.damage import pass_over, raise_damage
from haltpoint.presentation.calls import call_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement

__all__ = [
    "find_approval",
    "find_requirement",
    "find_requirement_id",
    "find_run",
    "find_run_id",
    "short_requirement_id",
    "short_run_id",
]

# Enough to tell that more were found than are named.
_MOST_NAMED = 5

# A run's id begins with its time: so much of it goes down to the millisecond.
_SHORT_RUN_ID = 13
_SHORT_REQUIREMENT_ID = 8
_WHOLE = 36


def short_run_id(database: Database, run_id: str) -> str:
    """Return the beginning of a run's id, as long as it must be for no other run to share it."""
    if _is_alone(database, run_id[:_SHORT_RUN_ID]):
        return run_id[:_SHORT_RUN_ID]
    # A longer one is shared by no more runs.
    shared, alone = _SHORT_RUN_ID, _WHOLE
    while alone - shared > 1:
        middle = (shared + alone) // 2
        if _is_alone(database, run_id[:middle]):
            alone = middle
        else:
            shared = middle
    return run_id[:alone]


def _is_alone(database: Database, prefix: str) -> bool:
    return len(database.runs(id_prefix=prefix, limit=2, on_damaged=pass_over)) == 1


def short_requirement_id(requirement_id: str) -> str:
    """Return the beginning of a requirement's id, which is a hash: others hardly ever share it."""
    return requirement_id[:_SHORT_REQUIREMENT_ID]


def find_run(database: Database, prefix: str) -> AgentRunOutput:
    """Return the run whose id begins so.

    Raises:
        CommandError: there is none, or more than one.
        StoreError: its journal can't be read.
    """
    return database.run(find_run_id(database, prefix))


def find_run_id(database: Database, prefix: str) -> str:
    """Return the whole id of the run whose id begins so; its journal may be damaged.

    Raises:
        CommandError: there is none, or more than one.
    """
    found = _runs(database, _checked(prefix))
    if not found:
        raise CommandError(f"no run's id begins with {prefix}", ExitCode.NOT_FOUND)
    if len(found) > 1:
        raise _ambiguous(prefix, [f"run {run.run_id} ({run.status})" for run in found])
    return found[0].run_id


def find_requirement(database: Database, prefix: str) -> RunRequirement:
    """Return the requirement whose id begins so, or the only open one of the run whose id begins so.

    Raises:
        CommandError: there is none, or more than one.
    """
    prefix = _checked(prefix)
    found = database.requirements(id_prefix=prefix, open_only=False, limit=_MOST_NAMED + 1, on_damaged=raise_damage)
    runs = _runs(database, prefix)
    if len(found) + len(runs) > 1:
        named = [_named(item) for item in found] + [f"run {run.run_id} ({run.status})" for run in runs]
        raise _ambiguous(prefix, named)
    if found:
        return found[0]
    if runs:
        return _only_requirement(database, runs[0])
    raise CommandError(f"no requirement's and no run's id begins with {prefix}", ExitCode.NOT_FOUND)


def find_requirement_id(database: Database, prefix: str) -> str:
    """Return the whole id of the requirement whose id begins so.

    Raises:
        CommandError: there is none, or more than one.
    """
    prefix = _checked(prefix)
    found = database.requirements(id_prefix=prefix, open_only=False, limit=_MOST_NAMED + 1, on_damaged=raise_damage)
    if not found:
        raise CommandError(f"no requirement's id begins with {prefix}", ExitCode.NOT_FOUND)
    if len(found) > 1:
        raise _ambiguous(prefix, [_named(item) for item in found])
    return found[0].id


def find_approval(database: Database, prefix: str) -> str:
    """Return the id of the requirement whose id begins so, or of the one whose approval stands in the run that does.

    Raises:
        CommandError: there is none, or more than one.
    """
    prefix = _checked(prefix)
    found = database.requirements(id_prefix=prefix, open_only=False, limit=_MOST_NAMED + 1)
    runs = _runs(database, prefix)
    if not found and len(runs) == 1:
        standing = database.remembered(run_id=runs[0].run_id, limit=_MOST_NAMED + 1)
        if not standing:
            raise CommandError(f"no approval stands that was given in run {runs[0].run_id}", ExitCode.NOTHING_TO_DO)
        if len(standing) == 1:
            return standing[0].requirement_id
        raise _ambiguous(prefix, [f"requirement {item.requirement_id} ({item.tool_name})" for item in standing])
    if len(found) + len(runs) > 1:
        named = [_named(item) for item in found] + [f"run {run.run_id} ({run.status})" for run in runs]
        raise _ambiguous(prefix, named)
    if not found:
        raise CommandError(f"no requirement's and no run's id begins with {prefix}", ExitCode.NOT_FOUND)
    return found[0].id


def _checked(prefix: str) -> str:
    prefix = prefix.strip().lower()
    if not prefix:
        raise CommandError("an empty id names nothing", ExitCode.USAGE)
    return prefix


def _runs(database: Database, prefix: str) -> list[AgentRunOutput]:
    return database.runs(id_prefix=prefix, limit=_MOST_NAMED + 1, on_damaged=raise_damage)


def _only_requirement(database: Database, run: AgentRunOutput) -> RunRequirement:
    found = database.requirements(run_id=run.run_id) or database.requirements(run_id=run.run_id, kind="wait")
    if not found:
        raise CommandError(f"run {run.run_id} ({run.status}) waits for nobody's decision", ExitCode.NOTHING_TO_DO)
    if len(found) > 1:
        raise _ambiguous(run.run_id, [_named(item) for item in found])
    return found[0]


def _named(requirement: RunRequirement) -> str:
    return f"requirement {requirement.id} ({requirement.kind} of {call_text(requirement.tool_execution, most=60)})"


def _ambiguous(prefix: str, named: Sequence[str]) -> CommandError:
    listed = "; ".join(named[:_MOST_NAMED])
    more = "; and more" if len(named) > _MOST_NAMED else ""
    return CommandError(f"{prefix} fits several: {listed}{more}", ExitCode.USAGE)
