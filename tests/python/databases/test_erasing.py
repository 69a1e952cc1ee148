"""What runs said can be erased, and that they were, and who decided what, stays."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AuditKeyError,
    ErasedRunWarning,
    InMemoryDatabase,
    ModelReply,
    RequirementNotFoundError,
    RunErasedError,
    RunNotFoundError,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    UnfinishedRunError,
    tool,
)

AnyDatabase = SqliteDatabase | InMemoryDatabase

_SECRET = "card number 4000 0000 0000 0002"
_KEY = "a key of more than sixteen bytes"


@pytest.fixture(params=["sqlite", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    if request.param == "memory":
        return InMemoryDatabase(full_session_memory=True)
    return SqliteDatabase(tmp_path / "runs.db", full_session_memory=True)


@tool(requires_confirmation=True)
def pay(text: str) -> str:
    """Pay."""
    return f"paid with {text}"


def _agent(database: AnyDatabase, *replies: Any, session_id: str = "monday", user_id: str = "ben") -> Agent:
    model = ScriptedModel(list(replies))
    return Agent(model, db=database, tools=[pay], name="clerk", session_id=session_id, user_id=user_id)


def _paused(database: AnyDatabase) -> str:
    call = ModelReply(f"With {_SECRET}.", tool_calls=[ToolCall("pay", {"text": _SECRET})])
    run_id: str = _agent(database, call, "done").do(f"Pay with {_SECRET}", return_output=True).run_id
    return run_id


def _finished(database: AnyDatabase, remember: Any = None) -> str:
    run_id = _paused(database)
    (requirement,) = database.requirements(run_id=run_id)
    requirement.confirm(by="ann", remember=remember)
    requirement.commit()
    said = f"Paid with {_SECRET}"
    assert _agent(database, "", said).continue_run(run_id=run_id) == said
    return run_id


def test_an_erased_run_can_be_listed_and_verified(database: AnyDatabase) -> None:
    run_id, other = _finished(database), _paused(database)
    head = database.verify(run_id).head
    assert database.erase(run_id=run_id, by="dpo", reason="asked for") == [run_id]
    found = database.verify(run_id, head)
    assert (found.ok, found.first_bad) == (True, None)
    assert {run.run_id: run.status.value for run in database.runs()} == {run_id: "COMPLETED", other: "PAUSED"}
    assert database.check() == []
    assert database.verify(other).ok


_USES: dict[str, Callable[[AnyDatabase, str], Any]] = {
    "run": lambda database, run_id: database.run(run_id),
    "journal": lambda database, run_id: database.journal(run_id),
    "export": lambda database, run_id: database.export(run_id),
    "audit": lambda database, run_id: database.audit(run_id),
    "continue": lambda database, run_id: _agent(database).continue_run(run_id=run_id),
    "cancel": lambda database, run_id: database.cancel(run_id),
    "requeue": lambda database, run_id: database.requeue(run_id),
}


@pytest.mark.parametrize("use", _USES)
def test_anything_else_is_refused(database: AnyDatabase, use: str) -> None:
    run_id = _finished(database)
    database.erase(run_id=run_id)
    with pytest.raises(RunErasedError, match="was erased") as caught:
        _USES[use](database, run_id)
    assert caught.value.run_id == run_id


@pytest.mark.filterwarnings("ignore::haltpoint.ErasedRunWarning")
def test_what_a_run_asked_for_and_what_was_remembered_goes(database: AnyDatabase) -> None:
    run_id = _finished(database, remember="session")
    (requirement,) = database.requirements(run_id=run_id, open_only=False)
    assert len(database.remembered()) == 1
    database.erase(run_id=run_id)
    assert (database.requirements(open_only=False), database.remembered()) == ([], [])
    with pytest.raises(RequirementNotFoundError):
        database.requirement(requirement.id)
    # What was remembered answers no later call.
    assert _paused(database) in {item.run_id for item in database.requirements()}


def test_erasing_once_more_does_nothing(database: AnyDatabase) -> None:
    run_id = _finished(database)
    database.erase(run_id=run_id)
    head = database.verify(run_id).head
    assert database.erase(run_id=run_id) == []
    assert database.verify(run_id).head == head


def test_a_session_goes_on_without_what_was_erased_and_says_so(database: AnyDatabase) -> None:
    erased, kept = _finished(database), _finished(database)
    database.erase(run_id=erased)
    agent = _agent(database, "Good day.")
    with pytest.warns(ErasedRunWarning, match=erased) as warned:
        output = agent.do("Greet", return_output=True)
    assert [warning.message.run_id for warning in warned] == [erased]  # type: ignore[union-attr]
    assert sum(_SECRET in str(message) for message in output.messages) > 0
    database.erase(run_id=kept)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ErasedRunWarning)
        output = _agent(database, "Good day.").do("Greet", return_output=True)
    assert not any(_SECRET in str(message) for message in output.messages)


def test_what_can_be_continued_is_cancelled_first_or_refused(database: AnyDatabase) -> None:
    run_id = _paused(database)
    with pytest.raises(UnfinishedRunError, match="is PAUSED, and can be continued") as caught:
        database.erase(run_id=run_id)
    assert caught.value.run_id == run_id
    assert database.run(run_id).is_paused
    assert database.erase(run_id=run_id, force=True, by="dpo") == [run_id]
    (run,) = database.runs()
    assert run.status.value == "CANCELLED"
    assert database.verify(run_id).ok


@pytest.mark.parametrize("which", [{"user_id": "ben"}, {"session_id": "monday"}], ids=["user", "session"])
def test_all_runs_of_a_user_or_a_session_are_erased(database: AnyDatabase, which: dict[str, str]) -> None:
    runs = {_finished(database), _finished(database)}
    kept: str = (
        _agent(database, "Good day.", session_id="tuesday", user_id="eve").do("Greet", return_output=True).run_id
    )
    assert set(database.erase(**which)) == runs  # type: ignore[arg-type]
    assert database.run(kept).output == "Good day."


def test_of_several_runs_none_is_erased_where_one_can_be_continued(database: AnyDatabase) -> None:
    finished, paused = _finished(database), _paused(database)
    with pytest.raises(UnfinishedRunError, match="1 of 2 runs can be continued"):
        database.erase(user_id="ben")
    assert database.run(finished).status.value == "COMPLETED"
    assert set(database.erase(user_id="ben", force=True)) == {finished, paused}


def test_one_way_to_say_which_runs_is_needed(database: AnyDatabase) -> None:
    for wrong in ({}, {"run_id": "r", "user_id": "ben"}):
        with pytest.raises(ValueError, match="give one of run_id, user_id and session_id"):
            database.erase(**wrong)  # type: ignore[arg-type]
    with pytest.raises(RunNotFoundError):
        database.erase(run_id="no-such-run")
    assert database.erase(user_id="nobody") == []


def test_erasing_does_not_hold_up_the_event_loop(database: AnyDatabase) -> None:
    run_id = _finished(database)
    assert asyncio.run(database.erase_async(run_id=run_id)) == [run_id]


def test_a_keyed_run_is_erased_with_its_key_only(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with SqliteDatabase(path, audit_key=_KEY) as database:
        run_id = _finished(database)
        head = database.verify(run_id).head
    with SqliteDatabase(path) as database, pytest.raises(AuditKeyError):
        database.erase(run_id=run_id)
    with SqliteDatabase(path, audit_key=_KEY) as database:
        assert database.erase(run_id=run_id) == [run_id]
        assert database.verify(run_id, head).ok


def test_nothing_of_it_is_left_in_any_file(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    database = SqliteDatabase(path)
    erased, kept = _finished(database), _paused(database)
    assert _holds(tmp_path)
    database.erase(run_id=kept, force=True)
    assert _holds(tmp_path), "the other run says so, too"
    database.erase(run_id=erased)
    assert not _holds(tmp_path)
    database.close()
    assert not _holds(tmp_path)
    assert SqliteDatabase(path).check() == []


def _holds(directory: Path) -> bool:
    # From another process: in this one only the engine may open the file.
    program = (
        "import pathlib, sys; files = pathlib.Path(sys.argv[1]).iterdir(); "
        "print(any(sys.argv[2].encode() in path.read_bytes() for path in files))"
    )
    command = [sys.executable, "-c", program, str(directory), _SECRET]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout == "True\n"
