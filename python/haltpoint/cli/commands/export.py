"""`haltpoint export`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.identifiers import find_run_id
from haltpoint.cli.options import database_option, json_option, run_argument
from haltpoint.cli.output import Output

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]

_STANDARD_OUTPUT = Path("-")
_OWNER_ONLY = 0o600


@haltpoint_command("export")
@run_argument
@click.argument("target", type=click.Path(path_type=Path), metavar="TARGET")
@click.option("--with-sensitive", is_flag=True, help="Mask nothing, so that the text of all entries can be checked.")
@database_option
@json_option
def command(run_id: str, target: Path, with_sensitive: bool, db_file: DatabaseName, as_json: bool) -> None:
    """Write a run's journal as JSON lines to TARGET, a new file; - is standard output.

    Values of sensitive parameters are masked. The hash chain can be checked all the same, with a program of one's own.
    RUN_ID is the run's id or the beginning of it.
    """
    is_piped = target == _STANDARD_OUTPUT
    if is_piped and as_json:
        raise click.UsageError("the export is JSON already: leave --json out, or name a file")
    if is_piped and sys.stdout.isatty():
        raise click.UsageError(
            "an export is as it was written, control characters included: name a file, or use a pipe"
        )
    with opened(db_file) as database:
        text = database.export(find_run_id(database, run_id), with_sensitive=with_sensitive)
    if is_piped:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    _write(target, text)
    about = json.loads(text.partition("\n")[0])
    entries, masked = about["entries"], about.get("masked", 0)
    output = Output(as_json=as_json)
    if as_json:
        output.json({"export": str(target), "entries": entries, "masked": masked, "head": about["head"]})
    else:
        output.line(f"{target}: {entries} entries, {masked} of them masked, head {about['head']}")


def _write(target: Path, text: str) -> None:
    try:
        number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with open(number, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"can't write {target}: {error.strerror or error}", ExitCode.FAILED) from error
