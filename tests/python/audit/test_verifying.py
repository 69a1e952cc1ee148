"""What is told of a run that nobody changed, and how somebody else can check it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from haltpoint import InMemoryDatabase, ModelReply, RunNotFoundError, ScriptedModel, SqliteDatabase, ToolCall
from support.documents import BLOCKS

from .evidence import KEY, OTHER_KEY, AnyDatabase, agent_on, finished_run, paused_run

_DOCUMENT = "docs/reference/journal-format.md"
_FIRST_FORMAT = Path(__file__).parents[2] / "store" / "schemas" / "5.sql"


@pytest.fixture(params=["sqlite", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    return InMemoryDatabase() if request.param == "memory" else SqliteDatabase(tmp_path / "runs.db")


def test_a_run_that_nobody_changed_is_verified(database: AnyDatabase) -> None:
    run_id = finished_run(database)
    found = database.verify(run_id)
    assert (found.ok, found.first_bad, found.run_id) == (True, None, run_id)
    assert (found.keyed, found.key_id) == (False, None)
    entries = database.journal(run_id)
    assert (found.entries, found.head) == (len(entries), entries[-1]["hash"])


def test_a_run_is_verified_at_each_point_of_its_life(database: AnyDatabase) -> None:
    run_id = paused_run(database)
    assert database.verify(run_id).ok
    database.cancel(run_id)
    assert database.verify(run_id).ok
    (requirement,) = database.requirements(run_id=run_id, open_only=False)
    requirement.reject("no")
    requirement.commit()
    assert database.verify(run_id).ok
    agent_on(database).continue_run(run_id=run_id)
    assert database.verify(run_id).ok


def test_verifying_does_not_hold_up_the_event_loop(database: AnyDatabase) -> None:
    run_id = finished_run(database)
    found = asyncio.run(database.verify_async(run_id, head=None))
    assert found == database.verify(run_id)


def test_verifying_an_unknown_run_says_so(database: AnyDatabase) -> None:
    with pytest.raises(RunNotFoundError):
        database.verify("no-such-run")


@pytest.mark.parametrize("head", ["", "00", "x" * 64, "0" * 63, "0" * 66])
def test_a_head_that_is_no_hash_is_refused(database: AnyDatabase, head: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        database.verify(paused_run(database), head)


def test_the_hash_of_any_entry_may_have_been_kept_as_head(database: AnyDatabase) -> None:
    run_id = finished_run(database)
    for entry in database.journal(run_id):
        assert database.verify(run_id, entry["hash"].upper()).ok
    assert not database.verify(run_id, "0" * 64).ok


def test_line_separators_in_texts_do_not_break_a_journal_apart(database: AnyDatabase) -> None:
    text = "one\u2028two\x85three\x1cfour"
    agent = agent_on(database)
    agent.model = ScriptedModel([ModelReply(tool_calls=[ToolCall("wipe", {"table": text})]), text])
    run_id = agent.do("Wipe", return_output=True).run_id
    assert database.journal(run_id)[1]["entry"]["calls"][0]["args"] == {"table": text}


def _documented_program(tmp_path: Path) -> Path:
    [program] = [block.text for block in BLOCKS if block.document == _DOCUMENT and block.language == "python"]
    assert len(program.splitlines()) <= 22
    path = tmp_path / "check_export.py"
    path.write_text(program, encoding="utf-8")
    return path


def _check_export(program: Path, export: str, key: bytes = b"") -> str:
    path = program.with_name("export.jsonl")
    path.write_text(export, encoding="utf-8", newline="\n")
    environment = {"HALTPOINT_AUDIT_KEY": key.decode()}
    command = [sys.executable, "-I", str(program), str(path)]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (finished.returncode == 0) == (finished.stderr == "")
    return finished.stdout or finished.stderr


@pytest.mark.parametrize("key", [b"", KEY], ids=["plain", "keyed"])
def test_the_documented_program_checks_an_export_without_haltpoint(tmp_path: Path, key: bytes) -> None:
    database = InMemoryDatabase(audit_key=key or None)
    agent = agent_on(database)
    agent.model = ScriptedModel(
        [ModelReply(tool_calls=[ToolCall("wipe", {"table": 'ä,"hash":"\u2028 "entry": 1e400 \\'})]), "done"]
    )
    output = agent.do("Wipe", return_output=True, hitl_handler=lambda one: one.confirm(by="ann"))
    program, export = _documented_program(tmp_path), database.export(output.run_id)
    about = json.loads(export.partition("\n")[0])
    assert _check_export(program, export, key) == f"{about['entries']} entries, head {about['head']}\n"


@pytest.mark.parametrize("key", [b"", KEY], ids=["plain", "keyed"])
def test_the_documented_program_finds_what_was_changed(tmp_path: Path, key: bytes) -> None:
    database = InMemoryDatabase(audit_key=key or None)
    program, export = _documented_program(tmp_path), database.export(finished_run(database))
    lines = export.split("\n")
    changes = {
        "entry 5": export.replace('"by":"ann"', '"by":"eve"'),
        "entry 1": export.replace('"seq":1,', '"seq":2,'),
        "entry 4": "\n".join(lines[:4] + lines[5:]),
        "entry 2": export.replace('"kind":"model_replied"', '"kind":"model_repliee"', 1),
        "the head": "\n".join([*lines[:-2], ""]),
    }
    for place, changed in changes.items():
        assert changed != export
        assert _check_export(program, changed, key) == f"{place} does not fit\n"


def test_the_documented_program_needs_the_right_key(tmp_path: Path) -> None:
    database = InMemoryDatabase(audit_key=KEY)
    program, export = _documented_program(tmp_path), database.export(finished_run(database))
    assert _check_export(program, export, OTHER_KEY) == "entry 1 does not fit\n"


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "keyed"])
def test_the_documented_program_checks_exports_of_the_first_format(tmp_path: Path, key: bytes | None) -> None:
    path = tmp_path / "runs.db"
    connection = sqlite3.connect(path)
    connection.executescript(_FIRST_FORMAT.read_text("utf-8"))
    connection.close()
    program, checked = _documented_program(tmp_path), 0
    with SqliteDatabase(path, audit_key=key) as database:
        for run in database.runs():
            export = database.export(run.run_id)
            about = json.loads(export.partition("\n")[0])
            assert about["haltpoint_journal"] == 1
            if about["keyed"] == (key is not None):
                assert (
                    _check_export(program, export, key or b"") == f"{about['entries']} entries, head {about['head']}\n"
                )
                assert (
                    _check_export(program, export.replace('"at":1', '"at":2'), key or b"") == "entry 1 does not fit\n"
                )
                checked += 1
    assert checked == (3 if key is None else 1)
