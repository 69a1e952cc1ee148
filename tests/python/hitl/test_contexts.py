"""Context variables within a run, and event loops that start tasks in other ways."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from pathlib import Path
from typing import Literal

import pytest

from haltpoint import Agent, FunctionModel, ModelReply, ModelRequest, ScriptedModel, SqliteDatabase, ToolCall
from support.running import asynchronous

_tenant = contextvars.ContextVar("tenant", default="nobody")


async def move_in(tenant: str) -> str:
    """Note a tenant."""
    before = _tenant.get()
    _tenant.set(tenant)
    return before


def move_in_from_a_thread(tenant: str) -> str:
    """Note a tenant."""
    before = _tenant.get()
    _tenant.set(tenant)
    return before


def _model() -> ScriptedModel:
    def both(tenant: str) -> ModelReply:
        return ModelReply(
            tool_calls=[
                ToolCall("move_in", {"tenant": tenant}),
                ToolCall("move_in_from_a_thread", {"tenant": tenant}),
            ]
        )

    return ScriptedModel([both("first"), both("second"), "done"])


@asynchronous
async def test_a_tool_sees_what_its_caller_set_and_nothing_that_another_tool_set(db: SqliteDatabase) -> None:
    _tenant.set("caller")
    agent = Agent(_model(), db=db, tools=[move_in, move_in_from_a_thread])
    output = await agent.do_async("Go", return_output=True)
    assert [execution.result for execution in output.tools] == ["caller"] * 4
    assert _tenant.get() == "caller"


@asynchronous
async def test_a_tool_and_the_next_request_see_nothing_that_the_model_set(db: SqliteDatabase) -> None:
    seen: list[str] = []

    def answer(request: ModelRequest) -> ModelReply | str:
        seen.append(_tenant.get())
        _tenant.set("model")
        return "done" if request.replies_so_far else ModelReply(tool_calls=[ToolCall("move_in", {"tenant": "tool"})])

    _tenant.set("caller")
    output = await Agent(FunctionModel(answer), db=db, tools=[move_in]).do_async("Go", return_output=True)
    assert seen == ["caller", "caller"]
    assert output.tools[0].result == "caller"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="loops start tasks eagerly from Python 3.12 on")
@pytest.mark.parametrize("durability", ["full", "normal"])
@asynchronous
async def test_a_long_run_completes_on_a_loop_that_starts_tasks_eagerly(
    db_file: Path, durability: Literal["full", "normal"]
) -> None:
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]
    calls = [ModelReply(tool_calls=[ToolCall("move_in", {"tenant": "tool"})]) for _ in range(300)]
    with SqliteDatabase(db_file, durability=durability) as db:
        agent = Agent(ScriptedModel([*calls, "done"]), db=db, tools=[move_in], tool_call_limit=300)
        output = await asyncio.wait_for(agent.do_async("Go", return_output=True), 60)
    assert output.is_complete
    assert len(output.tools) == 300
