"""`haltpoint result`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.command_line.command import command as haltpoint_command
from haltpoint.command_line.deciding import decide
from haltpoint.command_line.given import text
from haltpoint.command_line.options import by_option, database_option, json_option, requirement_argument

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@haltpoint_command("result")
@requirement_argument("external_tool")
@click.argument("result", metavar="TEXT")
@by_option
@database_option
@json_option
def command(identifier: str, result: str, by: str, db_file: Path, as_json: bool) -> None:
    """Give the result of a tool call that is run elsewhere.

    TEXT goes to the model as it is; - reads it from standard input. ID is the requirement's id or the beginning of it,
    or that of its run where only one thing is open in the run.
    """
    content = text(result)
    decide(
        db_file,
        identifier,
        "external_tool",
        lambda requirement: requirement.set_external_execution_result(content, by=by),
        as_json=as_json,
    )
