"""`haltpoint reject`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.deciding import decide
from haltpoint.cli.options import (
    by_option,
    database_option,
    digest_option,
    json_option,
    note_option,
    requirement_argument,
)

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("reject")
@requirement_argument("confirmation")
@note_option
@by_option
@digest_option
@database_option
@json_option
def command(
    identifier: str, note: str | None, by: str, expected_digest: str | None, db_file: DatabaseName, as_json: bool
) -> None:
    """Keep a tool call from running that waits for a confirmation.

    The model is told so, with the note, and goes on. ID is the requirement's id or the beginning of it, or that of its
    run where only one thing is open in the run.
    """
    decide(
        db_file,
        identifier,
        "confirmation",
        lambda requirement, said: requirement.reject(note, **said),
        by=by,
        expected_digest=expected_digest,
        as_json=as_json,
    )
