"""Opening a database file behind the engine's back, in the process that has it open, is warned of.

These tests do what endangers a database, so each works on one of its own.
"""

from __future__ import annotations

import gc
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from haltpoint import InMemoryDatabase, SqliteDatabase, UnsafeDatabaseAccessWarning

Opening = Callable[[Path], object]


@pytest.fixture
def db_file(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def database(db_file: Path) -> Iterator[SqliteDatabase]:
    with SqliteDatabase(db_file) as database:
        yield database


def _connect(database: str | bytes | Path, *, uri: bool = False) -> None:
    sqlite3.connect(database, uri=uri).close()


def _linked(path: Path) -> Path:
    link = path.with_name("another name")
    link.symlink_to(path)
    return link


OPENINGS: dict[str, Opening] = {
    "sqlite3": _connect,
    "sqlite3 by text": lambda path: _connect(str(path)),
    "sqlite3 by bytes": lambda path: _connect(os.fsencode(path)),
    "sqlite3 by URI": lambda path: _connect(f"{path.as_uri()}?mode=ro", uri=True),
    "sqlite3 through a link": lambda path: _connect(_linked(path)),
    "open": lambda path: path.read_bytes(),
    "os.open": lambda path: os.close(os.open(path, os.O_RDONLY)),
    "a copy": lambda path: shutil.copyfile(path, path.with_name("copy")),
    "the lock file": lambda path: Path(f"{path}-shm").read_bytes(),
}


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_opening_the_file_a_second_time_is_warned_of(db_file: Path, opening: Opening) -> None:
    with pytest.warns(UnsafeDatabaseAccessWarning, match="locks away") as caught:
        opening(db_file)
    (warning,) = caught
    assert isinstance(warning.message, UnsafeDatabaseAccessWarning)
    assert warning.message.db_file == str(db_file)


@pytest.mark.usefixtures("database")
def test_the_warning_points_to_whoever_opens_the_file_and_says_what_to_do_instead(db_file: Path) -> None:
    with pytest.warns(UnsafeDatabaseAccessWarning, match="from another process") as caught:
        sqlite3.connect(db_file).close()
    assert caught[0].filename == __file__
    with pytest.warns(UnsafeDatabaseAccessWarning, match=r"backup\(path\)"):
        db_file.read_bytes()


@pytest.mark.usefixtures("database")
def test_a_filter_that_makes_the_warning_an_error_keeps_the_file_from_being_opened(db_file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnsafeDatabaseAccessWarning)
        with pytest.raises(UnsafeDatabaseAccessWarning):
            sqlite3.connect(db_file)


def test_a_closed_database_may_be_opened_by_anything(database: SqliteDatabase, db_file: Path) -> None:
    database.close()
    sqlite3.connect(db_file).close()
    assert db_file.read_bytes()


def test_a_file_that_a_second_object_has_open_is_still_guarded(database: SqliteDatabase, db_file: Path) -> None:
    with SqliteDatabase(db_file):
        database.close()
        with pytest.warns(UnsafeDatabaseAccessWarning):
            db_file.read_bytes()
    assert db_file.read_bytes()


def test_a_database_that_was_let_go_is_guarded_no_longer(db_file: Path) -> None:
    SqliteDatabase(db_file)
    gc.collect()
    assert db_file.read_bytes()


@pytest.mark.usefixtures("database")
def test_other_files_and_what_is_no_file_are_not_warned_of(db_file: Path, tmp_path: Path) -> None:
    with InMemoryDatabase():
        (tmp_path / "notes").write_text("text")
        _connect(tmp_path / "another.db")
        _connect(":memory:")
        _connect("")
    reader, writer = os.pipe()
    io.open(reader, closefd=True).close()  # noqa: UP020 - `open` announces the descriptor
    os.close(writer)
    with pytest.raises(FileNotFoundError):
        (tmp_path / "missing").read_text()
    with pytest.raises(ValueError, match="null"):
        open("\0")  # noqa: SIM115
    assert os.path.exists(db_file)


@pytest.mark.usefixtures("database")
def test_another_process_may_open_the_file(db_file: Path) -> None:
    program = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM runs').fetchone())"
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(db_file)], check=True, capture_output=True
    )
    assert printed.stdout == b"(0,)\n"


@pytest.mark.usefixtures("database")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_no_locks_to_lose_and_is_not_warned(db_file: Path) -> None:
    program = (
        "import os, sys, warnings\n"
        "from haltpoint import SqliteDatabase, UnsafeDatabaseAccessWarning\n"
        "database = SqliteDatabase(sys.argv[1])\n"
        "warnings.simplefilter('error', UnsafeDatabaseAccessWarning)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    open(sys.argv[1], 'rb').close()\n"
        "    os._exit(0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(db_file)], check=True)
