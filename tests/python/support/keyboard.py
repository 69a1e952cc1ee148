"""A program in whose callbacks a person at the keyboard is asked, and may press Ctrl-C."""

from __future__ import annotations

import sys
from pathlib import Path

from haltpoint import RunRequirement, SqliteDatabase
from support.callbacks import called_back

__all__ = ["KEYBOARD", "Asker"]

KEYBOARD = Path(__file__)


class Asker:
    """Asks at the keyboard, the first time or each time."""

    def __init__(self, *, each_time: bool = False) -> None:
        self._each_time = each_time
        self._asked = False

    def __call__(self) -> None:
        if self._each_time or not self._asked:
            self._asked = True
            sys.stdout.write(f"answered {input('Go on? ')}\n")


def confirm(requirement: RunRequirement) -> None:
    requirement.confirm()


def main(kind: str, db_file: str, how_often: str) -> None:
    """Let a run ask in a callback; where that is interrupted, say how the run was left, and start another one."""
    with SqliteDatabase(db_file) as db:
        try:
            output = called_back(kind, "do", Asker(each_time=how_often == "each time"), db)
        except KeyboardInterrupt:
            sys.stdout.write(f"interrupted: {[run.status.value for run in db.runs()]}\n")
            output = called_back("hitl_handler", "do", Asker(), db)
        sys.stdout.write(f"then: {output.output}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
