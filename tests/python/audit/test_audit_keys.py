"""A run that was written with an audit key can be looked at by anybody, and written to by those with the key."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import AuditKeyError, InMemoryDatabase, RunStatus, SqliteDatabase, StoreError

from .evidence import KEY, OTHER_KEY, AnyDatabase, agent_on, finished_run, paused_run

_OPENINGS: list[Any] = [None, OTHER_KEY]


def _id_of(key: bytes, path: Path) -> str:
    with SqliteDatabase(path.with_name("other.db"), audit_key=key) as database:
        found = database.verify(paused_run(database))
    assert found.key_id is not None
    return found.key_id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def _keyed_run(path: Path) -> str:
    with SqliteDatabase(path, audit_key=KEY) as database:
        return paused_run(database)


def _decide(database: SqliteDatabase, run_id: str) -> None:
    (requirement,) = database.requirements(run_id=run_id)
    requirement.confirm(by="ann")
    requirement.commit()


_WRITES: dict[str, Callable[[SqliteDatabase, str], Any]] = {
    "continue": lambda database, run_id: agent_on(database).continue_run(
        run_id=run_id, hitl_handler=lambda requirement: requirement.confirm()
    ),
    "decide": _decide,
    "cancel": lambda database, run_id: database.cancel(run_id),
}


@pytest.mark.parametrize("write", _WRITES.values(), ids=_WRITES)
@pytest.mark.parametrize("key", _OPENINGS, ids=["without a key", "with another key"])
def test_a_keyed_run_is_not_written_to_without_its_key(
    path: Path, write: Callable[[SqliteDatabase, str], Any], key: bytes | None
) -> None:
    run_id = _keyed_run(path)
    with SqliteDatabase(path, audit_key=KEY) as database:
        whole = database.export(run_id)
        key_id = database.verify(run_id).key_id
    with SqliteDatabase(path, audit_key=key) as database, pytest.raises(AuditKeyError) as caught:
        write(database, run_id)
    error = caught.value
    assert (error.run_id, error.key_id) == (run_id, key_id)
    assert (error.given_key_id is None) == (key is None)
    assert f"keyed with the audit key {key_id}" in str(error)
    assert pickle.loads(pickle.dumps(error)).key_id == key_id
    with SqliteDatabase(path, audit_key=KEY) as database:
        assert database.export(run_id) == whole
        assert agent_on(database).continue_run(run_id=run_id, hitl_handler=lambda one: one.confirm()) == "done"


@pytest.mark.parametrize("key", _OPENINGS, ids=["without a key", "with another key"])
def test_a_keyed_run_can_be_looked_at_without_its_key(path: Path, key: bytes | None) -> None:
    run_id = _keyed_run(path)
    with SqliteDatabase(path, audit_key=key) as database:
        assert database.run(run_id).status is RunStatus.paused
        assert [one.run_id for one in database.runs()] == [run_id]
        assert [one.run_id for one in database.requirements()] == [run_id]
        assert len(database.journal(run_id)) == 4


@pytest.mark.parametrize("key", _OPENINGS, ids=["without a key", "with another key"])
def test_without_its_key_nothing_vouches_for_a_keyed_run(path: Path, key: bytes | None) -> None:
    run_id = _keyed_run(path)
    with SqliteDatabase(path, audit_key=key) as database:
        found = database.verify(run_id)
        assert found.first_bad is not None
        assert (found.ok, found.keyed, found.first_bad.seq) == (False, True, None)
        why = "which was not given" if key is None else f"and the key that was given is {_id_of(key, path)}"
        assert f"{why}: its hashes were not checked" in found.first_bad.reason
        assert database.check() == [f"run {run_id}: {found.first_bad}"]
        assert json.loads(database.export(run_id).partition("\n")[0])["verified"] is False


def test_a_completed_keyed_run_still_gives_its_output_without_the_key(path: Path) -> None:
    with SqliteDatabase(path, audit_key=KEY) as database:
        run_id = finished_run(database)
    with SqliteDatabase(path) as database:
        assert agent_on(database).continue_run(run_id=run_id) == "done"


def test_runs_that_were_begun_without_a_key_stand_beside_keyed_ones(path: Path) -> None:
    with SqliteDatabase(path) as database:
        run_id = finished_run(database)
    with SqliteDatabase(path, audit_key=KEY) as database:
        keyed = finished_run(database)
        old, new = database.verify(run_id), database.verify(keyed)
        assert (old.keyed, old.ok, new.keyed, new.ok) == (False, False, True, True)
        assert "whoever can write the file could have rewritten it" in str(old.first_bad)
        assert database.verify(run_id, old.head).ok, "its last hash was kept elsewhere"
    with SqliteDatabase(path) as database:
        assert database.verify(run_id).ok


@pytest.mark.parametrize("write", _WRITES.values(), ids=_WRITES)
def test_who_has_a_key_does_not_write_to_a_run_that_anybody_could_have_written(
    path: Path, write: Callable[[SqliteDatabase, str], Any]
) -> None:
    with SqliteDatabase(path) as database:
        run_id = paused_run(database)
    with SqliteDatabase(path, audit_key=KEY) as database:
        assert [one.run_id for one in database.requirements()] == [run_id]
        with pytest.raises(AuditKeyError, match=r"is not keyed.*open the database without an audit key") as caught:
            write(database, run_id)
        assert caught.value.key_id is None
    with SqliteDatabase(path) as database:
        assert agent_on(database).continue_run(run_id=run_id, hitl_handler=lambda one: one.confirm()) == "done"


def test_text_is_a_key_by_its_utf_8_bytes(path: Path) -> None:
    with SqliteDatabase(path, audit_key="schlüssel-schlüssel") as database:
        run_id = finished_run(database)
    with SqliteDatabase(path, audit_key="schlüssel-schlüssel".encode()) as database:
        assert database.verify(run_id).ok


def test_the_environment_has_the_key_where_none_is_given(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALTPOINT_AUDIT_KEY", KEY.decode())
    with SqliteDatabase(path) as database:
        run_id = finished_run(database)
    monkeypatch.delenv("HALTPOINT_AUDIT_KEY")
    with SqliteDatabase(path, audit_key=KEY) as database:
        assert database.verify(run_id).ok


@pytest.mark.parametrize("make", [SqliteDatabase, InMemoryDatabase])
@pytest.mark.parametrize("short", [b"", "", b"fifteen bytes..", "fifteen bytes.."])
def test_a_short_key_is_refused_and_not_shown(
    make: Callable[..., AnyDatabase], short: bytes | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AuditKeyError, match=f"at least 16 bytes, the one given has {len(short)}") as caught:
        make(audit_key=short)
    assert "fifteen" not in "".join(traceback.format_exception(caught.value))
    assert not list(tmp_path.iterdir()), "no file was made"


def test_an_empty_key_in_the_environment_is_no_key_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALTPOINT_AUDIT_KEY", "")
    with pytest.raises(AuditKeyError, match="at least 16 bytes"):
        InMemoryDatabase()


def test_what_is_neither_bytes_nor_text_is_no_key() -> None:
    with pytest.raises(TypeError, match=r"bytes or str, got int$"):
        InMemoryDatabase(audit_key=1234567890123456)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_text_that_is_no_unicode_is_a_key_all_the_same() -> None:
    assert InMemoryDatabase(audit_key="\ud800" * 16).check() == []


def test_a_file_has_one_key_in_a_process(path: Path) -> None:
    with SqliteDatabase(path, audit_key=KEY), SqliteDatabase(path, audit_key=KEY):
        with pytest.raises(StoreError, match="another durability, lease or audit key"):
            SqliteDatabase(path, audit_key=OTHER_KEY)
        with pytest.raises(StoreError, match="another durability, lease or audit key"):
            SqliteDatabase(path)


def test_the_key_is_nowhere_to_be_seen(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with SqliteDatabase(path, audit_key=KEY) as database:
        run_id = finished_run(database)
        shown = [repr(database), str(vars(database)), database.export(run_id), *database.check()]
        shown += [repr(database.verify(run_id)), repr(database.audit(run_id)), caplog.text]
        database.backup(path.with_name("copy.db"))
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    for form in (KEY, KEY.hex().encode()):
        assert form not in files
        assert form not in "".join(shown).encode()


def test_a_run_of_another_process_is_verified_with_the_key_of_the_environment(path: Path) -> None:
    with SqliteDatabase(path, audit_key=KEY) as database:
        run_id = finished_run(database)
        program = "import sys, haltpoint; print(haltpoint.SqliteDatabase(sys.argv[1]).verify(sys.argv[2]).ok)"
        environment = {**os.environ, "HALTPOINT_AUDIT_KEY": KEY.decode()}
        command = [sys.executable, "-c", program, str(path), run_id]
        printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert printed == "True\n"


def test_a_database_in_memory_takes_a_key_likewise() -> None:
    database = InMemoryDatabase(audit_key=KEY)
    found = database.verify(finished_run(database))
    assert (found.ok, found.keyed, found.first_bad) == (True, True, None)
