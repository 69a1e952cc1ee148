"""Listeners hear of what happens to runs once it is on disk, in order, and harm none."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, AgentRunOutput, NotificationWarning, RunEvent, ScriptedModel, SqliteDatabase
from support.command import PAINT
from support.running import asynchronous
from support.workshop import TOOLS


@pytest.fixture
def database(tmp_path: Path) -> Any:
    with SqliteDatabase(tmp_path / "runs.db") as database:
        yield database


def _painter(database: SqliteDatabase, **listeners: Any) -> Agent:
    return Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=TOOLS, name="painter", **listeners)


def _confirm(database: SqliteDatabase) -> None:
    (requirement,) = database.requirements()
    requirement.confirm(by="ann")
    requirement.commit()


def test_each_event_of_a_run_is_told_once_in_order_across_its_drivers(database: SqliteDatabase) -> None:
    told: list[RunEvent] = []
    run_id = _painter(database, on_event=told.append).do("Work.", return_output=True).run_id
    _confirm(database)
    _painter(database, on_event=told.append).continue_run(run_id=run_id)
    journal = database.journal(run_id)
    assert [(event.seq, event.kind) for event in told] == [(entry["seq"], entry["kind"]) for entry in journal]
    asked, decided = (event for event in told if event.requirement_id is not None)
    assert (asked.tool_name, asked.requirement_kind, decided.decision, decided.by) == (
        "paint",
        "confirmation",
        "confirm",
        "ann",
    )


def test_an_event_is_on_disk_when_it_is_told(database: SqliteDatabase) -> None:
    found: list[bool] = []

    async def look(event: RunEvent) -> None:
        entries = await database.journal_async(event.run_id)
        found.append(entries[event.seq - 1]["kind"] == event.kind)

    _painter(database, on_event=look).do("Work.", return_output=True)
    assert found == [True] * 4


def test_a_pause_is_told_with_the_output(database: SqliteDatabase) -> None:
    told: list[AgentRunOutput] = []
    output = _painter(database, on_pause=told.append).do("Work.", return_output=True)
    assert [(one.run_id, one.is_paused) for one in told] == [(output.run_id, True)]


@pytest.mark.parametrize("listener", ["on_event", "on_pause"])
def test_a_listener_that_fails_is_warned_about_and_the_run_goes_on(database: SqliteDatabase, listener: str) -> None:
    def fail(fact: object) -> None:
        raise ZeroDivisionError("no luck")

    with pytest.warns(NotificationWarning, match=f"{listener} failed for run .*ZeroDivisionError: no luck"):
        output = _painter(database, **{listener: fail}).do("Work.", return_output=True)
    assert output.is_paused


def test_a_warning_that_is_an_error_does_not_harm_the_run_either(database: SqliteDatabase) -> None:
    def fail(fact: object) -> None:
        raise ZeroDivisionError

    output = _painter(database, on_event=fail, on_pause=fail).do("Work.", return_output=True)
    assert (output.is_paused, database.run(output.run_id).is_paused) == (True, True)


@asynchronous
async def test_waiting_and_continuing_goes_on_until_the_run_is_completed() -> None:
    with tempfile.TemporaryDirectory() as directory, SqliteDatabase(f"{directory}/runs.db") as database:
        agent = _painter(database)
        run_id = (await agent.do_async("Work.", return_output=True)).run_id
        waiting = asyncio.create_task(agent.wait_and_continue_async(run_id))
        await asyncio.to_thread(_confirm, database)
        assert await asyncio.wait_for(waiting, 20) == "finished"


@asynchronous
async def test_waiting_ends_when_the_run_is_cancelled_meanwhile() -> None:
    with tempfile.TemporaryDirectory() as directory, SqliteDatabase(f"{directory}/runs.db") as database:
        agent = Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=TOOLS)
        run_id = (await agent.do_async("Work.", return_output=True)).run_id
        waiting = asyncio.create_task(agent.wait_and_continue_async(run_id, return_output=True))
        await asyncio.sleep(0)
        database.cancel(run_id)
        assert (await asyncio.wait_for(waiting, 20)).is_cancelled


def test_a_run_of_an_agent_without_a_name_or_a_file_finds_no_worker(database: SqliteDatabase) -> None:
    with pytest.raises(ValueError, match="only runs of agents with a name"):
        Agent(ScriptedModel(["finished"]), db=database).submit("Work.")
    with pytest.raises(ValueError, match="no worker sees this agent's memory"):
        Agent(ScriptedModel(["finished"]), name="painter").submit("Work.")
