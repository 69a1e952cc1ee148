"""One run that can't be read hides no other, and is named."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from audit.evidence import tamper
from haltpoint import (
    Agent,
    DamagedRunError,
    DamagedRunWarning,
    ScriptedModel,
    SqliteDatabase,
    StoreError,
    Task,
    tool,
)
from support.replies import wants


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


@tool(requires_confirmation=True, expires_after=0.000001)
def hurry(amount: int) -> str:
    """Pay at once."""
    return f"paid {amount}"


DAMAGES = {
    "an entry is no entry": "UPDATE entries SET payload = '{}' WHERE id >> 32 = :run AND kind = 'requirement_opened'",
    "an entry is gone": "DELETE FROM entries WHERE id >> 32 = :run AND kind = 'run_paused'; "
    "UPDATE entries SET id = id + 1 WHERE id >> 32 = :run AND kind = 'requirement_opened'",
    "a hash is too short": "UPDATE entries SET hash = x'00' WHERE id >> 32 = :run AND kind = 'run_started'",
    "an entry is of a kind to come": "UPDATE entries SET kind = 'thing' WHERE id >> 32 = :run AND kind = 'run_paused'",
    "the status is none": "UPDATE runs SET status = 'BROKEN' WHERE run = :run",
}


@pytest.fixture
def db_file(tmp_path: Path) -> Path:
    """A database's path."""
    return tmp_path / "runs.db"


def _start(db_file: Path, name: str = "pay") -> str:
    with SqliteDatabase(db_file) as database:
        agent = Agent(ScriptedModel([wants(name, amount=5), "done"]), db=database, tools=[pay, hurry])
        run_id: str = agent.do(Task("Pay."), return_output=True).run_id
    return run_id


def _damage(db_file: Path, run_id: str, statements: str) -> None:
    run = f"(SELECT run FROM runs WHERE run_id = '{run_id}')"
    tamper("sql", db_file, *statements.replace(":run", run).split("; "))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_other_runs_wait_for_is_listed_and_the_damaged_one_is_named(db_file: Path, damage: str) -> None:
    before, damaged, after = _start(db_file), _start(db_file), _start(db_file)
    _damage(db_file, damaged, damage)
    with SqliteDatabase(db_file) as database:
        told: list[DamagedRunError] = []
        found = database.requirements(on_damaged=told.append)
        assert [item.run_id for item in found] == [after, before]
        assert [error.run_id for error in told] == [damaged]
        assert damaged in str(told[0]) and "haltpoint check" in str(told[0])
        assert any(damaged in problem for problem in database.check())
        with pytest.warns(DamagedRunWarning, match=damaged) as warned:
            database.requirements()
        assert warned[0].filename == __file__ and warned[0].message.run_id == damaged


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_run_that_is_asked_for_raises(db_file: Path, damage: str) -> None:
    damaged = _start(db_file)
    _damage(db_file, damaged, damage)
    with SqliteDatabase(db_file) as database:
        for ask in (lambda: database.run(damaged), lambda: database.requirements(run_id=damaged)):
            with pytest.raises(DamagedRunError) as caught:
                ask()
            assert caught.value.run_id == damaged and isinstance(caught.value, StoreError)


def test_a_run_whose_journal_is_damaged_is_in_the_list_and_raises_once_it_is_looked_into(db_file: Path) -> None:
    sound, damaged = _start(db_file), _start(db_file)
    _damage(db_file, damaged, DAMAGES["a hash is too short"])
    with SqliteDatabase(db_file) as database, warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = database.runs()
        assert [(run.run_id, run.status) for run in (first, second)] == [(damaged, "PAUSED"), (sound, "PAUSED")]
        assert second.task.description == "Pay."
        with pytest.raises(DamagedRunError, match=damaged):
            _ = first.task


def test_a_run_whose_row_is_damaged_is_named_beside_the_list(db_file: Path) -> None:
    sound, damaged = _start(db_file), _start(db_file)
    _damage(db_file, damaged, DAMAGES["the status is none"])
    with SqliteDatabase(db_file) as database:
        told: list[DamagedRunError] = []
        assert [run.run_id for run in database.runs(on_damaged=told.append)] == [sound]
        assert [error.run_id for error in told] == [damaged]
        with pytest.warns(DamagedRunWarning, match=damaged):
            database.runs()


def test_pages_are_full_though_damaged_runs_lie_between(db_file: Path) -> None:
    runs = [_start(db_file) for _ in range(6)]
    for damaged in runs[1:5]:
        _damage(db_file, damaged, DAMAGES["a hash is too short"])
    with SqliteDatabase(db_file) as database:
        told: list[DamagedRunError] = []
        found = database.requirements(limit=2, on_damaged=told.append)
        assert [item.run_id for item in found] == [runs[5], runs[0]]
        assert sorted(error.run_id or "" for error in told) == runs[1:5]


def test_a_damaged_run_keeps_no_other_from_expiring(db_file: Path) -> None:
    damaged, sound = _start(db_file, "hurry"), _start(db_file, "hurry")
    _damage(db_file, damaged, DAMAGES["a hash is too short"])
    with SqliteDatabase(db_file) as database:
        with pytest.warns(DamagedRunWarning, match=damaged):
            assert database.expire_due() == 1
        assert database.run(sound).requirements[0].is_expired
        with pytest.raises(DamagedRunError, match=damaged):
            database.expire_due(damaged)


def _payer(database: SqliteDatabase) -> Agent:
    return Agent(ScriptedModel([wants("pay", amount=5), "done"]), db=database, tools=[pay], session_id="shop")


def _approve_for_the_session(db_file: Path) -> str:
    with SqliteDatabase(db_file) as database:
        output = _payer(database).do("Pay.", return_output=True)
        output.requirements[0].confirm(remember="session", by="ann")
        _payer(database).continue_run(run_id=output.run_id)
        run_id: str = output.run_id
    return run_id


def test_an_approval_in_a_damaged_run_answers_no_call_and_hides_no_other(db_file: Path) -> None:
    damaged = _approve_for_the_session(db_file)
    _damage(db_file, damaged, DAMAGES["a hash is too short"])
    sound = _approve_for_the_session(db_file)
    with SqliteDatabase(db_file) as database:
        told: list[DamagedRunError] = []
        assert [item.run_id for item in database.remembered(on_damaged=told.append)] == [sound]
        assert [error.run_id for error in told] == [damaged]
        with pytest.warns(DamagedRunWarning, match=damaged) as warned:
            database.remembered()
        assert warned[0].filename == __file__
        with pytest.raises(DamagedRunError, match=damaged):
            database.remembered(run_id=damaged)


def test_a_database_that_can_not_be_used_at_all_is_no_damaged_run(db_file: Path) -> None:
    _start(db_file)
    database = SqliteDatabase(db_file)
    database.close()
    with pytest.raises(StoreError) as caught:
        database.requirements(on_damaged=lambda error: pytest.fail(str(error)))
    assert not isinstance(caught.value, DamagedRunError)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"type": "object", "properties": 5},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#"},
        {"patternProperties": {"(": {}}},
        [],
    ],
    ids=str,
)
def test_changed_arguments_that_can_not_be_checked_are_refused_with_advice(db_file: Path, schema: Any) -> None:
    _start(db_file)
    _store_schema(db_file, schema)
    decide = f"""
import sys
from haltpoint import InvalidResolutionError, SqliteDatabase
with SqliteDatabase({str(db_file)!r}) as database:
    (waiting,) = database.requirements()
    waiting.confirm(tool_args={{"amount": 7}})
    try:
        waiting.commit()
    except InvalidResolutionError as error:
        print(error)
    waiting.confirm()
    waiting.commit()
"""
    told = subprocess.run([sys.executable, "-c", decide], capture_output=True, text=True, check=True).stdout
    assert "schema in the run's journal is broken" in told and "confirm the call as it stands" in told


def _store_schema(db_file: Path, schema: Any) -> None:
    """Give the tool another schema, in a journal that is sound."""
    parameters = f"json_set(payload, '$.tools[0].parameters', json('{json.dumps(schema)}'))"
    tamper("forge", db_file, f"UPDATE entries SET payload = {parameters} WHERE kind = 'run_started'")
