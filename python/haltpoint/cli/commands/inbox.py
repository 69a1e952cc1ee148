"""`haltpoint inbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from haltpoint.cli.approving import approvals_text
from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.damage import DamagedRuns, tell_on_standard_error
from haltpoint.cli.database import opened
from haltpoint.cli.identifiers import (
    find_requirement_id,
    find_run_id,
    short_requirement_id,
    short_run_id,
)
from haltpoint.cli.listing import Listing, Row, print_list
from haltpoint.cli.options import (
    before_option,
    by_option,
    database_option,
    json_option,
    limit_option,
    watch_option,
)
from haltpoint.cli.output import Column, Output, Part
from haltpoint.db.inbox import each_requirement
from haltpoint.presentation.calls import call_text, shortened
from haltpoint.presentation.times import age
from haltpoint.resolution.parse import RequirementKind
from haltpoint.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haltpoint.cli.database import DatabaseName
    from haltpoint.db.database import Database
    from haltpoint.run.requirements import RunRequirement

__all__ = ["command"]

_COLUMNS = (
    Column("ID", "bold"),
    Column("WAITS", "dim"),
    Column("KIND", "yellow"),
    Column("RUN", "dim"),
    Column("CALL", is_long=True),
)
_NOTHING = "nothing waits for a decision"
_MOST_OF_CALL = 300


@haltpoint_command("inbox")
@click.option("--run", "run_id", metavar="RUN_ID", help="Only what this run waits for.")
@click.option("--kind", type=click.Choice(get_args(RequirementKind)), help="Only of this kind.")
@click.option("--interactive", "-i", is_flag=True, help="Ask for a decision on one after the other.")
@before_option
@limit_option
@watch_option
@by_option
@database_option
@json_option
def command(
    run_id: str | None,
    kind: RequirementKind | None,
    interactive: bool,
    before: str | None,
    limit: int,
    watch: bool,
    by: str,
    db_file: DatabaseName,
    as_json: bool,
) -> None:
    """List what waits for a decision, newest first; with -i, decide.

    -i shows the run's story so far and the call with all its arguments, asks what to do, and goes on to the next; with
    --watch it waits for more at the end. Through a pipe: id, time, kind, run, call and
    approvals, with a tab between them. With
    --json: one JSON object a line.
    """
    if interactive and as_json:
        raise click.UsageError("-i asks at a terminal and --json answers a program: give one of them")
    if interactive and before is not None:
        raise click.UsageError("-i asks about all that waits, newest first: leave --before out")
    with opened(db_file) as database:
        output, damaged = Output(as_json=as_json), DamagedRuns()
        run = None if run_id is None else find_run_id(database, run_id)

        def each(most: int, behind: str | None, *, as_previews: bool = False) -> Iterator[RunRequirement]:
            return each_requirement(database, run, kind, "open", None, most, behind, damaged, as_previews=as_previews)

        if interactive:
            # Asking needs a Unix terminal, which listing does not.
            from haltpoint.cli.asking.walk import walk

            # Each is read whole when it is its turn.
            walk(database, lambda behind: list(each(limit, behind, as_previews=True)), output, by=by, watch=watch)
            for told in {str(error): error for error in damaged.taken()}.values():
                tell_on_standard_error(told, as_json=False)
            return
        first = None if before is None else find_requirement_id(database, before)

        def read() -> Iterator[Row]:
            return (_row(item, database, output) for item in each(limit, first))

        def count(behind: str | None) -> int:
            return database.count_requirements(run_id=run, kind=kind, before=behind)

        print_list(Listing(_COLUMNS, read, count, limit, _NOTHING, damaged), database, output, watch=watch)


def _row(requirement: RunRequirement, database: Database, output: Output) -> Row:
    masked = requirement.masked()
    return Row(masked.id, masked.to_dict(), _cells(masked, database, output))


def _cells(requirement: RunRequirement, database: Database, output: Output) -> list[Part]:
    run_id = requirement.run_id or ""
    if not output.is_terminal:
        at = format_time(requirement.created_at)
        call = call_text(requirement.tool_execution)
        return [requirement.id, at, requirement.kind, run_id, call, approvals_text(requirement) or ""]
    call = call_text(requirement.tool_execution, most=_MOST_OF_CALL)
    approved = approvals_text(requirement)
    return [
        short_requirement_id(requirement.id),
        age(requirement.created_at),
        requirement.kind,
        short_run_id(database, run_id),
        call if approved is None else f"{call}  ({shortened(approved, _MOST_OF_CALL)})",
    ]
