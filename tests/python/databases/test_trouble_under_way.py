"""Trouble with the database while a run is under way: a clear error with the run's id, and the run can go on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from haltpoint import Agent, ScriptedModel, SqliteDatabase, StoreError
from support.programs import run_program
from support.trouble import Voyage, locked, sail_into

_SMALL_DISK = "2m"


@pytest.fixture
def db_file(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which is soon full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL_DISK}", "tmpfs", str(disk)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user may not mount a small file system: {error}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * 4096)
        except OSError:
            return


def test_a_full_disk_stops_the_run_and_loses_nothing(small_disk: Path) -> None:
    with SqliteDatabase(small_disk / "runs.db") as database:
        voyage, error = sail_into(lambda: _fill(small_disk), database)
        assert "the disk is full; free some space" in str(error)
        (small_disk / "ballast").unlink()
        voyage.arrive(database, str(error.run_id))


def test_a_run_that_begins_on_a_full_disk_says_so_and_calls_nothing(small_disk: Path) -> None:
    with SqliteDatabase(small_disk / "runs.db") as database:
        _fill(small_disk)
        model = ScriptedModel(["x" * 100_000])
        with pytest.raises(StoreError, match="the disk is full"):
            Agent(model, db=database).do("y" * 100_000)
        assert model.requests == []
        (small_disk / "ballast").unlink()
        assert Agent(ScriptedModel(["done"]), db=database).do("Begin.") == "done"


def test_files_that_may_not_grow_stop_the_run_and_a_later_process_continues_it(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="there are no limits on files here")
    program, db_file = Path(__file__).with_name("limited_files.py"), tmp_path / "runs.db"
    run_id, advice, ledger = run_program(program, str(db_file), cwd=tmp_path).last
    assert "check the disk" in advice or "the disk is full" in advice
    voyage = Voyage(lambda: None)
    voyage.ledger += ledger
    with SqliteDatabase(db_file) as database:
        voyage.arrive(database, run_id)


def test_a_lock_that_another_process_holds_for_a_moment_is_waited_for(db_file: Path) -> None:
    with SqliteDatabase(db_file) as database, ExitStack() as holders:

        def lock() -> None:
            release = holders.enter_context(locked(db_file))
            threading.Timer(0.4, release).start()

        voyage = Voyage(lock)
        began = time.monotonic()
        output = voyage.start(database)
        assert output.output == "arrived"
        assert time.monotonic() - began >= 0.4
        assert voyage.ledger == ["first", "second", "third"]


def test_a_lock_that_another_process_keeps_stops_the_run_until_it_lets_go(db_file: Path) -> None:
    with SqliteDatabase(db_file) as database, ExitStack() as holders:
        voyage, error = sail_into(lambda: holders.enter_context(locked(db_file)), database)
        assert "another process keeps it locked; end what holds" in str(error)
        holders.close()
        voyage.arrive(database, str(error.run_id))


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_file_that_is_taken_away_stops_the_run_and_it_goes_on_when_the_file_is_back(
    db_file: Path, suffix: str
) -> None:
    path = Path(f"{db_file}{suffix}")
    aside = db_file.with_name("aside")
    database = SqliteDatabase(db_file)
    voyage, error = sail_into(lambda: path.rename(aside), database)
    assert "was deleted, moved or replaced while it was open" in str(error)
    assert "Put it back" in str(error)
    with pytest.raises(StoreError, match="deleted, moved or replaced"):
        Agent(ScriptedModel(["done"]), db=database).do("Begin.")
    _put_back(aside, path, database)
    with SqliteDatabase(db_file) as reopened:
        voyage.arrive(reopened, str(error.run_id))


def _put_back(aside: Path, path: Path, database: SqliteDatabase) -> None:
    os.replace(aside, path)
    database.close()


def test_a_file_that_is_deleted_stops_the_run_and_no_other_file_takes_its_place(db_file: Path) -> None:
    with SqliteDatabase(db_file) as database:
        _, error = sail_into(db_file.unlink, database)
        assert "deleted" in str(error)
        with pytest.raises(StoreError, match="deleted, moved or replaced"):
            database.check()
    assert not db_file.exists()


def test_a_directory_that_is_removed_stops_the_run(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()

    def remove() -> None:
        subprocess.run(["rm", "-r", str(directory)], check=True)

    with SqliteDatabase(directory / "runs.db") as database:
        _, error = sail_into(remove, database)
        assert "deleted, moved or replaced" in str(error)


def test_a_database_that_is_closed_stops_the_run(db_file: Path) -> None:
    database = SqliteDatabase(db_file)
    voyage, error = sail_into(database.close, database)
    assert "closed" in str(error)
    with SqliteDatabase(db_file) as reopened:
        voyage.arrive(reopened, str(error.run_id))


if sys.platform == "win32":
    pytest.skip("files that are open can't be taken away here", allow_module_level=True)
