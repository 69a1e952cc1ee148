"""Files that can't be opened as databases: each is refused with advice, and left as it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from haltpoint import Agent, ScriptedModel, SqliteDatabase, StoreError
from support.trouble import elsewhere

_NOBODY = 65534
_OPEN = (
    "import os, sys\n"
    "from haltpoint import SqliteDatabase, StoreError\n"
    "if os.geteuid() == 0: os.setuid(int(sys.argv[2]))\n"
    "try:\n"
    "    SqliteDatabase(sys.argv[1])\n"
    "except StoreError as error:\n"
    "    print(error)\n"
)


def _contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def _database(path: Path) -> None:
    with SqliteDatabase(path) as database:
        Agent(ScriptedModel(["done"]), db=database).do("Begin.")


def _text(path: Path) -> None:
    path.write_text("Dear diary, " * 1000)


def _few_bytes(path: Path) -> None:
    path.write_text("Dear diary")


def _other_application(path: Path) -> None:
    elsewhere(path, "CREATE TABLE letters (words TEXT)")


def _newer_schema(path: Path) -> None:
    _database(path)
    elsewhere(path, "PRAGMA user_version = 999")


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (_text, "no SQLite database.*Give another path"),
        (_few_bytes, "no SQLite database.*Give another path"),
        (_other_application, "another application.*Give another path"),
        (_newer_schema, "newer haltpoint.*Upgrade haltpoint"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], advice: str
) -> None:
    make(tmp_path / "runs.db")
    before = _contents(tmp_path)
    with pytest.raises(StoreError, match=advice):
        SqliteDatabase(tmp_path / "runs.db")
    assert _contents(tmp_path) == before


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("missing/runs.db", "its directory does not exist; create it first"),
        ("file/runs.db", "a part of its path is no directory"),
        (".", "it is a directory; name a file in it"),
        ("", "needs a path"),
        (":memory:", "in memory"),
    ],
)
def test_a_path_that_can_be_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, advice: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match=advice):
        SqliteDatabase(path)
    assert sorted(os.listdir(tmp_path)) == ["file"]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that other users reach, too; the one that pytest makes is its user's alone."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


def _refusal(path: Path) -> str:
    """What an ordinary user gets to read who opens the file."""
    command = [sys.executable, "-c", _OPEN, str(path), str(_NOBODY)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _hand_over(path: Path, mode: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, _NOBODY, _NOBODY)
    path.chmod(mode)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes of files here")
@pytest.mark.parametrize(
    ("file_mode", "directory_mode", "advice"),
    [
        (0o444, 0o755, "is read-only; make it writable"),
        (0o600, 0o555, "directory writable"),
        (0o000, 0o755, "cannot be opened|may not use the file"),
    ],
)
def test_a_file_that_the_user_may_not_write_says_what_to_change(
    shared: Path, file_mode: int, directory_mode: int, advice: str
) -> None:
    _database(shared / "runs.db")
    _hand_over(shared / "runs.db", file_mode)
    _hand_over(shared, directory_mode)
    before = _contents(shared) if os.geteuid() == 0 or file_mode else {}
    assert re.search(advice, _refusal(shared / "runs.db"))
    assert not before or _contents(shared) == before


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes of files here")
def test_a_directory_that_the_user_may_not_write_says_what_to_change(shared: Path) -> None:
    _hand_over(shared, 0o555)
    assert re.search("change the permissions or give another path", _refusal(shared / "runs.db"))


def test_a_file_whose_pages_are_damaged_is_never_read_as_something_else(tmp_path: Path) -> None:
    sound = tmp_path / "sound.db"
    with SqliteDatabase(sound) as database:
        run_id = Agent(ScriptedModel(["done " * 3000]), db=database).do("Begin.", return_output=True).run_id
        journal = database.export(run_id)
    pages = len(sound.read_bytes()) // 4096
    harmless = 0
    for page in range(pages):
        path = tmp_path / f"damaged-{page}.db"
        path.write_bytes(_damaged(sound.read_bytes(), page))
        problem = _problem_of(path, run_id, journal)
        harmless += problem is None
        assert problem is None or re.search("backup|no SQLite database|another application", problem), page
    assert pages > 5
    assert harmless == 0


def _problem_of(path: Path, run_id: str, journal: str) -> str | None:
    try:
        with SqliteDatabase(path) as database:
            problems = database.check()
            assert database.export(run_id) == journal
    except StoreError as error:
        return str(error)
    return "; ".join(problems) + " (backup)" if problems else None


def _damaged(content: bytes, page: int) -> bytes:
    begin = page * 4096
    return content[:begin] + bytes(byte ^ 0xFF for byte in content[begin : begin + 4096]) + content[begin + 4096 :]
