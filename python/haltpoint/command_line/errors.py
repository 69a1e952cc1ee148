"""Errors as the command shows them."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

import click

from haltpoint.command_line.escaping import visible
from haltpoint.command_line.exit_codes import ExitCode, exit_code_of

if TYPE_CHECKING:
    from haltpoint.exceptions import HaltpointError

__all__ = ["CommandError", "from_error"]


class CommandError(click.ClickException):
    """Ends a command with an exit code and a message on standard error.

    Args:
        message: what is wrong and what to do.
        code: the exit code.
        name: what kind of error it is, for programs.
    """

    def __init__(self, message: str, code: ExitCode, name: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.name = name or code.name.lower()
        # Set by the command that it ends, which knows how it was called.
        self.as_json = False

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, or with `--json` a JSON document of `error`, `message` and `exit_code`."""
        if self.as_json:
            shown = {"error": self.name, "message": self.message, "exit_code": int(self.code)}
            click.echo(json.dumps(shown), file=file, err=True)
        else:
            click.echo(f"haltpoint: {visible(self.message)}", file=file, err=True)


def from_error(error: HaltpointError) -> CommandError:
    """Return the end of a command that ran into an error of the library."""
    return CommandError(str(error), exit_code_of(error), type(error).__name__)
