"""`haltpoint answer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from haltpoint.command_line.command import command as haltpoint_command
from haltpoint.command_line.deciding import decide
from haltpoint.command_line.given import json_object
from haltpoint.command_line.options import by_option, database_option, json_option, requirement_argument

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["command"]


@haltpoint_command("answer")
@requirement_argument("user_input")
@click.argument("pairs", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--values", metavar="JSON", help="The values as a JSON object; - reads it from standard input.")
@by_option
@database_option
@json_option
def command(identifier: str, pairs: tuple[str, ...], values: str | None, by: str, db_file: Path, as_json: bool) -> None:
    """Fill in the fields that a tool call asks a person for.

    Each value is converted to its field's type: `haltpoint answer 9572 city=Oslo breakfast=yes`. A field that is not
    named keeps the value that it has. ID is the requirement's id or the beginning of it, or that of its run where only
    one thing is open in the run.
    """
    given = {**({} if values is None else json_object(values, "--values")), **_named(pairs)}
    if not given:
        raise click.UsageError("no values are given: name the fields, as in city=Oslo")
    decide(db_file, identifier, "user_input", lambda requirement: requirement.answer(given, by=by), as_json=as_json)


def _named(pairs: Iterable[str]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"{pair!r} is no FIELD=VALUE")
        named[name] = value
    return named
