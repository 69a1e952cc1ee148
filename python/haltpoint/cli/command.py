"""One command of `haltpoint`: how it is made, and what the errors within it become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from haltpoint.cli.errors import CommandError, from_error
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.exceptions import HaltpointError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Command", "command"]


class Command(click.Command):
    """A command whose errors end it with a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except HaltpointError as error:
            raise _of(ctx, from_error(error)) from error
        except CommandError as error:
            raise _of(ctx, error) from None
        except BrokenPipeError as error:
            raise click.exceptions.Exit(ExitCode.OUTPUT_CLOSED) from error


def _of(ctx: click.Context, error: CommandError) -> CommandError:
    error.as_json = bool(ctx.params.get("as_json"))
    return error


def command(name: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function, whose docstring is its help.

    The function may return an exit code; None is 0.
    """
    return click.command(name, cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
