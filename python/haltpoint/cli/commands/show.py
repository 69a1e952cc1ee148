"""`haltpoint show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.describing import print_event, print_requirement, print_run
from haltpoint.cli.identifiers import find_run
from haltpoint.cli.next_steps import next_step
from haltpoint.cli.options import database_option, json_option, run_argument, watch_option
from haltpoint.cli.output import Output, Styled
from haltpoint.cli.watching import each_change
from haltpoint.journal.timeline import Event, told
from haltpoint.presentation.records import open_requirements, open_waits, requirements_of, run_record
from haltpoint.run.base import RunStatus
from haltpoint.timestamps import format_time

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["command"]

_ENDED = (RunStatus.completed, RunStatus.cancelled, RunStatus.error, RunStatus.moved)


@haltpoint_command("show")
@run_argument
@click.option("--full", "in_full", is_flag=True, help="Leave nothing out of long texts.")
@watch_option
@database_option
@json_option
def command(run_id: str, in_full: bool, watch: bool, db_file: DatabaseName, as_json: bool) -> None:
    """Show a run: what it is about, what happened in it, what it waits for.

    RUN_ID is the run's id or the beginning of it. With --watch, what happens is shown as it happens, until the run is
    completed, cancelled or in error; with --json then one JSON object a line, each an event.
    """
    with opened(db_file) as database:
        run = find_run(database, run_id)
        output = Output(as_json=as_json)
        if watch:
            _follow(database, run, output, in_full=in_full)
        elif as_json:
            output.json(_document(database, run))
        else:
            _print(database, run, output, in_full=in_full)


def _print(database: Database, run: AgentRunOutput, output: Output, *, in_full: bool) -> None:
    print_run(run, output)
    output.blank()
    for event in told(database.journal(run.run_id)):
        print_event(event, output, in_full=in_full)
    _print_end(database, run, output)


def _follow(database: Database, run: AgentRunOutput, output: Output, *, in_full: bool) -> None:
    if not output.as_json:
        print_run(run, output)
        output.blank()
    printed = 0
    for _ in each_change(database):
        events = told(database.journal(run.run_id))
        for event in events[printed:]:
            if output.as_json:
                output.json(_event_record(event))
            else:
                print_event(event, output, in_full=in_full)
        printed = len(events)
        if database.run(run.run_id).status in _ENDED:
            return


def _print_end(database: Database, run: AgentRunOutput, output: Output) -> None:
    waiting = [*open_requirements(run), *open_waits(run)]
    if waiting and output.is_terminal:
        output.blank()
        output.line(Styled("waits for", "bold"))
    for requirement in waiting:
        print_requirement(requirement, output)
    if not waiting and run.status.is_problematic and output.is_terminal:
        output.blank()
        output.line(next_step(database, run))


def _document(database: Database, run: AgentRunOutput) -> dict[str, Any]:
    return {
        "run": {
            **run_record(run),
            "model_name": run.model_name,
            "output": run.output,
            "error_details": run.error_details,
            "usage": run.usage.to_dict(),
        },
        "requirements": [item.to_dict() for item in requirements_of(run)],
        "timeline": [_event_record(event) for event in told(database.journal(run.run_id))],
    }


def _event_record(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": format_time(event.at),
        "kind": event.kind,
        "title": event.title,
        "detail": event.detail,
        "entry": event.entry,
    }
