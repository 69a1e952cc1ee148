"""Questions at a terminal."""

from __future__ import annotations

import contextlib
import sys
import termios
from typing import TYPE_CHECKING, NamedTuple

import click

from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.presentation.escaping import isolated, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Action", "ask_action", "ask_line", "edited", "need_terminal"]


class Action(NamedTuple):
    """Something that a person may choose.

    Attributes:
        key: the letter that chooses it.
        words: what it is called; the key stands in it once in brackets.
    """

    key: str
    words: str


def need_terminal() -> None:
    """Check that there is somebody to ask.

    Raises:
        CommandError: standard input or output is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        advice = "-i asks at a terminal, and this is none: decide with approve, reject, answer, result or recover"
        raise CommandError(advice, ExitCode.USAGE)
    with contextlib.suppress(ImportError):
        # Loading it gives what is typed line editing; some builds of Python lack it.
        import readline  # noqa: F401 # pyright: ignore[reportUnusedImport]


def ask_action(actions: Sequence[Action]) -> Action:
    """Ask until one of the actions is chosen, by its key. An empty line chooses nothing.

    Raises:
        EOFError: the person typed the end of input.
    """
    # Keys that were hit before the question could be read are no answer to it.
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    by_key = {action.key: action for action in actions}
    question = ", ".join(action.words for action in actions)
    while True:
        answer = _typed(question).strip().lower()
        if answer in by_key:
            return by_key[answer]
        if answer:
            sys.stdout.write(f"there is no {visible(answer)!r} here: type {', '.join(by_key)}\n")


def ask_line(question: str) -> str:
    """Ask for a line of text; the question is made safe for a terminal.

    Raises:
        EOFError: the person typed the end of input.
    """
    return _typed(isolated(visible(question)))


def _typed(question: str) -> str:
    # On a line of its own: line editing loses its place behind a prompt that is longer than the terminal is wide.
    sys.stdout.write(f"{question}\n")
    return input("> ")


def edited(text: str, extension: str) -> str | None:
    """Let a text be changed in the person's editor; None when they left without saving.

    Raises:
        click.ClickException: the editor can't be started, or failed.
    """
    return click.edit(text, extension=extension, require_save=True)
