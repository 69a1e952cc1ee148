"""A masked export can be checked by its commitments, and does not help who tries values."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import InMemoryDatabase, SqliteDatabase
from support.command import CommandLine

from .stories import EDITED, SAID, Story, seen, tell

KEY = b"a key of more than sixteen bytes"
_PAGE = Path(__file__).parents[3] / "docs" / "reference" / "journal-format.md"


def _checked(tmp_path: Path, export: str, key: bytes = b"") -> str:
    """What the documented program says of an export."""
    (program,) = re.findall(r"```python\n(import hashlib.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "checker.py").write_text(program, "utf-8")
    (tmp_path / "export").write_text(export, "utf-8", newline="\n")
    command = [sys.executable, "-I", str(tmp_path / "checker.py"), str(tmp_path / "export")]
    environment = {**os.environ, "HALTPOINT_AUDIT_KEY": key.decode()}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return finished.stdout or finished.stderr


def _lines(export: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    about, *rows = map(json.loads, export.split("\n")[:-1])
    return about, rows


@pytest.mark.parametrize("key", [b"", KEY], ids=["plain", "keyed"])
@pytest.mark.parametrize("is_sqlite", [True, False])
def test_the_documented_program_checks_a_masked_export(tmp_path: Path, key: bytes, is_sqlite: bool) -> None:
    made = SqliteDatabase(tmp_path / "runs.db", audit_key=key or None) if is_sqlite else None
    database = made or InMemoryDatabase(audit_key=key or None)
    story = tell(database)
    export, whole = database.export(story.done), database.export(story.done, with_sensitive=True)
    about, rows = _lines(export)
    assert seen(export) == []
    assert about["masked"] == sum(row.get("masked", False) for row in rows) > 5
    counts = f"{about['entries']} entries, {about['masked']} of them masked, head {about['head']}\n"
    assert _checked(tmp_path, export, key) == counts
    assert _checked(tmp_path, whole, key) == f"{about['entries']} entries, head {about['head']}\n"
    assert about["head"] == database.verify(story.done).head


def test_the_whole_has_the_values(db: SqliteDatabase, story: Story) -> None:
    whole = db.export(story.done, with_sensitive=True)
    about, rows = _lines(whole)
    assert "masked" not in about
    assert SAID in whole
    assert EDITED in whole
    assert [row["entry"] for row in rows] == [item["entry"] for item in db.journal(story.done)]


def test_a_masked_line_has_no_salt_to_try_values_with(db: SqliteDatabase, story: Story) -> None:
    _, rows = _lines(db.export(story.done))
    _, whole = _lines(db.export(story.done, with_sensitive=True))
    masked = [(row, before) for row, before in zip(rows, whole, strict=True) if "masked" in row]
    for row, before in masked:
        assert "salt" not in row
        assert row["hash"] == before["hash"]
        assert list(row)[-2:] == ["entry", "hash"]
    seq: int = masked[0][0]["seq"]
    text = db.export(story.done, with_sensitive=True).split("\n")[seq]
    payload = text.partition('"entry":')[2].rpartition(',"hash":')[0]
    commitment = hashlib.sha256(bytes.fromhex(masked[0][1]["salt"]) + payload.encode()).hexdigest()
    assert masked[0][0]["commitment"] == commitment


CHANGES: dict[str, Callable[[str], str]] = {
    "an entry that is not masked": lambda export: export.replace('"holder":"', '"holder":"x', 1),
    "a commitment": lambda export: re.sub('"commitment":"..', '"commitment":"00', export, count=1),
    "who decided": lambda export: export.replace('"actor":"ann"', '"actor":"eve"', 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_found(db: SqliteDatabase, story: Story, tmp_path: Path, change: str) -> None:
    export = db.export(story.done)
    changed = CHANGES[change](export)
    assert changed != export
    assert re.fullmatch(r"entry \d+ does not fit\n", _checked(tmp_path, changed))


def test_an_export_without_sensitive_parameters_is_as_it_was(db: SqliteDatabase) -> None:
    from haltpoint import Agent, ScriptedModel

    run_id = Agent(ScriptedModel(['"sensitive":["x"]']), db=db).do("Say it.", return_output=True).run_id
    assert db.export(run_id) == db.export(run_id, with_sensitive=True)


def test_the_command_writes_what_the_library_returns(db: SqliteDatabase, story: Story, tmp_path: Path) -> None:
    export, whole = db.export(story.done), db.export(story.done, with_sensitive=True)
    db.close()
    cli, target = CommandLine(tmp_path / "runs.db"), tmp_path / "run.jsonl"
    printed = cli("export", story.done, str(target), "--json").record
    about, _ = _lines(export)
    assert printed == {"export": str(target), **{name: about[name] for name in ("entries", "masked", "head")}}
    assert target.read_bytes() == export.encode()
    assert target.stat().st_mode & 0o777 == 0o600
    assert cli("export", story.done, "-").out == export
    assert cli("export", story.done, "-", "--with-sensitive").out == whole
    again = cli("export", story.done, str(target))
    assert (again.code, "File exists" in again.err) == (1, True)
    assert cli("export", story.done, "-", "--json").code == 2
    assert "of them masked" in cli("export", story.done, str(tmp_path / "other")).out
