"""Lines on a terminal: coloured where somebody can see it, plain where not."""

from __future__ import annotations

import os
import sys
import time

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


def is_interactive() -> bool:
    """Whether somebody sits in front of it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def styled(text: str, *styles: str) -> str:
    has_colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if not has_colour:
        return text
    codes = ";".join(_STYLES[style] for style in styles)
    return f"\033[{codes}m{text}\033[0m"


def line(text: str = "") -> None:
    # Several processes write to this terminal, so that no line may wait in a buffer.
    print(text, flush=True)


def event(mark: str, who: str, text: str, *styles: str) -> None:
    """Print one thing that happened, as a line of the run's story."""
    line(f"  {styled(mark, *styles)} {styled(f'{who:<7}', *styles)} {text}")


def pause(seconds: float) -> None:
    """Give a person the time to read; a pipe needs none."""
    if sys.stdout.isatty():
        time.sleep(seconds)
