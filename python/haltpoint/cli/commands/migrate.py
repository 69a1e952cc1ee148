"""`haltpoint migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.options import database_option, json_option
from haltpoint.cli.output import Output

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]


@haltpoint_command("migrate")
@click.option("--sql", is_flag=True, help="Print the statements, and change nothing.")
@click.option(
    "--schema", metavar="NAME", help="The schema with the tables, where the address has no ?schema=NAME.  [haltpoint]"
)
@database_option
@json_option
def command(sql: bool, schema: str | None, db_file: DatabaseName, as_json: bool) -> None:
    """Make the tables of a database on a server, or bring them to this release.

    Programs do so by themselves where their role may. Where it may not, a role that may runs this, or the statements
    that --sql prints. Files need none of it.
    """
    if not isinstance(db_file, str):
        message = f"{db_file} is a file, which migrates by itself; name a server with --db postgresql://…"
        raise CommandError(message, ExitCode.USAGE)
    from haltpoint.db.server import migrate_server, migration_sql

    output = Output(as_json=as_json)
    if sql:
        statements = migration_sql(db_file, schema)
        if as_json:
            output.json({"sql": statements})
        else:
            click.echo(statements or "-- there is nothing to do", nl=not statements)
        return
    before = migrate_server(db_file, schema)
    if as_json:
        output.json({"version_before": before})
    else:
        output.line("the tables are those of this release" + ("; there were none before" if before == 0 else ""))
