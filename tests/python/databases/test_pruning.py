"""Runs that are over can be removed, with all that leads to them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    InMemoryDatabase,
    ModelReply,
    RunNotFoundError,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    tool,
)
from haltpoint.worker import Worker
from haltpoint.worker.progress import Progress

AnyDatabase = SqliteDatabase | InMemoryDatabase


@pytest.fixture(params=["sqlite", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    if request.param == "memory":
        return InMemoryDatabase(full_session_memory=True)
    return SqliteDatabase(tmp_path / "runs.db", full_session_memory=True)


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def _agent(database: AnyDatabase, *replies: Any) -> Agent:
    return Agent(ScriptedModel(list(replies)), db=database, tools=[pay], name="clerk", session_id="monday")


def _paused(database: AnyDatabase) -> str:
    call = ModelReply(tool_calls=[ToolCall("pay", {"amount": 5})])
    run_id: str = _agent(database, call, "done").do("Pay", return_output=True).run_id
    return run_id


def _finished(database: AnyDatabase, remember: Any = None) -> str:
    run_id = _paused(database)
    (requirement,) = database.requirements(run_id=run_id)
    requirement.confirm(by="ann", remember=remember)
    requirement.commit()
    assert _agent(database, "", "done").continue_run(run_id=run_id) == "done"
    return run_id


def test_runs_that_are_over_are_removed_and_others_stay(database: AnyDatabase) -> None:
    cancelled, paused = _paused(database), _paused(database)
    database.cancel(cancelled)
    finished = [_finished(database) for _ in range(3)]
    assert database.prune(older_than=0, dry_run=True) == 4
    assert len(database.runs()) == 5
    assert database.prune(older_than=0, status="COMPLETED") == 3
    assert {run.run_id for run in database.runs()} == {cancelled, paused}
    assert database.prune(older_than=timedelta(0)) == 1
    assert [run.run_id for run in database.runs()] == [paused]
    with pytest.raises(RunNotFoundError):
        database.run(finished[0])
    assert database.check() == []
    assert database.verify(paused).ok
    assert database.prune(older_than=0) == 0


def test_what_leads_to_a_removed_run_goes_with_it(database: AnyDatabase) -> None:
    _finished(database, remember="session")
    assert len(database.remembered()) == 1
    assert database.prune(older_than=0) == 1
    assert (database.requirements(open_only=False), database.remembered()) == ([], [])
    # Its number may be taken again, and what was remembered answers nothing.
    paused = _paused(database)
    assert database.run(paused).is_paused
    assert database.check() == []


def test_young_runs_stay(database: AnyDatabase) -> None:
    run_id = _finished(database)
    assert database.prune(older_than=timedelta(hours=1)) == 0
    assert database.run(run_id).output == "done"


def test_a_run_that_remembers_a_removed_one_goes_on_without_it(database: AnyDatabase) -> None:
    _finished(database)
    paused = _paused(database)
    assert database.prune(older_than=0) == 1
    (requirement,) = database.requirements(run_id=paused)
    requirement.confirm(by="ann")
    requirement.commit()
    assert _agent(database, "", "done").continue_run(run_id=paused) == "done"


@pytest.mark.parametrize("status", ["PAUSED", "RUNNING", ["COMPLETED", "QUEUED"], "no such"])
def test_runs_that_are_not_over_are_not_removed(database: AnyDatabase, status: Any) -> None:
    with pytest.raises(ValueError, match="status must be among COMPLETED, CANCELLED, ERROR"):
        database.prune(older_than=0, status=status)


@pytest.mark.parametrize("older_than", [-1, float("nan"), float("inf"), timedelta(seconds=-1)])
def test_an_age_is_a_duration(database: AnyDatabase, older_than: Any) -> None:
    with pytest.raises(ValueError, match="older_than must be a duration"):
        database.prune(older_than=older_than)


def test_pruning_does_not_hold_up_the_event_loop(database: AnyDatabase) -> None:
    _finished(database)
    assert asyncio.run(database.prune_async(older_than=0)) == 1


def test_an_erased_run_is_removed_as_well(database: AnyDatabase) -> None:
    run_id = _finished(database)
    database.erase(run_id=run_id)
    assert database.prune(older_than=0) == 1
    assert (database.runs(), database.check()) == ([], [])


def test_a_worker_removes_what_was_kept_long_enough(database: AnyDatabase) -> None:
    kept, gone = _paused(database), _finished(database)
    reported: list[Progress] = []
    worker = Worker([_agent(database)], retention={"COMPLETED": 0, "ERROR": 9}, report=reported.append)

    async def work() -> None:
        working = asyncio.create_task(worker.run())
        for _ in range(400):
            if any(progress.kind == "pruned" for progress in reported):
                break
            await asyncio.sleep(0.05)
        worker.stop()
        await working

    asyncio.run(work())
    assert [progress.message for progress in reported if progress.kind == "pruned"] == ["1 COMPLETED"]
    assert [run.run_id for run in database.runs()] == [kept]
    with pytest.raises(RunNotFoundError):
        database.run(gone)


def test_a_worker_keeps_what_is_not_over(database: AnyDatabase) -> None:
    with pytest.raises(ValueError, match="status must be among"):
        Worker([_agent(database)], retention={"PAUSED": 0})
