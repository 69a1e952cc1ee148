"""Several tool calls in one reply of the model, of all kinds."""

from __future__ import annotations

import asyncio
import threading

from haltpoint import Agent, AgentRunOutput, RunRequirement, ScriptedModel, SqliteDatabase, tool
from support.replies import results_in, wants_all
from support.running import asynchronous
from support.workshop import TOOLS, model


def of_tool(output: AgentRunOutput, name: str) -> RunRequirement:
    (found,) = [item for item in output.active_requirements if item.tool_execution.tool_name == name]
    return found


@asynchronous
async def test_plain_calls_run_and_all_pauses_are_presented_at_once(db: SqliteDatabase) -> None:
    scripted = model("all kinds")
    output = await Agent(scripted, db=db, tools=TOOLS).do_async("Work.", return_output=True)
    assert output.is_paused
    assert [item.kind for item in output.active_requirements] == ["confirmation", "external_tool", "user_input"]
    assert output.pause_reason == "confirmation"
    assert [execution.result for execution in output.tools] == ["noted plain", None, None, None]
    assert [execution.tool_name for execution in output.tools_requiring_confirmation] == ["paint"]
    assert [execution.tool_name for execution in output.tools_awaiting_external_execution] == ["deliver"]
    assert [execution.tool_name for execution in output.tools_requiring_user_input] == ["engrave"]
    assert len(scripted.requests) == 1


@asynchronous
async def test_resolving_some_runs_those_and_stays_paused_on_the_rest(db: SqliteDatabase) -> None:
    scripted = model("all kinds")
    agent = Agent(scripted, db=db, tools=TOOLS)
    output = await agent.do_async("Work.", return_output=True)
    of_tool(output, "engrave").user_input_schema[1]["value"] = "Ada"  # type: ignore[index]
    of_tool(output, "paint").confirm()
    output = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert output.is_paused
    assert output.pause_reason == "external_tool"
    assert [execution.result for execution in output.tools] == ["noted plain", "painted red", None, None]
    of_tool(output, "deliver").tool_execution.result = "delivered"
    output = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert output.pause_reason == "user_input"
    assert len(scripted.requests) == 1
    for field in of_tool(output, "engrave").user_input_schema or ():
        field["value"] = field["value"] or "3"
    result = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert result.output == "finished"
    assert len(scripted.requests) == 2
    assert results_in(scripted.requests[-1]) == [
        "noted plain",
        "painted red",
        "delivered",
        "3 in serif, 3 times",
    ]
    assert [step.name for step in result.step_results] == [
        "model_execution",
        "tool:note_down",
        "tool:paint",
        "tool:deliver",
        "tool:engrave",
        "model_execution",
    ]


@asynchronous
async def test_plain_calls_run_together(db: SqliteDatabase) -> None:
    meeting = threading.Barrier(3)

    @tool
    def meet(name: str) -> str:
        """Wait until everybody is there."""
        meeting.wait(20)
        return f"{name} was there"

    scripted = ScriptedModel([wants_all(*(("meet", {"name": name}) for name in "abc")), "met"])
    assert await Agent(scripted, db=db, tools=[meet]).do_async("Meet.") == "met"
    assert results_in(scripted.requests[-1]) == ["a was there", "b was there", "c was there"]


@asynchronous
async def test_sequential_calls_run_one_after_the_other_in_order(db: SqliteDatabase) -> None:
    log: list[str] = []

    @tool(sequential=True)
    async def visit(name: str) -> str:
        """Enter and leave."""
        log.append(f"enter {name}")
        await asyncio.sleep(0)
        log.append(f"leave {name}")
        return name

    scripted = ScriptedModel([wants_all(*(("visit", {"name": name}) for name in "abc")), "seen"])
    assert await Agent(scripted, db=db, tools=[visit]).do_async("Visit.") == "seen"
    assert log == [f"{way} {name}" for name in "abc" for way in ("enter", "leave")]


@asynchronous
async def test_two_calls_of_the_same_tool_are_decided_apart(db: SqliteDatabase) -> None:
    scripted = ScriptedModel([wants_all(("paint", {"color": "red"}), ("paint", {"color": "red"})), "half"])
    agent = Agent(scripted, db=db, tools=TOOLS)
    output = await agent.do_async("Paint.", return_output=True)
    first, second = output.active_requirements
    first.confirm()
    second.reject(note="once is enough")
    assert await agent.continue_run_async(run_id=output.run_id) == "half"
    painted, refused = results_in(scripted.requests[-1])
    assert painted == "painted red"
    assert "once is enough" in str(refused)


@asynchronous
async def test_a_confirmed_call_that_fails_does_not_hold_up_the_others(db: SqliteDatabase) -> None:
    @tool(requires_confirmation=True)
    def light(fuse: int) -> str:
        """Light a fuse."""
        if fuse == 1:
            raise RuntimeError("it was wet")
        return "lit"

    scripted = ScriptedModel([wants_all(("light", {"fuse": 1}), ("light", {"fuse": 2})), "seen"])
    agent = Agent(scripted, db=db, tools=[light])
    output = await agent.do_async("Light.", return_output=True, hitl_handler=lambda item: item.confirm())
    assert output.output == "seen"
    assert [execution.tool_call_error for execution in output.tools] == [True, False]
    assert "it was wet" in str(results_in(scripted.requests[-1])[0])
