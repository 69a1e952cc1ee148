"""What becomes of a run after a decision: nothing wakes up by itself, so it is said who has to do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.cli.identifiers import short_run_id
from haltpoint.presentation.calls import event_words
from haltpoint.presentation.records import open_requirements, open_waits
from haltpoint.presentation.times import clock
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["next_step"]


def next_step(database: Database, run: AgentRunOutput) -> str:
    """Return what happens next with a run, and who does it."""
    still_open = len(open_requirements(run))
    short = short_run_id(database, run.run_id)
    if run.status is RunStatus.completed:
        return f"Run {short} is completed."
    if run.is_cancelled or run.is_error:
        stopped = "is cancelled" if run.is_cancelled else "has failed"
        return (
            f"Run {short} {stopped}, and no worker takes it by itself. To let one go on: haltpoint continue {short}; "
            f'to go on in a program that has its tools: agent.continue_run_async(run_id="{run.run_id}").'
        )
    if still_open:
        decisions = "one more decision" if still_open == 1 else f"{still_open} more decisions"
        return f"Run {short} waits for {decisions}: haltpoint inbox --run {short}"
    if run.status is RunStatus.running:
        return f"Run {short} is under way: the process that drives it takes this up."
    if run.status is RunStatus.queued:
        begins = "" if run.not_before is None else f", which takes it from {clock(run.not_before)} on"
        return f"Run {short} waits for a worker that has its agent{begins}."
    return f"{_unasked(short, run)} {_continuing(run.run_id)}"


def _unasked(short: str, run: AgentRunOutput) -> str:
    events = [event_words(item.event) for item in open_waits(run) if item.event is not None]
    if events:
        until = "" if run.sleeps_until is None else f" until {clock(run.sleeps_until)}"
        return (
            f"Run {short} waits for the event {', '.join(events)}{until}; haltpoint signal sends it, and to go on "
            f"without it now: haltpoint approve {short}."
        )
    if run.sleeps_until is None:
        return f"Nothing else is open in run {short}."
    return f"Run {short} sleeps until {clock(run.sleeps_until)}; to wake it now: haltpoint approve {short}."


def _continuing(run_id: str) -> str:
    return (
        "It goes on when a worker takes it, or when a program that has its tools calls "
        f'agent.continue_run_async(run_id="{run_id}").'
    )
