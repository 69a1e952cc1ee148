"""What a program hears that waits for people, however the waiting ends."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    InMemoryDatabase,
    RequirementExpiredError,
    RunNotCompletedWarning,
    ScriptedModel,
    SqliteDatabase,
    StoreError,
    tool,
)
from haltpoint.db.database import Database
from support.command import PAINT
from support.running import asynchronous
from support.workshop import TOOLS


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with SqliteDatabase(tmp_path / "runs.db") as database:
        yield database


def _painter(database: Database, **options: Any) -> Agent:
    return Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=TOOLS, **options)


def _within(seconds: float, on_expiry: Any, database: Database, **options: Any) -> Agent:
    @tool(requires_confirmation=True, expires_after=seconds, on_expiry=on_expiry)
    def paint(color: str) -> str:
        """Paint."""
        raise AssertionError

    return Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=[paint], **options)


async def _paused(agent: Agent) -> str:
    output = await agent.do_async("Work.", return_output=True)
    assert output.is_paused
    return str(output.run_id)


# Over when it is looked at, and over only while somebody waits.
_TIMES = [0.000_001, 0.3]


@pytest.mark.parametrize("seconds", _TIMES)
@pytest.mark.parametrize("return_output", [False, True])
@asynchronous
async def test_a_run_that_fails_because_nobody_answers_raises(
    database: SqliteDatabase, seconds: float, return_output: bool
) -> None:
    agent = _within(seconds, "fail", database)
    run_id = await _paused(agent)
    with pytest.raises(RequirementExpiredError, match="nobody answered") as caught:
        await asyncio.wait_for(agent.wait_and_continue_async(run_id, return_output=return_output), 20)
    assert caught.value.run_id == run_id
    assert database.run(run_id).is_error


@asynchronous
async def test_a_run_that_fails_so_returns_false_where_the_agent_says_so(database: SqliteDatabase) -> None:
    agent = _within(0.3, "fail", database, mode="return_false")
    run_id = await _paused(agent)
    assert await asyncio.wait_for(agent.wait_and_continue_async(run_id), 20) is False


@pytest.mark.parametrize("seconds", _TIMES)
@asynchronous
async def test_a_run_that_is_cancelled_because_nobody_answers_warns(database: SqliteDatabase, seconds: float) -> None:
    agent = _within(seconds, "cancel", database)
    run_id = await _paused(agent)
    with pytest.warns(RunNotCompletedWarning, match="is cancelled"):
        assert await asyncio.wait_for(agent.wait_and_continue_async(run_id), 20) is None
    assert database.run(run_id).is_cancelled


@asynchronous
async def test_a_run_that_somebody_cancels_meanwhile_warns(database: SqliteDatabase) -> None:
    agent = _painter(database)
    run_id = await _paused(agent)
    waiting = asyncio.create_task(agent.wait_and_continue_async(run_id))
    await asyncio.sleep(0)
    database.cancel(run_id)
    with pytest.warns(RunNotCompletedWarning, match=run_id):
        assert await asyncio.wait_for(waiting, 20) is None


@asynchronous
async def test_a_run_that_was_cancelled_with_something_undecided_is_returned_as_it_is(
    database: SqliteDatabase,
) -> None:
    agent = _painter(database)
    run_id = await _paused(agent)
    database.cancel(run_id)
    with pytest.warns(RunNotCompletedWarning, match="is cancelled"):
        assert await asyncio.wait_for(agent.wait_and_continue_async(run_id), 20) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output = await asyncio.wait_for(agent.wait_and_continue_async(run_id, return_output=True), 20)
    assert (output.is_cancelled, database.run(run_id).is_cancelled) == (True, True)


@asynchronous
async def test_a_cancelled_run_with_all_answers_goes_on(database: SqliteDatabase) -> None:
    agent = _painter(database)
    run_id = await _paused(agent)
    database.cancel(run_id)
    (requirement,) = database.requirements(run_id=run_id, open_only=False)
    requirement.confirm(by="ann")
    await requirement
    assert await asyncio.wait_for(agent.wait_and_continue_async(run_id), 20) == "finished"


@asynchronous
async def test_a_requirement_of_a_cancelled_run_can_still_be_decided_by_its_id(database: SqliteDatabase) -> None:
    run_id = await _paused(_painter(database))
    (requirement,) = database.requirements(run_id=run_id)
    waiting = asyncio.ensure_future(requirement)
    database.cancel(run_id)
    assert database.requirements() == []
    (same,) = database.requirements(id_prefix=requirement.id, open_only=False)
    same.confirm(by="ann")
    await same
    assert (await asyncio.wait_for(waiting, 20)).decided_by == "ann"


@pytest.mark.parametrize("kind", [SqliteDatabase, InMemoryDatabase])
@asynchronous
async def test_closing_the_database_ends_the_waiting_for_a_decision(kind: Any, tmp_path: Path) -> None:
    database = kind(tmp_path / "runs.db") if kind is SqliteDatabase else kind()
    await _paused(_painter(database))
    (requirement,) = database.requirements()
    waiting = asyncio.ensure_future(requirement)
    # Closed once the requirement was looked at and found open.
    await asyncio.sleep(0.2)
    await asyncio.to_thread(database.close)
    with pytest.raises(StoreError, match="closed"):
        await asyncio.wait_for(waiting, 20)
