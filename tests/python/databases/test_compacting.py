"""A database file becomes smaller: bit by bit after runs are removed, or as a whole while nothing else uses it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, FunctionModel, InMemoryDatabase, ModelReply, ScriptedModel, SqliteDatabase, StoreError
from support.command import CommandLine

_TEXT = "word " * 10_000

# Has the file open, and completes a run whenever it is told to.
_OTHER = """
import sys
from haltpoint import Agent, ScriptedModel, SqliteDatabase
with SqliteDatabase(sys.argv[1]) as database:
    for line in iter(sys.stdin.readline, ""):
        print(Agent(ScriptedModel(["done"]), db=database).do("Elsewhere."), flush=True)
"""

# As files were made that keep their free pages.
_MAKE_OLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA auto_vacuum = NONE")
connection.execute("VACUUM")
connection.close()
"""


class Other:
    """Another process that has the file open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def complete_a_run(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@contextmanager
def _other(db_file: Path) -> Generator[Other]:
    command = [sys.executable, "-c", _OTHER, str(db_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        other = Other(process)
        other.complete_a_run()
        yield other
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def _complete(database: Any, runs: int = 20) -> None:
    for _ in range(runs):
        Agent(ScriptedModel([_TEXT]), db=database).do("Say much.")


def _make_old(db_file: Path) -> None:
    subprocess.run([sys.executable, "-c", _MAKE_OLD, str(db_file)], check=True)


def _size(db_file: Path) -> int:
    return db_file.stat().st_size


def test_pruning_makes_the_file_smaller(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file) as database:
        _complete(database)
    before = _size(db_file)
    with SqliteDatabase(db_file) as database:
        assert database.prune(older_than=0) == 20
        assert database.check() == []
    assert _size(db_file) < before / 4


def test_erasing_makes_the_file_smaller(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file) as database:
        _complete(database)
    before = _size(db_file)
    with SqliteDatabase(db_file) as database:
        for run in database.runs():
            database.erase(run_id=run.run_id)
        assert _size(db_file) < before / 4, "the log is emptied, and the file is cut off"
        assert database.check() == []


def test_another_process_goes_on_while_the_file_becomes_smaller(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file) as database:
        _complete(database)
        with _other(db_file) as other:
            for _ in range(3):
                database.prune(older_than=0)
                other.complete_a_run()
                _complete(database, 5)
                other.complete_a_run()
        assert database.check() == []


def test_an_old_file_is_compacted_and_gives_room_back_from_then_on(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file) as database:
        _complete(database)
    _make_old(db_file)
    full = _size(db_file)
    with SqliteDatabase(db_file) as database:
        database.prune(older_than=0)
    assert _size(db_file) == full
    for _ in range(2):
        with SqliteDatabase(db_file) as database:
            database.compact()
            assert database.check() == []
            _complete(database)
        assert _size(db_file) > full / 2
        with SqliteDatabase(db_file) as database:
            database.prune(older_than=0)
        assert _size(db_file) < full / 4


def test_a_file_that_another_process_has_open_is_not_compacted(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file) as database:
        _complete(database, 2)
        with _other(db_file) as other:
            with pytest.raises(StoreError, match=r"process [0-9]+ has it open.*End all other processes"):
                database.compact()
            other.complete_a_run()
        database.compact()
        assert len(database.runs()) == 4


def test_a_file_of_which_a_run_is_driven_is_not_compacted(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "runs.db")
    refused: list[str] = []

    def reply(_request: object) -> ModelReply:
        with pytest.raises(StoreError) as caught:
            database.compact()
        refused.append(str(caught.value))
        return ModelReply("done")

    assert Agent(FunctionModel(reply), db=database).do("Compact it.") == "done"
    assert "is being driven" in refused[0]
    asyncio.run(database.compact_async())
    assert len(database.runs()) == 1


def test_memory_has_nothing_to_compact() -> None:
    database = InMemoryDatabase()
    _complete(database, 1)
    database.compact()
    assert len(database.runs()) == 1


def test_the_command_says_what_it_saved(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file) as database:
        _complete(database)
    _make_old(db_file)
    cli = CommandLine(db_file)
    assert cli("prune", "--older-than", "0s").code == 0
    found = cli("compact", "--json").record
    assert found == {"compacted": str(db_file), "bytes_before": found["bytes_before"], "bytes": _size(db_file)}
    assert found["bytes"] < found["bytes_before"] / 4
    assert cli("compact").out.startswith(f"{db_file}: ")
    with _other(db_file):
        refused = cli("compact")
    assert (refused.code, "has it open" in refused.err) == (1, True)
