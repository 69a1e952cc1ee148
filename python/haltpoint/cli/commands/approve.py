"""`haltpoint approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.deciding import decide
from haltpoint.cli.given import json_object
from haltpoint.cli.options import by_option, database_option, digest_option, json_option, requirement_argument
from haltpoint.run.approvals import approved_arguments
from haltpoint.run.remember_scope import RememberScope

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName
    from haltpoint.cli.deciding import Said
    from haltpoint.run.requirements import RunRequirement

import click

__all__ = ["command"]


@haltpoint_command("approve")
@requirement_argument("confirmation")
@click.option(
    "--args",
    "tool_args",
    metavar="JSON",
    help="Run it with these arguments instead: all of them, as a JSON object; - reads it from standard input.",
)
@click.option(
    "--remember",
    type=click.Choice(get_args(RememberScope)),
    help="Also let later calls of this tool run: those of this run, or of all runs of its session.",
)
@click.option("--remember-args", is_flag=True, help="With --remember: only calls with the same arguments.")
@by_option
@digest_option
@database_option
@json_option
def command(
    identifier: str,
    tool_args: str | None,
    remember: RememberScope | None,
    remember_args: bool,
    by: str,
    expected_digest: str | None,
    db_file: DatabaseName,
    as_json: bool,
) -> None:
    """Let a tool call run that waits for a confirmation.

    With --args the call runs with other arguments than the model asked for: they are checked, the journal keeps both,
    and the model is told. With --remember later calls of the tool run without asking: haltpoint remembered lists what
    stands, and haltpoint revoke ends it. A run that sleeps wakes at once. ID is the requirement's id or the beginning
    of it, or that of its run where only one thing is open in the run.
    """
    changed = None if tool_args is None else json_object(tool_args, "--args")

    def confirm(requirement: RunRequirement, said: Said) -> None:
        if expected_digest is None and approved_arguments(requirement) is not None:
            # Nobody says that they saw what others made of the call.
            said = {**said, "expected_digest": None}
        requirement.confirm(tool_args=changed, remember=remember, remember_args=remember_args, **said)

    decide(
        db_file,
        identifier,
        "confirmation",
        confirm,
        by=by,
        expected_digest=expected_digest,
        as_json=as_json,
        also="wait",
    )
