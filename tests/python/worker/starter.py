"""A process that starts a run under a key, as soon as it is told to: `starter.py DB_FILE submit|do TASK KEY`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from haltpoint import RunNotCompletedWarning
from support.databases import opened
from support.programs import tell

if __name__ == "__main__":
    import warnings

    from crew import CLERK

    warnings.simplefilter("ignore", RunNotCompletedWarning)
    _, db_file, form, task, key = sys.argv
    with opened(Path(db_file)) as database:
        clerk = CLERK.on_database(database)
        tell("ready")
        sys.stdin.readline()
        told: list[Any]
        if form == "submit":
            told = [clerk.submit(task, key=key), None]
        else:
            output = clerk.do(task, key=key, return_output=True)
            told = [output.run_id, output.output]
    tell(told)
