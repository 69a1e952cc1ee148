"""Tool calls that a model gets wrong, and how many it may make."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    FunctionModel,
    ModelReply,
    ModelRequest,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    ToolCallLimitError,
    current_tool_call,
    tool,
)
from support.replies import results_in, wants, wants_all
from support.running import asynchronous
from support.workshop import TOOLS

NOT_AN_OBJECT = ["[1]", "7", '"text"', "null", "", "{", '{"text": ', "\ud800"]


async def answered(db: SqliteDatabase, reply: ModelReply, tools: list[Any]) -> tuple[AgentRunOutput, list[Any]]:
    """Run a script of one reply with tool calls; return the output and what the model reads of the calls."""
    scripted = ScriptedModel([reply, "fine"])
    output = await Agent(scripted, db=db, tools=tools).do_async("Work.", return_output=True)
    return output, results_in(scripted.requests[-1])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("paint", {}),
        ("paint", {"color": 7}),
        ("paint", {"color": "red", "gloss": True}),
        ("deliver", {"address": None}),
        ("engrave", {"font": ["serif"]}),
        ("get_user_input", {"fields": "name"}),
        ("get_user_input", {"fields": [{"field_type": "str"}]}),
        ("varnish", {"coats": "many"}),
    ],
)
@asynchronous
async def test_arguments_that_break_the_schema_go_back_to_the_model_before_a_person_is_asked(
    db: SqliteDatabase, name: str, arguments: dict[str, Any]
) -> None:
    output, results = await answered(db, wants(name, **arguments), TOOLS)
    assert (output.status, output.requirements) == (RunStatus.completed, [])
    assert output.tools[0].tool_call_error is True
    assert len(results) == 1
    assert results[0]


@pytest.mark.parametrize("text", NOT_AN_OBJECT)
@asynchronous
async def test_arguments_that_are_no_json_object_go_back_to_the_model(db: SqliteDatabase, text: str) -> None:
    reply = ModelReply(tool_calls=[ToolCall("paint", text)])  # type: ignore[arg-type]
    output, results = await answered(db, reply, TOOLS)
    assert output.status is RunStatus.completed
    assert output.requirements == []
    assert len(results) == 1


@pytest.mark.parametrize("name", ["no_such_tool", "", "paint ", "PAINT", "\udc80"])
@asynchronous
async def test_an_unknown_tool_goes_back_to_the_model(db: SqliteDatabase, name: str) -> None:
    output, results = await answered(db, wants(name, color="red"), TOOLS)
    assert output.status is RunStatus.completed
    assert "no tool named" in results[0]
    assert "paint" in results[0]


@asynchronous
async def test_the_valid_calls_of_a_reply_run_beside_the_invalid_ones(db: SqliteDatabase) -> None:
    reply = wants_all(("note_down", {"text": "a"}), ("nothing", {}), ("note_down", {}), ("note_down", {"text": "b"}))
    output, results = await answered(db, reply, TOOLS)
    assert output.output == "fine"
    assert (results[0], results[3]) == ("noted a", "noted b")
    assert [execution.tool_call_error for execution in output.tools] == [False, True, True, False]


@asynchronous
async def test_a_model_that_repeats_a_call_id_gets_a_result_for_each_call(db: SqliteDatabase) -> None:
    calls = [ToolCall("note_down", {"text": text}, id="same") for text in "ab"]
    _, results = await answered(db, ModelReply(tool_calls=calls), TOOLS)
    assert results == ["noted a", "noted b"]


@pytest.mark.parametrize("error", [RuntimeError("it broke"), SystemExit(2), asyncio.CancelledError()])
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
@asynchronous
async def test_an_exception_in_a_tool_is_its_result_and_is_not_retried(
    db: SqliteDatabase, is_async: bool, error: BaseException
) -> None:
    calls: list[int] = []

    @tool
    def break_down() -> str:
        """Break down."""
        calls.append(1)
        raise error

    @tool(name="break_down")
    async def break_down_later() -> str:
        """Break down."""
        calls.append(1)
        raise error

    output, results = await answered(db, wants("break_down"), [break_down_later if is_async else break_down])
    assert output.output == "fine"
    assert output.tools[0].tool_call_error is True
    assert results[0]
    assert calls == [1]


@asynchronous
async def test_a_tool_that_says_so_is_retried_a_bounded_number_of_times(db: SqliteDatabase) -> None:
    keys: list[tuple[str, int]] = []

    @tool(idempotent=True, max_retries=2)
    def flicker() -> str:
        """Fail always."""
        call = current_tool_call()
        keys.append((call.idempotency_key, call.attempt))
        raise RuntimeError("dark")

    output, results = await answered(db, wants("flicker"), [flicker])
    assert "dark" in results[0]
    assert len({key for key, _ in keys}) == 1
    assert [attempt for _, attempt in keys] == [1, 2, 3]
    assert len(output.tools) == 1


def test_retries_are_refused_for_a_tool_that_may_not_be_repeated() -> None:
    with pytest.raises(ValueError, match="idempotent"):
        tool(max_retries=1)(lambda: "x")


@asynchronous
async def test_a_tools_timeout_is_its_error(db: SqliteDatabase) -> None:
    @tool(timeout=0.02)
    async def linger() -> str:
        """Linger."""
        await asyncio.Event().wait()
        return "never"

    output, results = await answered(db, wants("linger"), [linger])
    assert "did not finish within 0.02 seconds" in results[0]
    assert output.tools[0].tool_call_error is True


def endless() -> FunctionModel:
    """A model that asks for the same call for ever."""
    return FunctionModel(lambda request: wants("note_down", text="again"))


@asynchronous
async def test_the_tool_call_limit_ends_the_run_and_a_higher_one_continues_it(db: SqliteDatabase) -> None:
    agent = Agent(endless(), db=db, tools=TOOLS, tool_call_limit=3)
    with pytest.raises(ToolCallLimitError) as caught:
        await agent.do_async("Work.")
    assert (caught.value.limit, caught.value.run_id) == (3, agent.run_id)
    output = agent.get_run_output()
    assert output is not None
    assert output.is_error
    assert output.error_details
    assert len([execution for execution in output.tools if execution.result is not None]) == 3
    with pytest.raises(ToolCallLimitError):
        await agent.continue_run_async(run_id=output.run_id)
    higher = Agent(ScriptedModel(["unused"] * 3 + [wants("note_down", text="b"), "done"]), db=db, tools=TOOLS)

    async def stop(request: ModelRequest) -> ModelReply | str:
        return "enough" if len(results_in(request)) >= 5 else wants("note_down", text="again")

    higher = Agent(FunctionModel(stop), db=db, tools=TOOLS, tool_call_limit=5)
    result = await higher.continue_run_async(run_id=output.run_id, return_output=True)
    assert (result.output, result.error_details) == ("enough", None)
    assert len(result.tools) == 5


@asynchronous
async def test_a_reply_that_exceeds_the_limit_with_several_calls_loses_none_when_continued(
    db: SqliteDatabase,
) -> None:
    scripted = ScriptedModel([wants_all(*(("note_down", {"text": text}) for text in "abcde")), "done"])
    with pytest.raises(ToolCallLimitError) as caught:
        await Agent(scripted, db=db, tools=TOOLS, tool_call_limit=2).do_async("Work.")
    agent = Agent(scripted, db=db, tools=TOOLS, tool_call_limit=5)
    assert await agent.continue_run_async(run_id=caught.value.run_id) == "done"
    assert results_in(scripted.requests[-1]) == [f"noted {text}" for text in "abcde"]


@asynchronous
async def test_a_thousand_tool_calls_in_one_run_are_nothing_special(db_file: Path) -> None:
    calls: list[int] = []

    @tool
    def count(number: int) -> int:
        """Count."""
        calls.append(number)
        return number

    rounds = 250
    replies = [wants_all(*(("count", {"number": 4 * turn + n}) for n in range(4))) for turn in range(rounds)]
    with SqliteDatabase(db_file, durability="normal") as db:
        scripted = ScriptedModel([*replies, "counted"])
        agent = Agent(scripted, db=db, tools=[count], tool_call_limit=1000)
        output = await agent.do_async("Count.", return_output=True)
        assert output.output == "counted"
        assert sorted(calls) == list(range(1000))
        assert output.usage.tool_calls == 1000
        again = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert [execution.result for execution in again.tools] == [str(number) for number in range(1000)]
