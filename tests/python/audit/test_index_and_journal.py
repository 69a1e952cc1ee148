"""The journal rules, the index serves: whatever is changed beside it, no second decision is taken, and nothing runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from haltpoint import Agent, HaltpointError, ModelReply, ScriptedModel, SqliteDatabase, StoreError, ToolCall, tool

from .evidence import KEY, agent_on, paused_run, tamper

# Tables that are the journal itself, or SQLite's own.
_NOT_BESIDE = {"entries", "sqlite_sequence"}

_FORGETS = "UPDATE requirements SET decided = NULL"
_SENDS = "INSERT INTO signals (id, at, topic, name, payload) VALUES ('s', 1, x'00', 'n', '1')"


class _Change(NamedTuple):
    """A change of one column beside the journal.

    Attributes:
        sql: what makes it.
        is_found: whether `verify` or `check` finds it; else the journal does not say what the column holds.
    """

    sql: str
    is_found: bool = True


_UNSAID = False

_CHANGES = {
    "requirements.place": _Change("UPDATE requirements SET place = place + 7", _UNSAID),
    "requirements.run": _Change("UPDATE requirements SET run = run + 1"),
    "requirements.requirement_id": _Change("UPDATE requirements SET requirement_id = 'another'"),
    "requirements.kind": _Change("UPDATE requirements SET kind = 'recovery'"),
    "requirements.opened": _Change("UPDATE requirements SET opened = opened - 1"),
    "requirements.decided": _Change(_FORGETS),
    "requirements.expires_at": _Change("UPDATE requirements SET expires_at = 1"),
    "requirements.approvals_needed": _Change("UPDATE requirements SET approvals_needed = 2"),
    "requirements.topic": _Change("UPDATE requirements SET topic = x'00'"),
    # A signal stands in no journal before a run takes it.
    **{
        f"signals.{column}": _Change(_SENDS, _UNSAID)
        for column in ("place", "id", "at", "digest", "topic", "name", "key", "sender", "payload", "taken", "run")
    },
    "approvals.requirement": _Change("INSERT INTO approvals SELECT place + 1, opened FROM requirements"),
    "approvals.entry": _Change("INSERT INTO approvals SELECT place, opened FROM requirements"),
    "remembered.requirement": _Change("INSERT INTO remembered SELECT 99, run, NULL, 'k', NULL FROM requirements"),
    "remembered.run": _Change("INSERT INTO remembered SELECT place, 99, NULL, 'k', NULL FROM requirements"),
    "remembered.session_id": _Change("INSERT INTO remembered SELECT place, run, 'monday', 'k', NULL FROM requirements"),
    "remembered.key": _Change("INSERT INTO remembered SELECT place, run, NULL, 'any', NULL FROM requirements"),
    "remembered.revoked": _Change("INSERT INTO remembered SELECT place, run, NULL, 'k', decided FROM requirements"),
    "outsiders.place": _Change("UPDATE outsiders SET place = place + 7", _UNSAID),
    "outsiders.entry": _Change("UPDATE outsiders SET entry = entry - 1"),
    "runs.run": _Change("UPDATE runs SET run = run + 1"),
    "runs.run_id": _Change("UPDATE runs SET run_id = 'another'"),
    "runs.agent_name": _Change("UPDATE runs SET agent_name = 'another'"),
    "runs.session_id": _Change("UPDATE runs SET session_id = 'another'"),
    "runs.user_id": _Change("UPDATE runs SET user_id = 'another'"),
    "runs.status": _Change("UPDATE runs SET status = 'RUNNING'"),
    "runs.created_at": _Change("UPDATE runs SET created_at = created_at - 1"),
    "runs.updated_at": _Change("UPDATE runs SET updated_at = updated_at + 1"),
    "runs.epoch": _Change("UPDATE runs SET epoch = epoch + 7", _UNSAID),
    "runs.holder": _Change("UPDATE runs SET holder = (SELECT holder FROM holders)", _UNSAID),
    "runs.held_since": _Change("UPDATE runs SET held_since = 1", _UNSAID),
    "runs.audit_key_id": _Change("UPDATE runs SET audit_key_id = '0011223344556677'"),
    "runs.format": _Change("UPDATE runs SET format = 1"),
    "runs.erased": _Change("UPDATE runs SET erased = 1"),
    "unfinished_erasures.run": _Change("INSERT INTO unfinished_erasures SELECT run FROM runs"),
    "removals.run": _Change("INSERT INTO removals SELECT run FROM runs", _UNSAID),
    "runs.open_requirements": _Change("UPDATE runs SET open_requirements = open_requirements + 1"),
    "runs.not_before": _Change("UPDATE runs SET not_before = 1"),
    "runs.goes_on_with": _Change("UPDATE runs SET goes_on_with = goes_on_with + 1"),
    "holders.holder": _Change("UPDATE holders SET holder = holder + 7", _UNSAID),
    "holders.token": _Change("UPDATE holders SET token = 'another'", _UNSAID),
    "holders.host": _Change("UPDATE holders SET host = 'another'", _UNSAID),
    "holders.pid": _Change("UPDATE holders SET pid = 1", _UNSAID),
    "holders.started": _Change("UPDATE holders SET started = 1", _UNSAID),
    "holders.expires": _Change("UPDATE holders SET expires = 1", _UNSAID),
    "subscriptions.name": _Change("INSERT INTO subscriptions VALUES ('s', 0, 'eve', 1)", _UNSAID),
    "subscriptions.position": _Change("INSERT INTO subscriptions VALUES ('s', 99, 'eve', 1)", _UNSAID),
    "subscriptions.claimed_by": _Change("INSERT INTO subscriptions VALUES ('s', 0, '', 1)", _UNSAID),
    "subscriptions.claimed_until": _Change(
        "INSERT INTO subscriptions VALUES ('s', 0, 'eve', 9223372036854775807)", _UNSAID
    ),
    "outlines.entry": _Change("INSERT INTO outlines SELECT min(id), '{}' FROM entries"),
    "outlines.payload": _Change("INSERT INTO outlines SELECT max(id), payload FROM entries"),
    "outbox.place": _Change("INSERT INTO outbox (place, entry) SELECT 99, max(id) FROM entries", _UNSAID),
    "outbox.entry": _Change("INSERT INTO outbox (entry) SELECT min(id) FROM entries", _UNSAID),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def _problems(database: SqliteDatabase, run_id: str) -> list[str]:
    try:
        found = database.verify(run_id).first_bad
    except HaltpointError as error:
        return [str(error)]
    return database.check() + ([] if found is None else [str(found)])


def _raised(call: Callable[[], object]) -> HaltpointError | None:
    try:
        call()
    except HaltpointError as error:
        return error
    return None


def test_every_column_beside_the_journal_is_changed_here(path: Path) -> None:
    SqliteDatabase(path).close()
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    columns = {
        f"{table}.{row[1]}"
        for (table,) in tables
        if table not in _NOT_BESIDE
        for row in connection.execute(f"PRAGMA table_info({table})")
    }
    connection.close()
    assert columns == set(_CHANGES)


@pytest.mark.parametrize("column", _CHANGES)
def test_no_changed_column_lets_a_second_decision_in(path: Path, column: str) -> None:
    change = _CHANGES[column]
    with SqliteDatabase(path, audit_key=KEY) as database:
        run_id = paused_run(database)
        (eves,) = database.requirements()
        (anns,) = database.requirements()
        anns.reject("no", by="ann")
        anns.commit()
        assert _problems(database, run_id) == []
        eves.confirm(by="eve")
        tamper("sql", path, change.sql)
        assert bool(_problems(database, run_id)) == change.is_found
        assert _raised(eves.commit) is not None

        tamper("sql", path, _FORGETS)
        assert _problems(database, run_id) != []
        # What was refused has to be said again.
        assert _raised(lambda: eves.confirm(by="eve")) is None
        assert _raised(eves.commit) is not None
        _raised(lambda: agent_on(database).continue_run(run_id=run_id))
    kinds = _kinds(path)
    assert kinds.count("requirement_decided") == 1
    assert "tool_started" not in kinds


def _kinds(path: Path) -> list[str]:
    """The kinds of all entries. To be asked when the database is closed."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT kind FROM entries ORDER BY id").fetchall()
    connection.close()
    return [kind for (kind,) in rows]


@tool(requires_confirmation=True, approvals=2)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE requirements SET approvals_needed = 1",
        "INSERT INTO approvals SELECT place, opened FROM requirements",
        "UPDATE approvals SET entry = entry - 1",
    ],
)
def test_no_changed_column_makes_one_approval_two(path: Path, change: str) -> None:
    with SqliteDatabase(path) as database:
        model = ScriptedModel([ModelReply(tool_calls=[ToolCall("pay", {"amount": 5})]), "done"])
        agent = Agent(model, db=database, tools=[pay])
        run_id = agent.do("Pay", return_output=True).run_id
        (requirement,) = database.requirements()
        if "UPDATE requirements" in change:
            tamper("sql", path, change)
        requirement.confirm(by="ann")
        requirement.commit()
        if "UPDATE requirements" not in change:
            tamper("sql", path, change)
        _raised(lambda: agent.continue_run(run_id=run_id))
    assert "tool_started" not in _kinds(path)


def test_a_second_decision_in_the_journal_itself_is_found_and_not_acted_on(path: Path) -> None:
    with SqliteDatabase(path) as database:
        run_id = paused_run(database)
        (requirement,) = database.requirements()
        requirement.reject("no", by="ann")
        requirement.commit()
    tamper("approve_plainly", path, requirement.id)
    with SqliteDatabase(path) as database:
        found = database.verify(run_id).first_bad
        assert found is not None
        assert (found.seq, "was decided before" in found.reason) == (6, True)
        assert any(run_id in problem and "was decided before" in problem for problem in database.check())
        with pytest.raises(StoreError, match="was decided before"):
            agent_on(database).continue_run(run_id=run_id)
    assert "tool_started" not in _kinds(path)
