"""The program: the group of all commands, and how it ends."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module, metadata
from typing import TYPE_CHECKING

import click

from haltpoint.cli.errors import CommandError, OutputError
from haltpoint.cli.exit_codes import MEANINGS, ExitCode
from haltpoint.cli.options import program_database_option
from haltpoint.cli.registry import SECTIONS, module_of, names

if TYPE_CHECKING:
    from collections.abc import Sequence
from difflib import get_close_matches

__all__ = ["program", "run"]

_HELP = """See what agents' runs do and wait for, and decide.

A run that needs a person waits in its database file. `haltpoint inbox` lists what waits, `haltpoint inbox -i` asks
you one by one, and `approve`, `reject`, `answer`, `result` and `recover` decide on one requirement: named by its id, by
the beginning of its id, or by its run's id where only one thing is open in that run. The decision is on disk when the
command returns. The run goes on when a program or a worker continues it.

Name the database with --db FILE, before or after the command, or in HALTPOINT_DB; else it is haltpoint.db in the
current directory. With --json, each command prints JSON."""

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())


class _Commands(click.Group):
    """The commands of the registry, each loaded when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = module_of(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # The group knows the names of commands that are loaded, and would find none of them alike.
        alike = [] if args[0] in names() else get_close_matches(args[0], names())
        if alike and not ctx.resilient_parsing:
            ctx.fail(f"there is no command {args[0]!r}; did you mean {' or '.join(alike)}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            found = [(name, self.get_command(ctx, name)) for name in section]
            rows = [(name, command.get_short_help_str(70)) for name, command in found if command is not None]
            with formatter.section(title):
                formatter.write_dl(rows)


program = _Commands("haltpoint", help=_HELP, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
program_database_option(program)
click.version_option(metadata.version("haltpoint"), message="%(prog)s %(version)s")(program)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    Args:
        arguments: what stands after the program's name; those of this process where there are none.
    """
    _write_what_the_terminal_can()
    try:
        code = program.main(arguments, prog_name="haltpoint", standalone_mode=False)
    except CommandError as error:
        error.show()
        if isinstance(error, OutputError):
            _drop_output()
        return error.code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    if code == ExitCode.OUTPUT_CLOSED:
        _drop_output()
    return code if isinstance(code, int) else ExitCode.DONE


def _write_what_the_terminal_can() -> None:
    """A character that the terminal's encoding lacks is shown by its number; it is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    # What is still buffered has nowhere to go, and the interpreter would complain of it at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
