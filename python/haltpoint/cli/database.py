"""Opening the database of a command: one that is there."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.db.database import named_database

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from haltpoint.db.database import PostgresDatabase, SqliteDatabase

    DatabaseName: TypeAlias = "Path | str"

__all__ = ["DatabaseName", "opened"]


@contextmanager
def opened(db_file: DatabaseName) -> Generator[SqliteDatabase | PostgresDatabase]:
    """Open a database, by its path or its server's address, for the length of the block. A command never creates one.

    Raises:
        CommandError: there is no such file, or nothing was ever written to it.
        StoreError: it can't be opened, or is no database of haltpoint.
    """
    if not isinstance(db_file, str):
        _check(db_file)
    with named_database(db_file, migrate=False) as database:
        yield database


def _check(db_file: Path) -> None:
    try:
        found = os.stat(db_file)
    except (FileNotFoundError, NotADirectoryError) as error:
        advice = "name the database with --db FILE or in HALTPOINT_DB"
        raise CommandError(f"there is no file {db_file}; {advice}", ExitCode.NOT_FOUND) from error
    except OSError as error:
        raise CommandError(f"{db_file} can't be reached: {error.strerror}", ExitCode.FAILED) from error
    # The library would make a database of an empty file, which is right for a program and wrong for a look.
    if db_file.is_file() and found.st_size == 0:
        raise CommandError(f"{db_file} is empty: no run was ever written to it", ExitCode.FAILED)
