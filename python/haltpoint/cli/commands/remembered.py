"""`haltpoint remembered`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.damage import DamagedRuns
from haltpoint.cli.database import opened
from haltpoint.cli.identifiers import (
    find_requirement_id,
    find_run_id,
    short_requirement_id,
    short_run_id,
)
from haltpoint.cli.listing import Listing, Row, print_list
from haltpoint.cli.options import before_option, database_option, json_option, limit_option, watch_option
from haltpoint.cli.output import Column, Output, Part
from haltpoint.cli.paging import paged
from haltpoint.presentation.calls import arguments_text, shortened
from haltpoint.presentation.escaping import visible
from haltpoint.presentation.times import age
from haltpoint.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haltpoint.cli.database import DatabaseName
    from haltpoint.db.database import Database
    from haltpoint.db.remembered_approvals import RememberedApproval

__all__ = ["command"]

_COLUMNS = (
    Column("ID", "bold"),
    Column("SINCE", "dim"),
    Column("HOLDS IN"),
    Column("BY"),
    Column("CALLS OF", is_long=True),
)
_NOTHING = "no approval is remembered"
_MOST_OF_CALL = 300


@haltpoint_command("remembered")
@click.option("--run", "run_id", metavar="RUN_ID", help="Only what was approved in this run.")
@click.option("--session", "session_id", metavar="ID", help="Only what was approved in runs of this session.")
@before_option
@limit_option
@watch_option
@database_option
@json_option
def command(
    run_id: str | None,
    session_id: str | None,
    before: str | None,
    limit: int,
    watch: bool,
    db_file: DatabaseName,
    as_json: bool,
) -> None:
    """List the approvals that let later calls run without asking, newest first.

    They were given with approve --remember; haltpoint revoke ends one. Through a pipe: id, time, "run" or "session",
    the id of that, who approved, and the calls, with a tab between them. With --json: one JSON object a line.
    """
    with opened(db_file) as database:
        output, damaged = Output(as_json=as_json), DamagedRuns()
        given_in = None if run_id is None else find_run_id(database, run_id)
        first = None if before is None else find_requirement_id(database, before)

        def page(most: int, behind: str | None) -> list[RememberedApproval]:
            return database.remembered(
                run_id=given_in, session_id=session_id, limit=most, before=behind, on_damaged=damaged
            )

        def read() -> Iterator[Row]:
            found = paged(page, lambda item: item.requirement_id, limit, first)
            return (Row(item.requirement_id, item.to_dict(), _cells(item.masked(), database, output)) for item in found)

        def count(behind: str | None) -> int:
            return database.count_remembered(run_id=given_in, session_id=session_id, before=behind)

        print_list(Listing(_COLUMNS, read, count, limit, _NOTHING, damaged), database, output, watch=watch)


def _cells(approval: RememberedApproval, database: Database, output: Output) -> list[Part]:
    arguments = "" if approval.tool_args is None else f"({arguments_text(approval.tool_args)})"
    calls = f"{visible(approval.tool_name)}{arguments}"
    by = approval.by or ""
    if not output.is_terminal:
        place = approval.session_id if approval.scope == "session" else approval.run_id
        return [approval.requirement_id, format_time(approval.at), approval.scope, place or "", by, calls]
    session = f"session {visible(approval.session_id or '')}"
    place = session if approval.scope == "session" else f"run {short_run_id(database, approval.run_id)}"
    short = short_requirement_id(approval.requirement_id)
    return [short, age(approval.at), place, by, shortened(calls, _MOST_OF_CALL)]
