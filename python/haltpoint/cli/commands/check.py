"""`haltpoint check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.options import database_option, json_option
from haltpoint.cli.output import Output, Styled

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("check")
@database_option
@json_option
def command(db_file: DatabaseName, as_json: bool) -> ExitCode:
    """Check the database file and the hash chain of every run.

    Prints what is wrong, one line each, and ends with exit code 1 where something is.
    """
    with opened(db_file) as database:
        problems = database.check()
    output = Output(as_json=as_json)
    if as_json:
        output.json({"ok": not problems, "problems": problems})
        return ExitCode.FAILED if problems else ExitCode.DONE
    for problem in problems:
        output.line(Styled(problem, "red"))
    if not problems:
        output.line(Styled("the file and the chain of every run are sound", "green"))
    return ExitCode.FAILED if problems else ExitCode.DONE
