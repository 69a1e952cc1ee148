"""Errors as the command shows them."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

import click

from haltpoint.cli.exit_codes import ExitCode, exit_code_of
from haltpoint.exceptions import InvalidResolutionError
from haltpoint.presentation.escaping import visible, visible_lines

if TYPE_CHECKING:
    from haltpoint.exceptions import HaltpointError

__all__ = ["CommandError", "OutputError", "from_error"]


class CommandError(click.ClickException):
    """Ends a command with an exit code and a message on standard error.

    Args:
        message: what is wrong and what to do.
        code: the exit code.
        name: what kind of error it is, for programs.
        details: what a person sees below the message, line by line.
        field_name: the path of the field at fault, where it is about one.
    """

    def __init__(
        self,
        message: str,
        code: ExitCode,
        name: str | None = None,
        *,
        details: str = "",
        field_name: str | None = None,
    ) -> None:
        super().__init__(message)
        self.field_name = field_name
        self.details = details
        self.code = code
        self.name = name or code.name.lower()
        # Set by the command that it ends, which knows how it was called.
        self.as_json = False

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, or with `--json` a JSON document of `error`, `message`, `field` and `exit_code`."""
        if self.as_json:
            told = {"error": self.name, "message": self.message, "field": self.field_name}
            shown = {**told, "exit_code": int(self.code)}
            click.echo(json.dumps(shown), file=file, err=True)
        else:
            click.echo(f"haltpoint: {visible(self.message)}", file=file, err=True)
            if self.details:
                click.echo("\n".join(visible_lines(self.details)), file=file, err=True)


class OutputError(CommandError):
    """What a command prints can't be written, such as to a disk that is full."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the output can't be written: {error.strerror}", ExitCode.FAILED, "output_failed")


def from_error(error: HaltpointError) -> CommandError:
    """Return the end of a command that ran into an error of the library."""
    field_name = error.field_name if isinstance(error, InvalidResolutionError) else None
    return CommandError(str(error), exit_code_of(error), type(error).__name__, field_name=field_name)
