"""`haltpoint revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.completing import complete_approval
from haltpoint.cli.database import opened
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.identifiers import find_approval, short_requirement_id
from haltpoint.cli.options import by_option, database_option, json_option
from haltpoint.cli.output import Output, Styled

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("revoke")
@click.argument("identifier", metavar="ID", shell_complete=complete_approval)
@by_option
@database_option
@json_option
def command(identifier: str, by: str, db_file: DatabaseName, as_json: bool) -> None:
    """End that an approval lets later calls run without asking.

    Calls that are asked for from now on wait for a person again; what ran already stays as it is. ID is the id of the
    requirement that was approved or the beginning of it, or that of its run where only one approval stands that was
    given in it. haltpoint remembered lists them.
    """
    with opened(db_file) as database:
        requirement_id = find_approval(database, identifier)
        if not database.revoke(requirement_id, by=by):
            raise CommandError(
                f"the approval of requirement {requirement_id} was revoked before", ExitCode.NOTHING_TO_DO
            )
        output = Output(as_json=as_json)
        if as_json:
            output.json({"requirement_id": requirement_id, "revoked_by": by})
        else:
            short = Styled(short_requirement_id(requirement_id), "bold")
            output.line(short, "  ", Styled(f"revoked by {by}", "green"), ": later calls are asked about again")
