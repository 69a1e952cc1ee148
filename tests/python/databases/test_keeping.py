"""Looking after a database: copies, journals as text, and checks."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from haltpoint import (
    Agent,
    InMemoryDatabase,
    ModelReply,
    RunNotFoundError,
    ScriptedModel,
    SqliteDatabase,
    StoreError,
    Task,
    ToolCall,
    tool,
)

# The file may be opened by one SQLite library of a process only: what looks inside does so from another process.
_SPOIL = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()"


@tool(requires_confirmation=True)
def wipe(table: str) -> str:
    """Empty a table."""
    return f"wiped {table}"


def _agent(database: SqliteDatabase | InMemoryDatabase) -> Agent:
    return Agent(ScriptedModel([ModelReply(tool_calls=[ToolCall("wipe", {"table": "logs"})]), "done"]), db=database)


def _spoil(path: Path, statement: str) -> None:
    subprocess.run([sys.executable, "-c", _SPOIL, str(path), statement], check=True)


def _paused(database: SqliteDatabase | InMemoryDatabase) -> str:
    output = _agent(database).do(Task("Wipe the logs", tools=[wipe]), return_output=True)
    run_id: str = output.run_id
    return run_id


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    return SqliteDatabase(tmp_path / "runs.db")


def test_a_backup_taken_while_the_database_is_open_continues_the_run(database: SqliteDatabase, tmp_path: Path) -> None:
    run_id = _paused(database)
    database.backup(tmp_path / "copy.db")
    database.close()
    with SqliteDatabase(tmp_path / "copy.db") as copy:
        assert copy.check() == []
        agent = _agent(copy)
        output = agent.continue_run(run_id=run_id, return_output=True, hitl_handler=lambda r: r.confirm())
        assert output.output == "done"


def test_a_backup_can_be_read_by_its_owner_only(database: SqliteDatabase, tmp_path: Path) -> None:
    _paused(database)
    database.backup(tmp_path / "copy.db")
    assert stat.S_IMODE(os.stat(tmp_path / "copy.db").st_mode) == 0o600


def test_a_backup_overwrites_nothing(database: SqliteDatabase, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("letters")
    with pytest.raises(StoreError, match="path of a new file"):
        database.backup(target)
    assert target.read_text() == "letters"


def test_a_backup_into_a_missing_directory_says_so(database: SqliteDatabase, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="directory that exists"):
        database.backup(tmp_path / "nowhere" / "copy.db")


def test_a_database_in_memory_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="in memory"):
        InMemoryDatabase().backup(tmp_path / "copy.db")


def test_an_export_holds_the_whole_journal_and_its_last_hash(database: SqliteDatabase) -> None:
    run_id = _paused(database)
    head, *entries = (json.loads(line) for line in database.export(run_id).splitlines())
    assert head == {
        "haltpoint_journal": 2,
        "run_id": run_id,
        "status": "PAUSED",
        "entries": len(entries),
        "head": entries[-1]["hash"],
        "keyed": False,
        "verified": True,
    }
    assert [entry["kind"] for entry in entries] == [
        "run_started",
        "model_replied",
        "requirement_opened",
        "run_paused",
    ]
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4]
    assert entries[1]["entry"]["calls"][0]["args"] == {"table": "logs"}


def test_exporting_an_unknown_run_says_so(database: SqliteDatabase) -> None:
    with pytest.raises(RunNotFoundError):
        database.export("no-such-run")


def test_a_sound_database_has_no_problems(database: SqliteDatabase) -> None:
    for _ in range(3):
        _paused(database)
    assert database.check() == []
    assert InMemoryDatabase().check() == []


def test_one_changed_byte_of_one_entry_is_found(database: SqliteDatabase, tmp_path: Path) -> None:
    sound, changed = _paused(database), _paused(database)
    database.close()
    _spoil(
        tmp_path / "runs.db",
        "UPDATE entries SET payload = replace(payload, 'logs', 'dogs') WHERE kind = 'model_replied' "
        f"AND id >> 32 = (SELECT run FROM runs WHERE run_id = '{changed}')",
    )
    with SqliteDatabase(tmp_path / "runs.db") as reopened:
        (problem,) = reopened.check()
    assert changed in problem
    assert "entry 2" in problem
    assert sound not in problem


def test_a_removed_entry_is_found(database: SqliteDatabase, tmp_path: Path) -> None:
    run_id = _paused(database)
    database.close()
    _spoil(tmp_path / "runs.db", "DELETE FROM entries WHERE kind = 'model_replied'")
    with SqliteDatabase(tmp_path / "runs.db") as reopened:
        problems = reopened.check()
        with pytest.raises(StoreError, match="entry 2"):
            _agent(reopened).continue_run(run_id=run_id)
    assert any(run_id in problem for problem in problems)
