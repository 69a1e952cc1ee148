"""`haltpoint copy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.identifiers import find_run_id
from haltpoint.cli.options import json_option, runs_option, source_argument, status_option, target_argument
from haltpoint.cli.relocating import print_report
from haltpoint.db.database import named_database

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName
    from haltpoint.cli.exit_codes import ExitCode
    from haltpoint.run.base import RunStatusName

__all__ = ["command"]


@haltpoint_command("copy")
@source_argument
@target_argument
@runs_option
@status_option
@json_option
def command(
    source: DatabaseName,
    target: DatabaseName,
    prefixes: tuple[str, ...],
    status: RunStatusName | None,
    as_json: bool,
) -> ExitCode:
    """Copy runs that are completed or erased from the database FROM to the database TO.

    Each is a file, which is made where it is missing, or the address of a server. What can be continued is not copied,
    and named: move it, so that only one can go on. What was copied before is left as it is.
    """
    if prefixes and status is not None:
        raise click.UsageError("give one of --run and --status")
    with opened(source) as database, named_database(target) as other:
        run_ids = [find_run_id(database, prefix) for prefix in prefixes]
        report = database.copy_to(other, status=status, run_ids=run_ids or None)
    return print_report(report, "Copied", as_json=as_json)
