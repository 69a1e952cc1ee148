"""A program whose files may not grow any further in the middle of a run."""

from __future__ import annotations

import resource
import sys

from haltpoint import SqliteDatabase
from support.programs import tell
from support.trouble import sail_into


def _keep_files_small() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))


with SqliteDatabase(sys.argv[1]) as database:
    voyage, error = sail_into(_keep_files_small, database)
    tell([error.run_id, str(error), voyage.ledger])
