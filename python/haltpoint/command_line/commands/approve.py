"""`haltpoint approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.command_line.command import command as haltpoint_command
from haltpoint.command_line.deciding import decide
from haltpoint.command_line.options import by_option, database_option, json_option, requirement_argument

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@haltpoint_command("approve")
@requirement_argument
@by_option
@database_option
@json_option
def command(identifier: str, by: str, db_file: Path, as_json: bool) -> None:
    """Let a tool call run that waits for a confirmation.

    ID is the requirement's id or the beginning of it, or that of its run where only one thing is open in the run.
    """
    decide(db_file, identifier, "confirmation", lambda requirement: requirement.confirm(by=by), as_json=as_json)
