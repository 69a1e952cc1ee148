"""What every play of the demo needs around it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Protocol

from terminal import line, styled


class DemoError(Exception):
    """The play can't go on."""


class Performance(Protocol):
    """Something that can be played, and stopped in the middle."""

    def perform(self) -> None:
        """Play it to its end."""

    def stop(self) -> None:
        """End what it has started."""


def perform(play: Performance, directory: Path) -> int:
    """Play it on the stage of that directory, and return the exit code. Who stops it leaves nothing behind."""
    # A terminal that knows no box-drawing shows question marks instead of an error.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        play.perform()
    except (KeyboardInterrupt, EOFError):
        play.stop()
        shutil.rmtree(directory)
        line(f"\n\n  {styled('Stopped by you; nothing is left behind.', 'yellow')}\n")
        return 130
    except DemoError as error:
        play.stop()
        line(f"\n  {styled(str(error), 'red')}\n")
        return 1
    return 0
