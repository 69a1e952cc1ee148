"""`haltpoint cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.identifiers import find_run, short_run_id
from haltpoint.cli.options import by_option, database_option, json_option, run_argument
from haltpoint.cli.output import Output
from haltpoint.presentation.records import run_record
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("cancel")
@run_argument
@click.option("--interrupt", is_flag=True, help="Also stop async tools in their middle: their outcome is then unknown.")
@by_option
@database_option
@json_option
def command(run_id: str, interrupt: bool, by: str, db_file: DatabaseName, as_json: bool) -> None:
    """Stop a run, whichever process drives it.

    Nothing new starts; a tool under way finishes and its result is kept. The run can be continued later. RUN_ID is the
    run's id or the beginning of it.
    """
    with opened(db_file) as database:
        found = find_run(database, run_id)
        if not database.cancel(found.run_id, interrupt=interrupt, by=by):
            raise CommandError(
                f"run {found.run_id} is {found.status}: nothing of it is under way", ExitCode.NOTHING_TO_DO
            )
        run = database.run(found.run_id)
        step = _next_step(run.status, short_run_id(database, run.run_id))
        output = Output(as_json=as_json)
        if as_json:
            output.json({"run": run_record(run), "next": step})
        else:
            output.line(step)


def _next_step(status: RunStatus, run_id: str) -> str:
    if status is RunStatus.running:
        return f"Run {run_id} stops as soon as its process hears of it: haltpoint show {run_id} --watch"
    return f"Run {run_id} is cancelled. Continuing it takes it up where it stopped."
