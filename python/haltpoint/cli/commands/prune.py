"""`haltpoint prune`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.options import database_option, json_option
from haltpoint.cli.output import Output

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName
    from haltpoint.run.base import RunStatusName

__all__ = ["command"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOST_DIGITS = 9


def _age(_context: click.Context, _parameter: click.Parameter, text: str) -> timedelta:
    """Return a duration such as 90d, 12h or 30m."""
    found = re.fullmatch(rf"([0-9]{{1,{_MOST_DIGITS}}})([{''.join(_UNITS)}])", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not an age such as 90d, 12h or 30m")
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError as error:
        raise click.BadParameter(f"{text!r} is longer than any run is old") from error


@haltpoint_command("prune")
@click.option(
    "--older-than", callback=_age, required=True, metavar="AGE", help="Only runs that ended so long ago: 90d, 12h."
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice(["COMPLETED", "CANCELLED", "ERROR"]),
    multiple=True,
    help="Only runs of this status; may be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@database_option
@json_option
def command(
    older_than: timedelta, statuses: tuple[RunStatusName, ...], dry_run: bool, db_file: DatabaseName, as_json: bool
) -> None:
    """Remove whole runs that are over, while others go on.

    Nothing tells later that a removed run was there. What a webhook has not got yet stays.
    """
    with opened(db_file) as database:
        count = database.prune(older_than=older_than, status=statuses or None, dry_run=dry_run)
    output = Output(as_json=as_json)
    if as_json:
        output.json({"pruned": count, "dry_run": dry_run})
    else:
        output.line(f"{'Would remove' if dry_run else 'Removed'} {count} run{'' if count == 1 else 's'}.")
