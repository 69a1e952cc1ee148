"""`haltpoint result`."""

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
    requirement_argument,
)

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("result")
@requirement_argument("external_tool")
@click.argument("result", metavar="TEXT", required=False)
@empty_option
@by_option
@digest_option
@database_option
@json_option
def command(
    identifier: str,
    result: str | None,
    empty: bool,
    by: str,
    expected_digest: str | None,
    db_file: DatabaseName,
    as_json: bool,
) -> None:
    """Give the result of a tool call that is run elsewhere.

    TEXT goes to the model as it is; - reads it from standard input. An empty result needs --empty. ID is the
    requirement's id or the beginning of it, or that of its run where only one thing is open in the run.
    """
    if result is None and not empty:
        raise click.UsageError("the result is missing: give it as TEXT, or --empty where an empty result is meant")
    content = "" if result is None else text(result)
    check_not_empty(content, is_meant=empty)
    decide(
        db_file,
        identifier,
        "external_tool",
        lambda requirement, said: requirement.set_external_execution_result(content, **said),
        by=by,
        expected_digest=expected_digest,
        as_json=as_json,
    )
