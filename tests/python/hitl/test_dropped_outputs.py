"""What a run returned is gone from memory as soon as nobody holds it, without a garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any
from weakref import ref

import pytest

from haltpoint import Agent, AgentRunOutput, ScriptedModel, SqliteDatabase, Task, tool
from support.replies import wants
from support.running import asynchronous


@tool
def look_up(number: int) -> str:
    """Look a number up."""
    return f"page {number}"


@tool(requires_confirmation=True)
def publish(number: int) -> str:
    """Publish a number."""
    return f"published {number}"


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def agent_of(db: SqliteDatabase, *replies: Any) -> Agent:
    return Agent(ScriptedModel([*replies, "done"]), db=db, tools=[look_up, publish])


async def shown_output(agent: Agent, task: Task) -> AgentRunOutput:
    """The output of a new run, looked at in all its parts."""
    output: AgentRunOutput = await agent.do_async(task, return_output=True)
    assert output.task is task
    assert (output.output, output.requirements, output.tools[0].result) == ("done", [], "page 7")
    assert output.to_dict()["status"] == "COMPLETED"
    return output


@asynchronous
async def test_a_finished_run_is_freed_when_its_output_and_its_task_are_dropped(db: SqliteDatabase) -> None:
    agent = agent_of(db, wants("look_up", number=7))
    task = Task("Look it up.")
    output = await shown_output(agent, task)
    dropped = [ref(output), ref(output.tools[0]), ref(task)]
    await agent.do_async("Another one, which is the agent's latest from now on.")
    del output, task
    assert [reference() for reference in dropped] == [None, None, None]


@asynchronous
async def test_a_task_shows_its_run_after_the_output_is_gone(db: SqliteDatabase) -> None:
    agent = agent_of(db, wants("look_up", number=7))
    task = Task("Look it up.")
    output = await shown_output(agent, task)
    dropped, call = ref(output), ref(output.tools[0])
    await agent.do_async("Another one, which is the agent's latest from now on.")
    del output
    assert dropped() is None
    assert task.response == "done"
    assert task.tool_calls == [{"tool_name": "look_up", "params": {"number": 7}, "tool_result": "page 7"}]
    assert call() is not None


@asynchronous
async def test_a_continued_run_is_freed_when_it_is_completed_and_dropped(db: SqliteDatabase) -> None:
    agent = agent_of(db, wants("publish", number=7))
    paused: AgentRunOutput = await agent.do_async("Publish it.", return_output=True)
    (requirement,) = paused.active_requirements
    requirement.confirm()
    completed: AgentRunOutput = await agent.continue_run_async(run_id=paused.run_id, return_output=True)
    assert completed.tools[0].result == "published 7"
    dropped = [ref(paused), ref(requirement), ref(completed), ref(completed.tools[0]), ref(completed.task)]
    await agent_of(db).do_async("Another one.")
    await agent.do_async(
        "Another one, which is the agent's latest from now on.", hitl_handler=lambda each: each.confirm()
    )
    del paused, requirement, completed
    assert [reference() for reference in dropped] == [None] * 5


@asynchronous
async def test_a_loaded_run_is_freed_with_its_output_and_kept_by_its_task(db: SqliteDatabase) -> None:
    run_id = (await shown_output(agent_of(db, wants("look_up", number=7)), Task("Look it up."))).run_id
    output = db.run(run_id)
    task = output.task
    dropped = ref(output)
    del output
    assert dropped() is None
    assert task.response == "done"


@asynchronous
async def test_a_decision_on_a_dropped_output_counts_as_long_as_its_task_is_held(db: SqliteDatabase) -> None:
    agent, task = agent_of(db, wants("publish", number=7)), Task("Publish it.")
    (await agent.do_async(task, return_output=True)).active_requirements[0].confirm()
    completed: AgentRunOutput = await agent.continue_run_async(task, return_output=True)
    assert completed.tools[0].result == "published 7"
