"""Whoever changes a row, in whichever column, is found out, and the row is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from haltpoint import RunNotFoundError, SqliteDatabase, StoreError, Verification

from .evidence import KEY, agent_on, finished_run, paused_run, tamper
from .tamper import COLUMNS

_ENTRIES = 10
_EVE_FOR_ANN = "UPDATE entries SET payload = replace(payload, 'ann', 'eve'), actor = replace(actor, 'ann', 'eve')"


def _made(path: Path, key: bytes | None) -> str:
    with SqliteDatabase(path, audit_key=key) as database:
        run_id = finished_run(database)
        assert database.verify(run_id).ok
    return run_id


def _verify(path: Path, run_id: str, key: bytes | None = None, head: str | None = None) -> Verification:
    with SqliteDatabase(path, audit_key=key) as database:
        return database.verify(run_id, head)


def _reason(found: Verification) -> str:
    assert not found.ok
    assert found.first_bad is not None
    return found.first_bad.reason


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "keyed"])
def test_one_changed_bit_in_any_column_of_any_row_names_that_row(path: Path, tmp_path: Path, key: bytes | None) -> None:
    run_id = _made(path, key)
    variants = tmp_path / "variants"
    variants.mkdir()
    tamper("flip", path, variants)
    found = {variant.stem: _verify(variant, run_id, key).first_bad for variant in variants.iterdir()}
    assert len(found) == _ENTRIES * len(COLUMNS)
    named = {name: None if bad is None else bad.seq for name, bad in found.items()}
    assert named == {name: int(name.partition("-")[0]) for name in found}


@pytest.mark.parametrize(
    ("change", "seq", "reason"),
    [
        ("payload = CAST(x'7bff7d' AS TEXT)", 2, "cannot be read"),
        ("payload = '{}'", 2, "its payload and salt are not those that its commitment was made of"),
        ("payload = NULL, salt = NULL", 2, "its payload is missing, and no entry says that it was erased"),
        ("payload = NULL", 2, "its column salt holds what no entry of this format has there"),
        ("salt = NULL", 2, "its column salt holds what no entry of this format has there"),
        ("commitment = x'00'", 2, "its column commitment holds what no entry of this format has there"),
        ("actor = 'eve'", 2, "its hash is not that of its content"),
        ("kind = 'unheard_of'", 2, "its hash is not that of its content"),
        ("hash = x'00'", 2, "its hash has 1 bytes instead of 32"),
        ("outsider = 2", 2, "only 0 and 1 have a meaning"),
        ("driver_entries = -1", 2, "counts -1 entries by drivers, where there are 2"),
        ("id = id - 2", 0, "no entry has its place there"),
    ],
)
def test_the_reason_says_what_is_wrong_with_a_row(path: Path, change: str, seq: int, reason: str) -> None:
    run_id = _made(path, None)
    tamper("sql", path, f"UPDATE entries SET {change} WHERE id & 4294967295 = 2")
    found = _verify(path, run_id)
    assert found.first_bad is not None
    assert (found.first_bad.seq, found.entries, found.ok) == (seq, _ENTRIES, False)
    assert reason in found.first_bad.reason


def test_a_removed_entry_is_named(path: Path) -> None:
    run_id = _made(path, KEY)
    tamper("sql", path, "DELETE FROM entries WHERE id & 4294967295 = 4")
    assert str(_verify(path, run_id, KEY).first_bad) == "entry 4: it is missing"


def test_a_run_without_entries_is_no_run(path: Path) -> None:
    run_id = _made(path, None)
    tamper("sql", path, "DELETE FROM entries")
    found = _verify(path, run_id)
    assert (str(found.first_bad), found.entries, found.head) == ("entry 1: it is missing", 0, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("agent_name = 'chief'", "another agent_name than its journal"),
        ("session_id = NULL", "another session_id than its journal"),
        ("user_id = 'eve'", "another user_id than its journal"),
        ("status = 'PAUSED'", "another status than its journal"),
        ("created_at = created_at - 1", "another created_at than its journal"),
        ("updated_at = updated_at + 1", "another updated_at than its journal"),
        ("status = 'RELAXED'", "the run's row cannot be read"),
        ("user_id = CAST(x'ff' AS TEXT)", "the run's row cannot be read"),
        ("audit_key_id = '0011223344556677'", "but it is keyed with the audit key"),
        ("audit_key_id = NULL", "says that its hash chain is not keyed, but it is keyed"),
    ],
)
def test_what_stands_beside_the_journal_must_say_the_same(path: Path, change: str, reason: str) -> None:
    run_id = _made(path, KEY)
    tamper("sql", path, f"UPDATE runs SET {change}")
    found = _verify(path, run_id, KEY)
    assert found.first_bad is not None
    assert found.first_bad.seq is None
    assert reason in found.first_bad.reason


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE requirements SET decided = NULL",
        "UPDATE requirements SET decided = decided + 1",
        "UPDATE requirements SET opened = opened - 1",
        "UPDATE requirements SET kind = 'recovery'",
        "UPDATE requirements SET requirement_id = 'x'",
        "UPDATE requirements SET requirement_id = CAST(x'ff' AS TEXT)",
        "DELETE FROM requirements",
        "INSERT INTO requirements (run, requirement_id, kind, opened) SELECT run, 'x', kind, opened FROM requirements",
    ],
)
def test_the_index_of_requirements_must_say_what_the_journal_says(path: Path, change: str) -> None:
    run_id = _made(path, None)
    tamper("sql", path, change)
    assert _reason(_verify(path, run_id)) == "the index of requirements does not say what the journal says"


def test_entries_swapped_between_runs_are_found(path: Path) -> None:
    with SqliteDatabase(path, audit_key=KEY) as database:
        runs = [finished_run(database), finished_run(database)]
    # Number 7 is free: the rows of run 1 go there, those of run 2 to run 1, and the others after them.
    moves = ((1, 7), (2, 1), (7, 2))
    move = "UPDATE entries SET id = ({0} << 32) | (id & 4294967295) WHERE id >> 32 = {1}"
    tamper("sql", path, *(move.format(to, origin) for origin, to in moves))
    for run_id in runs:
        found = _verify(path, run_id, KEY)
        assert found.first_bad is not None
        assert found.first_bad.seq == 1


def test_a_run_under_another_id_is_found(path: Path) -> None:
    run_id = _made(path, None)
    tamper("sql", path, "UPDATE runs SET run_id = 'another'")
    with SqliteDatabase(path) as database:
        assert database.verify("another").first_bad is not None
        with pytest.raises(RunNotFoundError):
            database.verify(run_id)


def test_a_forger_without_a_key_fools_a_plain_chain_and_no_keyed_one(path: Path, tmp_path: Path) -> None:
    edit = (
        "UPDATE entries SET payload = replace(payload, 'ann', 'eve'), actor = 'eve' WHERE kind = 'requirement_decided'"
    )
    plain, keyed = tmp_path / "plain.db", tmp_path / "keyed.db"
    plain_run, keyed_run = _made(plain, None), _made(keyed, KEY)
    tamper("forge", plain, edit)
    tamper("forge", keyed, edit)
    assert _verify(plain, plain_run).ok, "whoever can write the file can compute SHA-256, too"
    found = _verify(keyed, keyed_run, KEY)
    assert found.first_bad is not None
    assert found.first_bad.seq == 1


def test_a_forger_who_makes_a_keyed_run_plain_is_found_by_the_key(path: Path) -> None:
    run_id = _made(path, KEY)
    tamper(
        "forge",
        path,
        "UPDATE runs SET audit_key_id = NULL",
        _EVE_FOR_ANN,
    )
    with SqliteDatabase(path, audit_key=KEY) as database:
        found = database.verify(run_id)
        assert "its hash chain is not keyed" in _reason(found)
        assert not found.keyed
        assert any(run_id in problem and "not keyed" in problem for problem in database.check())


def test_only_a_head_that_was_kept_elsewhere_finds_a_rewritten_plain_chain(path: Path) -> None:
    run_id = _made(path, None)
    head = _verify(path, run_id).head
    assert _verify(path, run_id, head=head).ok
    tamper("forge", path, _EVE_FOR_ANN)
    assert _verify(path, run_id).ok
    assert "no entry has the hash that was kept" in _reason(_verify(path, run_id, head=head))


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "keyed"])
def test_only_a_head_that_was_kept_elsewhere_finds_entries_removed_from_the_end(path: Path, key: bytes | None) -> None:
    with SqliteDatabase(path, audit_key=key) as database:
        run_id = paused_run(database)
        before = database.verify(run_id).head
        (requirement,) = database.requirements(run_id=run_id)
        requirement.reject("no", by="ann")
        requirement.commit()
        head = database.verify(run_id).head
        assert database.verify(run_id, before).ok, "the run has grown since"
    shutil.copy(path, path.with_name("whole.db"))
    tamper(
        "sql",
        path,
        "UPDATE requirements SET decided = NULL",
        "UPDATE runs SET open_requirements = 1",
        "DELETE FROM outsiders",
        "DELETE FROM entries WHERE kind = 'requirement_decided'",
    )
    assert _verify(path, run_id, key).ok
    assert _verify(path, run_id, key, before).ok
    assert "no entry has the hash that was kept" in _reason(_verify(path, run_id, key, head))
    assert _verify(path.with_name("whole.db"), run_id, key, head).ok


def test_who_cuts_a_journal_short_and_forgets_its_row_is_found_without_a_head(path: Path) -> None:
    run_id = _made(path, KEY)
    tamper("sql", path, "DELETE FROM entries WHERE kind = 'run_completed'")
    assert "another status than its journal" in _reason(_verify(path, run_id, KEY))


def test_check_reports_each_run_that_does_not_fit(path: Path) -> None:
    with SqliteDatabase(path, audit_key=KEY) as database:
        sound, changed = finished_run(database), finished_run(database)
        assert database.check() == []
    tamper("sql", path, "UPDATE entries SET at = at + 1 WHERE id >> 32 = 2 AND id & 4294967295 = 3")
    with SqliteDatabase(path, audit_key=KEY) as database:
        (problem,) = database.check()
        assert problem.startswith(f"run {changed}: entry 3: ")
        assert database.verify(sound).ok


def test_check_finds_what_belongs_to_no_run_and_what_nobody_would_notice(path: Path) -> None:
    run_id = _made(path, None)
    tamper("sql", path, "DELETE FROM outsiders")
    with SqliteDatabase(path) as database:
        (problem,) = database.check()
        assert problem.startswith("entry 5 of run number 1 was removed from the list")
        assert database.verify(run_id).ok, "the run itself says what it said"
    tamper("sql", path, "DELETE FROM requirements", "DELETE FROM runs")
    with SqliteDatabase(path) as database:
        assert f"{_ENTRIES} entries belong to run number 1, which does not exist" in "\n".join(database.check())


def test_a_changed_keyed_run_is_neither_continued_nor_exported(path: Path) -> None:
    with SqliteDatabase(path, audit_key=KEY) as database:
        run_id = paused_run(database)
    tamper("forge", path, "UPDATE entries SET payload = replace(payload, 'logs', 'dogs')")
    with SqliteDatabase(path, audit_key=KEY) as database:
        with pytest.raises(StoreError, match="entry 1"):
            agent_on(database).continue_run(run_id=run_id)
        with pytest.raises(StoreError, match="entry 1"):
            database.export(run_id)


def test_an_export_of_a_sound_run_carries_the_head_that_verify_tells(path: Path) -> None:
    run_id = _made(path, KEY)
    with SqliteDatabase(path, audit_key=KEY) as database:
        found = database.verify(run_id)
        about = json.loads(database.export(run_id).partition("\n")[0])
    assert (about["head"], about["keyed"], about["verified"]) == (found.head, True, True)
    assert (about["entries"], about["audit_key_id"]) == (found.entries, found.key_id)
