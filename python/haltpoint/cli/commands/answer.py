"""`haltpoint answer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.deciding import decide
from haltpoint.cli.given import json_object, typed_values
from haltpoint.cli.options import (
    by_option,
    database_option,
    digest_option,
    empty_option,
    json_option,
    requirement_argument,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from haltpoint.cli.database import DatabaseName
    from haltpoint.cli.deciding import Said
    from haltpoint.run.requirements import RunRequirement

__all__ = ["command"]


@haltpoint_command("answer")
@requirement_argument("user_input")
@click.argument("pairs", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--values", metavar="JSON", help="The values as a JSON object; - reads it from standard input.")
@empty_option
@by_option
@digest_option
@database_option
@json_option
def command(
    identifier: str,
    pairs: tuple[str, ...],
    values: str | None,
    empty: bool,
    by: str,
    expected_digest: str | None,
    db_file: DatabaseName,
    as_json: bool,
) -> None:
    """Fill in the fields that a tool call asks a person for.

    Each value is converted to its field's type: `haltpoint answer 9572 city=Oslo breakfast=yes`. A field that is not
    named keeps the value that it has, or takes its default. `cc=` leaves a field empty that may stay empty; an empty
    text for another one needs --empty. ID is the requirement's id or the beginning of it, or that of its run where only
    one thing is open in the run.
    """
    given = {} if values is None else json_object(values, "--values")
    typed = _named(pairs)
    if not given and not typed and not empty:
        advice = (
            "name the fields, as in city=Oslo, or give --empty where all are to stay as they are or take their defaults"
        )
        raise click.UsageError(f"no values are given: {advice}")

    twice = given.keys() & typed.keys()
    if twice:
        raise click.UsageError(f"the field {min(twice)!r} is given twice: as FIELD=VALUE and in --values")

    def answer(requirement: RunRequirement, said: Said) -> None:
        requirement.answer({**given, **typed_values(requirement, typed, is_empty_meant=empty)}, **said)

    decide(db_file, identifier, "user_input", answer, by=by, expected_digest=expected_digest, as_json=as_json)


def _named(pairs: Iterable[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"{pair!r} is no FIELD=VALUE")
        if name in named:
            raise click.UsageError(f"the field {name!r} is given twice")
        named[name] = value
    return named
