"""`haltpoint signal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.given import json_value
from haltpoint.cli.identifiers import short_run_id
from haltpoint.cli.options import by_option, database_option
from haltpoint.cli.output import Output, Styled
from haltpoint.exceptions import HaltpointError

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName
    from haltpoint.db.database import Database
    from haltpoint.db.signals import SignalDelivery

__all__ = ["command"]


@haltpoint_command("signal")
@click.argument("name", metavar="NAME")
@click.option(
    "--key", metavar="KEY", help="To which of several things it has happened, such as the number of an order."
)
@click.option(
    "--json",
    "payload",
    metavar="JSON",
    default="null",
    show_default=True,
    help="What is to be said of it; - reads it from standard input.",
)
@click.option("--id", "signal_id", metavar="ID", help="The signal's id: the same one again is not sent again.")
@by_option
@database_option
def command(name: str, key: str | None, payload: str, signal_id: str | None, by: str, db_file: DatabaseName) -> None:
    """Say that something has happened that runs may wait for.

    The run that has waited for the event NAME with this key for longest takes the signal. Where none waits for it, it
    is kept until one does, at most 30 days. Through a pipe: the signal's id and the id of the run that has taken it, if
    one has, with a tab between them.
    """
    said = json_value(payload, "--json")
    with opened(db_file) as database:
        try:
            delivery = database.signal(name, said, key=key, id=signal_id, by=by)
        except HaltpointError:
            raise
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        _print(delivery, database, Output(as_json=False))


def _print(delivery: SignalDelivery, database: Database, output: Output) -> None:
    if not output.is_terminal:
        output.fields(delivery.id, delivery.run_id or "")
        return
    again = " before" if delivery.repeated else ""
    if delivery.run_id is not None:
        what = f"was taken{again} by run {short_run_id(database, delivery.run_id)}"
    elif delivery.delivered:
        what = "was taken before by a run that this database no longer has"
    else:
        what = "is kept until a run waits for it, at most 30 days"
    output.line("signal ", Styled(delivery.id, "bold"), f" {what}")
