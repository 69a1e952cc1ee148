"""What `--json` prints of runs. docs/reference/command-line.md documents the fields; they stay, others may be added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.db.inbox import run_summary
from haltpoint.exceptions import StoreError
from haltpoint.presentation.times import from_seconds
from haltpoint.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement

__all__ = ["as_decided_on", "open_requirements", "open_waits", "requirements_of", "run_record", "run_row"]


def run_row(database: Database, run: AgentRunOutput) -> dict[str, Any]:
    """Return a run of a list, with the beginning of a task of more than 64 KiB.

    One that can't be read says so in `problem`, and does not hide the others.
    """
    try:
        summary = run_summary(database, run.run_id)
    except StoreError as error:
        unknown = dict.fromkeys(("task", "pause_reason", "sleeps_until", "not_before"))
        return {**_known(run), **unknown, "open_requirements": [], "waits_for": [], "problem": str(error)}
    if not _may_wait(run):
        summary["open_requirements"], summary["waits_for"] = [], []
    return {**_known(run), **summary, "problem": None}


def run_record(run: AgentRunOutput) -> dict[str, Any]:
    """Return what stands in a run's record.

    Raises:
        StoreError: the run's journal can't be read.
    """
    return {
        **_known(run),
        "task": run.task.description,
        "pause_reason": run.pause_reason,
        "open_requirements": [item.id for item in open_requirements(run)],
        "sleeps_until": _written(run.sleeps_until),
        "waits_for": [_event(item.event) for item in open_waits(run) if item.event is not None],
        "not_before": _written(run.not_before),
    }


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event, as the journal has it: without a key where it has none."""
    return {name: value for name, value in event.items() if value is not None}


def _written(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)


def open_requirements(run: AgentRunOutput) -> Sequence[RunRequirement]:
    """Return what a run asks people for: nothing where it is stopped."""
    return [item for item in _open(run) if item.kind != "wait"]


def open_waits(run: AgentRunOutput) -> Sequence[RunRequirement]:
    """Return the times and events that a run waits for: none where it is stopped."""
    return [item for item in _open(run) if item.kind == "wait"]


def _open(run: AgentRunOutput) -> Sequence[RunRequirement]:
    if not _may_wait(run):
        return ()
    return [item for item in run.requirements if item.decision is None and not item.is_expired]


def as_decided_on(requirement: RunRequirement) -> RunRequirement:
    """Return a requirement with the values of sensitive parameters while somebody can decide on it; later masked."""
    is_open = requirement.decision is None and not requirement.is_expired
    return requirement if is_open else requirement.masked()


def requirements_of(run: AgentRunOutput) -> list[RunRequirement]:
    """Return all requirements of a run, those masked that nobody can decide on."""
    open_ids = [item.id for item in open_requirements(run)]
    return [item if item.id in open_ids else item.masked() for item in run.requirements]


def _may_wait(run: AgentRunOutput) -> bool:
    return run.is_paused or run.status.value in ("RUNNING", "QUEUED")


def _known(run: AgentRunOutput) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status.value,
        "agent_name": run.agent_name,
        "session_id": run.session_id,
        "user_id": run.user_id,
        "created_at": format_time(from_seconds(run.created_at)),
        "updated_at": format_time(from_seconds(run.updated_at)),
    }
