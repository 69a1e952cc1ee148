"""A file that is written over while it is open: the run stops, and nothing is completed that is not on disk."""

from __future__ import annotations

import subprocess
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
}


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


def _change(change: str, db_file: Path) -> None:
    # In another process: closing the file here would take the locks away that this one has on it.
    subprocess.run(["sh", "-c", change, "sh", str(db_file)], check=True)
