"""`haltpoint backup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.options import database_option, json_option
from haltpoint.cli.output import Output

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("backup")
@click.argument("target", type=click.Path(path_type=Path), metavar="TARGET")
@database_option
@json_option
def command(target: Path, db_file: DatabaseName, as_json: bool) -> None:
    """Copy the database to TARGET, a new file, while runs go on.

    Copying the file by other means while it is in use can damage it.
    """
    with opened(db_file) as database:
        database.backup(target)
    size = target.stat().st_size
    output = Output(as_json=as_json)
    if as_json:
        output.json({"backup": str(target), "bytes": size})
    else:
        output.line(f"{target}: {size} bytes")
