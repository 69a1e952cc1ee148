"""`haltpoint compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.options import database_option, json_option
from haltpoint.cli.output import Output

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


def _size(db_file: DatabaseName) -> int:
    """Return how many bytes the file takes, with its log."""
    if isinstance(db_file, str):
        return 0
    log = db_file.resolve().with_name(f"{db_file.resolve().name}-wal")
    return sum(path.stat().st_size for path in (db_file, log) if path.exists())


@haltpoint_command("compact")
@database_option
@json_option
def command(db_file: DatabaseName, as_json: bool) -> None:
    """Write the whole file anew, while no other process has it open.

    The new file has no free room, and no copies of what was erased. It takes up to twice the size of the file on the
    disk meanwhile.
    """
    with opened(db_file) as database:
        before = _size(db_file)
        database.compact()
    after = _size(db_file)
    output = Output(as_json=as_json)
    if as_json:
        output.json({"compacted": str(db_file), "bytes_before": before, "bytes": after})
    else:
        output.line(f"{db_file}: {before} bytes before, {after} bytes now")
