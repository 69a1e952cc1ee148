"""`haltpoint completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from haltpoint.cli.command import command as haltpoint_command

__all__ = ["command"]

_SHELLS = ["bash", "zsh", "fish"]


@haltpoint_command("completion")
@click.argument("shell", type=click.Choice(_SHELLS), metavar="{bash|zsh|fish}")
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options and ids.

    \b
    bash  eval "$(haltpoint completion bash)"     in ~/.bashrc
    zsh   eval "$(haltpoint completion zsh)"      in ~/.zshrc
    fish  haltpoint completion fish | source      in ~/.config/fish/config.fish
    """  # noqa: D301 - the mark by which click leaves the lines as they are
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    program = context.find_root().command
    click.echo(kind(program, {}, "haltpoint", "_HALTPOINT_COMPLETE").source())
