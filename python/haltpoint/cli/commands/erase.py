"""`haltpoint erase`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.identifiers import find_run_id
from haltpoint.cli.options import by_option, database_option, json_option
from haltpoint.cli.output import Output

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("erase")
@click.argument("run_id", metavar="[RUN_ID]", required=False)
@click.option("--user", "user_id", metavar="USER", help="All runs of this user.")
@click.option("--session", "session_id", metavar="SESSION", help="All runs of this session.")
@click.option("--reason", metavar="TEXT", help="Why, which the journal keeps.")
@click.option("--force", is_flag=True, help="Cancel what can be continued, and erase it.")
@by_option
@database_option
@json_option
def command(
    run_id: str | None,
    user_id: str | None,
    session_id: str | None,
    reason: str | None,
    force: bool,
    by: str,
    db_file: DatabaseName,
    as_json: bool,
) -> None:
    """Erase what runs said, and keep that they were.

    All payloads go, and every copy of them; nobody can bring them back. Who decided what and when stays, and the
    runs can still be verified. RUN_ID is the run's id or the beginning of it.
    """
    if sum(given is not None for given in (run_id, user_id, session_id)) != 1:
        raise CommandError("give one of RUN_ID, --user and --session", ExitCode.USAGE)
    with opened(db_file) as database:
        found = None if run_id is None else find_run_id(database, run_id)
        erased = database.erase(run_id=found, user_id=user_id, session_id=session_id, by=by, reason=reason, force=force)
    output = Output(as_json=as_json)
    if as_json:
        output.json({"erased": erased})
    else:
        output.line(f"Erased {len(erased)} run{'' if len(erased) == 1 else 's'}.")
        for one in erased:
            output.line(one)
