"""Options and arguments that several commands share."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from haltpoint.cli.completing import complete_requirements, complete_run
from haltpoint.db.limits import MOST_LISTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    from haltpoint.cli.database import DatabaseName
    from haltpoint.resolution.parse import RequirementKind

__all__ = [
    "before_option",
    "by_option",
    "database_option",
    "digest_option",
    "empty_option",
    "json_option",
    "limit_option",
    "note_option",
    "program_database_option",
    "requirement_argument",
    "run_argument",
    "runs_option",
    "source_argument",
    "status_option",
    "target_argument",
    "watch_option",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:
        raise click.UsageError("this system does not tell your login name: say who decides, with --by NAME") from error


if TYPE_CHECKING:
    _AnyType = click.ParamType[Any]
else:
    # Older releases of click have no type arguments.
    _AnyType = click.ParamType


class _DatabaseType(_AnyType):
    """A path; or a text, where it is the address of a server."""

    name = "database"
    _path = click.Path(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DatabaseName:
        if isinstance(value, str) and value.lower().startswith(("postgresql://", "postgres://")):
            return value
        return self._path.convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return self._path.shell_complete(ctx, param, incomplete)


def _after_the_command_or_before(
    context: click.Context, parameter: click.Parameter, db_file: DatabaseName
) -> DatabaseName:
    """The database that is named after the command; else the one that is named before it."""
    before: DatabaseName | None = None if context.parent is None else context.parent.params.get("db_file")
    is_named = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    return db_file if is_named or before is None else before


program_database_option = click.option(
    "--db",
    "db_file",
    type=_DatabaseType(),
    metavar="FILE",
    help="The database: a file, or postgresql://… May also stand after the command, where it counts before this one.",
)
database_option = click.option(
    "--db",
    "db_file",
    type=_DatabaseType(),
    envvar="HALTPOINT_DB",
    show_envvar=True,
    default=Path("haltpoint.db"),
    show_default=True,
    callback=_after_the_command_or_before,
    metavar="FILE",
    help="The database: a file, or the address of a server, postgresql://… May also stand before the command.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
by_option = click.option(
    "--by",
    default=_login_name,
    show_default="your login name",
    metavar="NAME",
    help="Who decides: kept with the decision.",
)
digest_option = click.option(
    "--expected-digest",
    metavar="DIGEST",
    help="The digest of the requirement as --json showed it: where it has another one by now, nothing is decided.",
)
empty_option = click.option("--empty", is_flag=True, help="An empty one is meant.")
note_option = click.option("--note", metavar="TEXT", help="Why; the model is told.")
watch_option = click.option("--watch", "-w", is_flag=True, help="Go on showing what changes, until Ctrl-C.")
limit_option = click.option(
    "--limit",
    "-n",
    type=click.IntRange(1, MOST_LISTED),
    default=50,
    show_default=True,
    metavar="N",
    help="How many at most.",
)
before_option = click.option(
    "--before",
    metavar="ID",
    shell_complete=complete_requirements(),
    help="Only those older than this one: the next page.",
)
source_argument = click.argument("source", type=_DatabaseType(), metavar="FROM")
target_argument = click.argument("target", type=_DatabaseType(), metavar="TO")
runs_option = click.option(
    "--run",
    "prefixes",
    multiple=True,
    metavar="RUN_ID",
    help="Only this run, by its id or the beginning of it; may be given several times.",
)
status_option = click.option(
    "--status",
    type=click.Choice(["QUEUED", "RUNNING", "PAUSED", "COMPLETED", "CANCELLED", "ERROR"]),
    help="Only runs of this status.",
)
run_argument = click.argument("run_id", metavar="RUN_ID", shell_complete=complete_run)


def requirement_argument(kind: RequirementKind) -> Callable[[_Command], _Command]:
    """Return the decorator for the argument that names a requirement; the shell offers the open ones of this kind."""
    return click.argument("identifier", metavar="ID", shell_complete=complete_requirements(kind))
