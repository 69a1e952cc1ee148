"""`haltpoint continue`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.identifiers import find_run, short_run_id
from haltpoint.cli.options import by_option, database_option, json_option, run_argument
from haltpoint.cli.output import Output
from haltpoint.presentation.records import run_record

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("continue")
@run_argument
@by_option
@database_option
@json_option
def command(run_id: str, by: str, db_file: DatabaseName, as_json: bool) -> None:
    """Let workers go on with a run that had ended early.

    That is one that failed, was cancelled or was set aside.

    The run's status is QUEUED until a worker takes it. RUN_ID is the run's id or the beginning of it.
    """
    with opened(db_file) as database:
        found = find_run(database, run_id)
        if not database.requeue(found.run_id, by=by):
            raise CommandError(
                f"run {found.run_id} is {found.status}: there is nothing to go on with", ExitCode.NOTHING_TO_DO
            )
        run = database.run(found.run_id)
        step = f"Run {short_run_id(database, run.run_id)} waits for a worker that has its agent."
        output = Output(as_json=as_json)
        if as_json:
            output.json({"run": run_record(run), "next": step})
        else:
            output.line(step)
