"""A file that is written over while it is open: the run stops, and nothing is completed that is not on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from haltpoint import Agent, ScriptedModel, SqliteDatabase, StoreError
from support.trouble import sail_into

CHANGES = {
    "an old backup is copied over it": 'cat "$1.old" > "$1"',
    "it is emptied": ': > "$1"',
    "it is cut off": 'truncate -s 4096 "$1"',
    "its log is emptied": ': > "$1-wal"',
    "its log is cut off": 'truncate -s 9000 "$1-wal"',
    "its log is overwritten": 'head -c 1000000 /dev/zero > "$1-wal"',
    "its log's first frame is overwritten": 'dd if=/dev/zero of="$1-wal" bs=1 seek=32 count=24 conv=notrunc',
}

LOST_MEMORY = {
    "it is removed": 'rm "$1-shm"',
    "it is replaced": 'cp "$1-shm" "$1.copy" && mv "$1.copy" "$1-shm"',
    "another file is mounted over it": ': > "$1.other" && mount --bind "$1.other" "$1-shm"',
}

# Completes a run in a process of its own.
_ELSEWHERE = """
import sys
from haltpoint import Agent, ScriptedModel, SqliteDatabase
with SqliteDatabase(sys.argv[1]) as database:
    print(Agent(ScriptedModel(["done"]), db=database).do("Elsewhere.", return_output=True).run_id)
"""


@pytest.mark.parametrize("durability", ["full", "normal"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_overwritten_takes_no_more_of_the_run(
    tmp_path: Path, change: str, durability: Literal["full", "normal"]
) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file, durability=durability) as database:
        Agent(ScriptedModel(["x" * 20_000]), db=database).do("Begin.")
        database.backup(f"{db_file}.old")
    with SqliteDatabase(db_file, durability=durability) as database:
        Agent(ScriptedModel(["x" * 20_000]), db=database).do("Go on.")
        voyage, error = sail_into(lambda: _change(change, db_file), database)
        assert "was overwritten or cut off in place while it was open" in str(error)
        assert voyage.ledger
        with pytest.raises(StoreError, match="overwritten or cut off in place"):
            Agent(ScriptedModel(["done"]), db=database).do("Once more.")


@pytest.mark.parametrize("durability", ["full", "normal"])
@pytest.mark.parametrize("change", LOST_MEMORY.values(), ids=LOST_MEMORY)
def test_without_the_memory_that_all_processes_share_nothing_is_written(
    tmp_path: Path, change: str, durability: Literal["full", "normal"]
) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file, durability=durability) as database:
        Agent(ScriptedModel(["done"]), db=database).do("Begin.")
        try:
            voyage, error = sail_into(lambda: _change(change, db_file), database)
        except subprocess.CalledProcessError:
            pytest.skip("this user may not mount")
        finally:
            subprocess.run(["umount", "--lazy", f"{db_file}-shm"], check=False, capture_output=True)
        assert "-shm was deleted, moved or replaced while it was open" in str(error)
        assert voyage.ledger == ["first", "second"]


def test_of_two_processes_without_common_memory_no_commit_is_lost(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    acknowledged = []
    with SqliteDatabase(db_file, durability="normal") as database:
        agent = Agent(ScriptedModel(["done"]), db=database)
        acknowledged.append(agent.do("Begin.", return_output=True).run_id)
        _change('rm "$1-shm"', db_file)
        for _ in range(2):
            acknowledged.append(_completed_elsewhere(db_file))
            with pytest.raises(StoreError, match="-shm was deleted"):
                agent.do("Go on.")
    with SqliteDatabase(db_file) as database:
        assert {run.run_id for run in database.runs()} == set(acknowledged)
        assert database.check() == []


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_an_older_copy_of_all_its_files_takes_no_more_of_the_run(
    tmp_path: Path, durability: Literal["full", "normal"]
) -> None:
    db_file = tmp_path / "runs.db"
    with SqliteDatabase(db_file, durability=durability) as database:
        agent = Agent(ScriptedModel(["done"]), db=database)
        agent.do("Begin.")
        _change('for f in "" -wal -shm; do cp "$1$f" "$1.old$f"; done', db_file)
        agent.do("This one is lost.")
        _change('for f in "" -wal -shm; do cp "$1.old$f" "$1$f"; done', db_file)
        with pytest.raises(StoreError, match="overwritten or cut off in place"):
            agent.do("Go on.")


def _change(change: str, db_file: Path) -> None:
    # In another process: closing the file here would take the locks away that this one has on it.
    subprocess.run(["sh", "-c", change, "sh", str(db_file)], check=True)


def _completed_elsewhere(db_file: Path) -> str:
    command = [sys.executable, "-c", _ELSEWHERE, str(db_file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
