"""A database that is reached under two names would have two logs: it is refused before anything is written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from haltpoint import Agent, ScriptedModel, SqliteDatabase, StoreError

Mount = Callable[[Path, Path], None]


@pytest.fixture
def db_file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    db_file = tmp_path / "data" / "runs.db"
    with SqliteDatabase(db_file) as database:
        Agent(ScriptedModel(["done"]), db=database).do("Begin.")
    return db_file


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts a file or directory at a second place."""
    with ExitStack() as mounted:

        def bind(there: Path, here: Path) -> None:
            try:
                subprocess.run(["mount", "--bind", str(there), str(here)], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"this user may not mount: {error}")
            mounted.callback(subprocess.run, ["umount", "--lazy", str(here)], check=True)

        yield bind


def _runs(db_file: Path) -> int:
    with SqliteDatabase(db_file) as database:
        return len(database.runs())


@pytest.mark.parametrize("name", ["runs.db", "other.db"])
def test_a_hard_link_is_refused_under_each_name_and_says_what_to_do(db_file: Path, name: str) -> None:
    os.link(db_file, db_file.with_name("other.db"))
    with pytest.raises(StoreError, match=r"2 names.*write-ahead log of its own.*remove the other links"):
        SqliteDatabase(db_file.with_name(name))
    db_file.with_name("other.db").unlink()
    assert _runs(db_file) == 1


def test_a_hard_link_of_a_file_that_this_process_has_open_is_refused_too(db_file: Path) -> None:
    with SqliteDatabase(db_file) as database:
        os.link(db_file, db_file.with_name("other.db"))
        with pytest.raises(StoreError, match="2 names"):
            SqliteDatabase(db_file.with_name("other.db"))
        assert Agent(ScriptedModel(["done"]), db=database).do("Go on.") == "done"


def test_a_mounted_file_is_refused_and_a_mounted_directory_is_not(db_file: Path, tmp_path: Path, mount: Mount) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "runs.db").touch()
    mount(db_file, tmp_path / "file" / "runs.db")
    with pytest.raises(StoreError, match=r"mounted here from elsewhere.*mount the directory"):
        SqliteDatabase(tmp_path / "file" / "runs.db")
    (tmp_path / "directory").mkdir()
    mount(db_file.parent, tmp_path / "directory")
    assert _runs(tmp_path / "directory" / "runs.db") == 1


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_mounted_log_or_lock_file_is_refused(db_file: Path, tmp_path: Path, mount: Mount, suffix: str) -> None:
    beside = Path(f"{db_file}{suffix}")
    for file in (beside, tmp_path / "elsewhere"):
        file.touch()
    mount(tmp_path / "elsewhere", beside)
    with pytest.raises(StoreError, match=f"{suffix} beside it is mounted here from elsewhere"):
        SqliteDatabase(db_file)
