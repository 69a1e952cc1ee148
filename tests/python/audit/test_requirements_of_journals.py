"""A journal says what reading it requires: a release that lacks a feature of it leaves the run alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    InMemoryDatabase,
    ModelReply,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    UnsupportedJournalError,
    tool,
)

from .evidence import KEY, AnyDatabase, agent_on, finished_run, paused_run, tamper

_SCHEMAS = Path(__file__).parents[2] / "store" / "schemas"
_TOMORROW = "UPDATE entries SET requires = '[\"expiry\",\"telepathy\"]' WHERE kind = 'requirement_opened'"


@tool(requires_confirmation=True, approvals=2, expires_after=60)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def _required(database: AnyDatabase, run_id: str) -> dict[str, list[str]]:
    rows = [json.loads(line) for line in database.export(run_id).splitlines()[1:]]
    return {row["kind"]: row["requires"] for row in rows if "requires" in row}


@pytest.mark.parametrize("kind", [SqliteDatabase, InMemoryDatabase])
def test_an_entry_names_the_features_that_it_uses(tmp_path: Path, kind: Callable[..., AnyDatabase]) -> None:
    database = kind(tmp_path / "runs.db") if kind is SqliteDatabase else kind()
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("pay", {"amount": 5})]), "done"])
    agent = Agent(model, db=database, tools=[pay], session_id="monday")
    run_id: str = agent.do("Pay", return_output=True).run_id
    both = ["approvals", "expiry"]
    assert _required(database, run_id) == {"model_replied": both, "requirement_opened": both}
    (requirement,) = database.requirements(run_id=run_id)
    requirement.confirm(by="ann", tool_args={"amount": 4})
    requirement.commit()
    assert _required(database, run_id)["requirement_decided"] == ["tool_args"]
    plain = finished_run(database)
    assert _required(database, plain) == {}


def _cancel(database: SqliteDatabase, run_id: str) -> Any:
    return agent_on(database).cancel_run(run_id)


def _decide(database: SqliteDatabase, run_id: str) -> None:
    (requirement,) = database.requirements(run_id=run_id)
    requirement.confirm(by="ann")
    requirement.commit()


_USES: dict[str, Callable[[SqliteDatabase, str], Any]] = {
    "continue": lambda database, run_id: agent_on(database).continue_run(run_id=run_id),
    "requeue": lambda database, run_id: database.requeue(run_id),
    "decide": _decide,
    "cancel": _cancel,
    "verify": lambda database, run_id: database.verify(run_id),
    "export": lambda database, run_id: database.export(run_id),
    "look": lambda database, run_id: database.run(run_id),
}


@pytest.mark.parametrize("use", _USES)
def test_a_run_that_requires_a_feature_of_a_later_release_is_left_alone(tmp_path: Path, use: str) -> None:
    path = tmp_path / "runs.db"
    with SqliteDatabase(path) as database:
        run_id, other = paused_run(database), paused_run(database)
    tamper("forge", path, f"{_TOMORROW} AND id >> 32 = 1")
    with SqliteDatabase(path) as database:
        with pytest.raises(UnsupportedJournalError, match="telepathy") as caught:
            _USES[use](database, run_id)
        assert (caught.value.run_id, caught.value.features) == (run_id, ("telepathy",))
        assert caught.value.journal_format is None
        assert len(database.runs()) == 2
        assert database.check() == [f"run {run_id} was not checked: {caught.value}"]
        assert database.verify(other).ok
    assert _kinds(path)[-1] == "run_paused"


def test_lists_tell_of_a_run_that_requires_more_and_show_the_others(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with SqliteDatabase(path) as database:
        run_id, other = paused_run(database), paused_run(database)
    tamper("forge", path, f"{_TOMORROW} AND id >> 32 = 1")
    with SqliteDatabase(path) as database:
        told: list[Exception] = []
        (shown,) = database.requirements(on_damaged=told.append)
        assert shown.run_id == other
        (error,) = told
        assert isinstance(error, UnsupportedJournalError)
        assert error.run_id == run_id


def test_what_a_run_requires_is_covered_by_its_hashes(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with SqliteDatabase(path, audit_key=KEY) as database:
        run_id = paused_run(database)
    tamper("sql", path, _TOMORROW)
    with SqliteDatabase(path, audit_key=KEY) as database:
        assert str(database.verify(run_id).first_bad).startswith("entry 3: its hash is not that of its content")


@pytest.mark.parametrize(("use", "status"), [("requeue", "QUEUED"), ("decide", "PAUSED"), ("cancel", "PAUSED")])
def test_a_run_of_the_first_format_is_looked_at_and_not_written_to(tmp_path: Path, use: str, status: str) -> None:
    path = tmp_path / "runs.db"
    connection = sqlite3.connect(path)
    connection.executescript((_SCHEMAS / "5.sql").read_text("utf-8"))
    connection.close()
    with SqliteDatabase(path) as database:
        (run_id,) = [run.run_id for run in database.runs(status=status)]
        with pytest.raises(UnsupportedJournalError, match="does not write") as caught:
            _USES[use](database, run_id)
        assert (caught.value.run_id, caught.value.journal_format) == (run_id, 1)
        assert database.verify(run_id).ok
        assert database.run(run_id).status.value == status
        assert json.loads(database.export(run_id).splitlines()[0])["haltpoint_journal"] == 1


def _kinds(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT kind FROM entries ORDER BY id").fetchall()
    connection.close()
    return [kind for (kind,) in rows]
