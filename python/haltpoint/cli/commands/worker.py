"""`haltpoint worker`."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from haltpoint._concurrency.process_loop import run_process
from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.options import database_option, json_option
from haltpoint.cli.output import Output, Styled
from haltpoint.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from haltpoint.agent import Agent
    from haltpoint.cli.database import DatabaseName
    from haltpoint.db.database import Database
    from haltpoint.worker import Progress, Webhook, Worker

__all__ = ["command"]

_STYLES = {
    "completed": "green",
    "paused": "yellow",
    "cancelled": "magenta",
    "failed": "red",
    "set_aside": "bold red",
    "left_alone": "red",
    "put_off": "red",
    "not_delivered": "red",
    "not_pruned": "red",
    "waiting": "red",
}


@haltpoint_command("worker")
@click.argument("target", metavar="MODULE:ATTRIBUTE")
@click.option(
    "--concurrency",
    "-c",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    metavar="N",
    help="How many runs it drives at once at most.",
)
@click.option(
    "--max-recoveries",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Set a run aside whose process ended so often again without getting any further.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="How long steps that run may take to end when the worker is stopped.",
)
@click.option("--webhook", "urls", metavar="URL", multiple=True, help="Send events of runs there; may be repeated.")
@click.option(
    "--webhook-secret",
    envvar="HALTPOINT_WEBHOOK_SECRET",
    show_envvar=True,
    metavar="SECRET",
    help="What webhooks are signed with. Others see what stands on a command line: rather use the variable.",
)
@click.option(
    "--webhook-event",
    "kinds",
    metavar="KIND",
    multiple=True,
    help="Which events to send, such as run_paused; may be repeated. By default those about requirements and those "
    "that end or stop a run.",
)
@database_option
@json_option
def command(
    target: str,
    urls: tuple[str, ...],
    webhook_secret: str | None,
    kinds: tuple[str, ...],
    db_file: DatabaseName,
    as_json: bool,
    **limits: Any,
) -> None:
    """Go on with the runs of agents, until it is stopped.

    It takes runs that were submitted, that a process left behind, and that have all that they waited for.
    MODULE:ATTRIBUTE is an Agent or a list of them, imported from here; a run is taken by the agent of its agent's name.
    Any number of workers may work on one database. The database is created where it is not there yet.

    SIGTERM or Ctrl-C: nothing more is taken, steps that run may end, and the runs are given back for other workers. A
    second one does not wait for steps.
    """
    from haltpoint.worker import Worker

    agents, output = _agents(target), Output(as_json=as_json)
    webhooks = _webhooks(urls, webhook_secret, kinds)
    with _database(agents, db_file) as database:
        here = [agent.on_database(database) for agent in agents]
        try:
            worker = Worker(here, webhooks=webhooks, report=lambda progress: _show(progress, output), **limits)
        except ValueError as error:
            raise CommandError(str(error), ExitCode.USAGE) from error
        try:
            run_process(_work(worker))
        except asyncio.CancelledError as error:
            message = "code of a run cancelled all tasks of the worker; its runs were given back: start it again"
            raise CommandError(message, ExitCode.FAILED, "cancelled_by_a_run") from error


def _database(agents: Iterable[Agent[Any]], db_file: DatabaseName) -> Database:
    """The database as an agent has it open, if one has: opening a file with other settings would be refused."""
    from haltpoint.db.database import PostgresDatabase, SqliteDatabase, named_database

    for agent in agents:
        if isinstance(db_file, str):
            if isinstance(agent.db, PostgresDatabase) and agent.db.is_at(db_file):
                return agent.db
        elif isinstance(agent.db, SqliteDatabase) and db_file.exists() and db_file.samefile(agent.db.db_file):
            return agent.db
    return named_database(db_file)


def _webhooks(urls: Iterable[str], secret: str | None, kinds: Collection[str]) -> list[Webhook]:
    from haltpoint.worker import Webhook, WebhookSecret
    from haltpoint.worker.webhooks import SENT_BY_DEFAULT

    if not urls and kinds:
        raise CommandError("--webhook-event says what is sent to a --webhook, and none is given", ExitCode.USAGE)
    if not urls:
        return []
    if secret is None:
        raise CommandError("webhooks are signed: set HALTPOINT_WEBHOOK_SECRET", ExitCode.USAGE)
    try:
        signing = WebhookSecret(secret)
        return [Webhook(url, signing, kinds or SENT_BY_DEFAULT) for url in urls]
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error


def _agents(target: str) -> list[Agent[Any]]:
    from haltpoint.worker.loading import ModuleFailedError, NoAgentsError, load_agents

    try:
        return load_agents(target)
    except NoAgentsError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except ModuleFailedError as error:
        raise CommandError(str(error), ExitCode.FAILED, "module_failed", details=error.traceback) from error


async def _work(worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()


def _show(progress: Progress, output: Output) -> None:
    at = datetime.now(timezone.utc)
    if output.as_json:
        output.json({"at": format_time(at), **vars(progress)})
        return
    kind = progress.kind.replace("_", " ")
    known = (progress.run_id, progress.agent_name, progress.message)
    if not output.is_terminal:
        output.fields(format_time(at), progress.kind, *(part or "" for part in known))
        return
    words = "  ".join(part for part in known if part)
    time = Styled(f"{at.astimezone():%H:%M:%S}", "dim")
    output.line(time, "  ", Styled(f"{kind:<10}", _STYLES.get(progress.kind, "")), "  ", words)
