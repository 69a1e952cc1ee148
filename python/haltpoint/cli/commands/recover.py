"""`haltpoint recover`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.deciding import decide
from haltpoint.cli.given import check_not_empty, text
from haltpoint.cli.options import (
    by_option,
    database_option,
    digest_option,
    empty_option,
    json_option,
    note_option,
    requirement_argument,
)

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName
    from haltpoint.cli.deciding import Said
    from haltpoint.run.requirements import RunRequirement

__all__ = ["command"]


@haltpoint_command("recover")
@requirement_argument("recovery")
@click.argument("what", type=click.Choice(["retry", "supply", "skip"]), metavar="{retry|supply|skip}")
@click.argument("result", metavar="[TEXT]", required=False)
@note_option
@empty_option
@by_option
@digest_option
@database_option
@json_option
def command(
    identifier: str,
    what: str,
    result: str | None,
    note: str | None,
    empty: bool,
    by: str,
    expected_digest: str | None,
    db_file: DatabaseName,
    as_json: bool,
) -> None:
    """Say what becomes of a tool call whose outcome is unknown.

    \b
    retry        run it once more, though it may have taken effect already
    supply TEXT  it was done: TEXT is its result; - reads it from standard input
    skip         go on without it; the model is told that nobody knows, with the note

    ID is the requirement's id or the beginning of it, or that of its run where only one thing is open in the run.
    """  # noqa: D301 - the mark by which click leaves the lines as they are
    if (what == "supply") != (result is not None):
        raise click.UsageError("supply needs the result as TEXT, and the others take none")
    if note is not None and what != "skip":
        raise click.UsageError("only skip takes a note")
    if empty and what != "supply":
        raise click.UsageError("--empty is for supply alone")
    content = None if result is None else text(result)
    if content is not None:
        check_not_empty(content, is_meant=empty)

    def draft(requirement: RunRequirement, said: Said) -> None:
        if what == "retry":
            requirement.retry(**said)
        elif what == "supply":
            requirement.supply(content, **said)
        else:
            requirement.skip(note, **said)

    decide(db_file, identifier, "recovery", draft, by=by, expected_digest=expected_digest, as_json=as_json)
