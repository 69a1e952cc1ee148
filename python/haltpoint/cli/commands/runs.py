"""`haltpoint runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.damage import DamagedRuns
from haltpoint.cli.database import opened
from haltpoint.cli.describing import status_style
from haltpoint.cli.identifiers import find_run_id, short_run_id
from haltpoint.cli.listing import Listing, Row, print_list
from haltpoint.cli.options import database_option, json_option, limit_option, watch_option
from haltpoint.cli.output import Column, Output, Part, Styled
from haltpoint.cli.paging import paged
from haltpoint.presentation.calls import event_words, shortened
from haltpoint.presentation.escaping import visible
from haltpoint.presentation.records import run_row
from haltpoint.presentation.times import age, clock
from haltpoint.run.base import RunStatus
from haltpoint.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haltpoint.cli.database import DatabaseName
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["command"]

_COLUMNS = (
    Column("RUN", "bold"),
    Column("STATUS"),
    Column("SINCE", "dim"),
    Column("AGENT"),
    Column("TASK", is_long=True),
)
_MOST_OF_TASK = 200
_MOST_OF_EVENTS = 60
# What is said in the place of the status, by the time that there is.
_WAITS = {"sleeps_until": "sleeps until", "not_before": "begins at"}


@haltpoint_command("runs")
@click.option(
    "--status",
    type=click.Choice([status.value for status in RunStatus], case_sensitive=False),
    help="Only of this status.",
)
@click.option("--agent", "agent_name", metavar="NAME", help="Only of the agent of this name.")
@click.option("--session", "session_id", metavar="ID", help="Only of this session.")
@click.option("--user", "user_id", metavar="ID", help="Only for this user.")
@click.option("--before", metavar="RUN_ID", help="Only those older than this one: the next page.")
@limit_option
@watch_option
@database_option
@json_option
def command(
    before: str | None, limit: int, watch: bool, db_file: DatabaseName, as_json: bool, **conditions: Any
) -> None:
    """List runs, newest first.

    Through a pipe: id, status, time of the last change, agent and task, with a tab between them. With --json: one JSON
    object a line.
    """
    with opened(db_file) as database:
        output, damaged = Output(as_json=as_json), DamagedRuns()
        first = None if before is None else find_run_id(database, before)

        def page(most: int, behind: str | None) -> list[AgentRunOutput]:
            return database.runs(**conditions, limit=most, before=behind, on_damaged=damaged)

        def read() -> Iterator[Row]:
            records = (run_row(database, run) for run in paged(page, lambda run: run.run_id, limit, first))
            return (Row(record["run_id"], record, _cells(record, database, output)) for record in records)

        def count(behind: str | None) -> int:
            return database.count_runs(**conditions, before=behind)

        listing = Listing(_COLUMNS, read, count, limit, "there are no runs", damaged)
        print_list(listing, database, output, watch=watch)


def _cells(record: dict[str, Any], database: Database, output: Output) -> list[Part]:
    status = Styled(record["status"], status_style(record["status"]))
    agent = record["agent_name"] or ""
    task = record["task"] or record["problem"] or ""
    if not output.is_terminal:
        return [record["run_id"], status, record["updated_at"], agent, task]
    since = age(parse_time(record["updated_at"]))
    for name, words in _WAITS.items():
        if record[name] is not None:
            status = Styled(f"{words} {clock(parse_time(record[name]))}", status_style(record["status"]))
    if record["waits_for"] and record["pause_reason"] == "wait":
        events = ", ".join(map(event_words, record["waits_for"]))
        status = Styled(shortened(f"waits for {events}", _MOST_OF_EVENTS), status_style(record["status"]))
    return [short_run_id(database, record["run_id"]), status, since, agent, shortened(visible(task), _MOST_OF_TASK)]
