"""Many runs of one agent at once, sessions, lists of tasks, and what an agent says of itself."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    FunctionModel,
    Message,
    ModelReply,
    ModelRequest,
    RunNotCompletedWarning,
    ScriptedModel,
    SqliteDatabase,
    Task,
    current_tool_call,
    tool,
)
from support.replies import results_in, wants
from support.running import asynchronous
from support.workshop import TOOLS, model

RUNS = 40


def last_user_text(request: ModelRequest) -> str:
    texts = [message.content for message in request.messages if message.role == "user"]
    return str(texts[-1])


@asynchronous
async def test_no_run_sees_the_state_of_another(db: SqliteDatabase) -> None:
    @tool(requires_confirmation=True)
    async def double(number: int) -> str:
        """Double a number."""
        await asyncio.sleep(0)
        return f"{2 * number} in {current_tool_call().run_id}"

    async def reply(request: ModelRequest) -> ModelReply | str:
        await asyncio.sleep(0)
        results = results_in(request)
        return str(results[0]) if results else wants("double", number=int(last_user_text(request)))

    agent = Agent(FunctionModel(reply), db=db, tools=[double])

    async def one(number: int) -> AgentRunOutput:
        paused = await agent.do_async(str(number), return_output=True)
        (requirement,) = paused.active_requirements
        assert requirement.tool_execution.tool_args == {"number": number}
        requirement.confirm()
        return await agent.continue_run_async(run_id=paused.run_id, return_output=True)

    outputs = await asyncio.gather(*(one(number) for number in range(RUNS)))
    assert [output.output for output in outputs] == [
        f"{2 * number} in {output.run_id}" for number, output in enumerate(outputs)
    ]
    assert len({output.run_id for output in outputs}) == RUNS


@asynchronous
async def test_cancelling_one_run_leaves_the_others_alone(db: SqliteDatabase) -> None:
    go_on = asyncio.Event()
    asked: list[str] = []

    async def wait(request: ModelRequest) -> str:
        asked.append(last_user_text(request))
        await go_on.wait()
        return last_user_text(request)

    agent = Agent(FunctionModel(wait), db=db)
    tasks = [Task(str(number)) for number in range(5)]
    runs = [asyncio.create_task(agent.do_async(task, return_output=True)) for task in tasks]
    while len(asked) < 5:  # noqa: ASYNC110 - the loop is what drives them
        await asyncio.sleep(0.001)
    assert agent.cancel_run(tasks[2].run_id)
    assert (await runs[2]).is_cancelled
    go_on.set()
    outputs = await asyncio.gather(*runs)
    assert [output.output for output in outputs] == ["0", "1", None, "3", "4"]


@asynchronous
async def test_a_list_of_tasks_is_run_in_order_and_a_list_comes_back(db: SqliteDatabase) -> None:
    agent = Agent(FunctionModel(last_user_text), db=db)
    assert await agent.do_async(["one", Task("two"), "three"]) == ["one", "two", "three"]
    assert await agent.do_async([]) == []
    assert agent.do(["one"]) == ["one"]
    outputs = await agent.do_async([Task("a"), Task("b")], return_output=True)
    assert [output.output for output in outputs] == ["a", "b"]


@asynchronous
async def test_a_session_with_full_memory_shows_the_earlier_completed_runs(db_file: Any) -> None:
    seen: list[list[tuple[str, str | None]]] = []

    def listen(request: ModelRequest) -> str:
        messages: list[Message] = list(request.messages)
        seen.append([(message.role, message.content) for message in messages if message.role != "system"])
        return f"answer {len(seen)}"

    with SqliteDatabase(db_file, session_id="s", full_session_memory=True) as db:
        assert await Agent(FunctionModel(listen), db=db).do_async("first") == "answer 1"
        paused = await Agent(model("paint"), db=db, tools=TOOLS).do_async("paused", return_output=True)
        assert paused.is_paused
        second = await Agent(FunctionModel(listen), db=db).do_async("second", return_output=True)
        await Agent(FunctionModel(listen), db=db, session_id="other").do_async("elsewhere")
    assert seen[1] == [("user", "first"), ("assistant", "answer 1"), ("user", "second")]
    assert seen[2] == [("user", "elsewhere")]
    assert [message.content for message in second.new_messages() if message.role != "system"] == ["second", "answer 2"]
    assert len(second.all_messages()) > len(second.new_messages())


@asynchronous
async def test_a_session_without_full_memory_shows_nothing_of_earlier_runs(db_file: Any) -> None:
    scripted = ScriptedModel(["answer"])
    with SqliteDatabase(db_file, session_id="s") as db:
        agent = Agent(scripted, db=db)
        await agent.do_async("first")
        await agent.do_async("second")
    assert "first" not in str([message.content for message in scripted.requests[1].messages])


@asynchronous
async def test_a_scripted_models_place_does_not_depend_on_session_memory(db_file: Any) -> None:
    with SqliteDatabase(db_file, session_id="s", full_session_memory=True) as db:
        agent = Agent(model("note"), db=db, tools=TOOLS)
        assert [await agent.do_async("Note.") for _ in range(3)] == ["finished"] * 3


@asynchronous
async def test_a_run_that_pauses_without_return_output_warns_with_the_run_id(db: SqliteDatabase) -> None:
    agent = Agent(model("paint"), db=db, tools=TOOLS)
    with pytest.warns(RunNotCompletedWarning) as caught:
        assert await agent.do_async("Paint.") is None
    assert str(agent.run_id) in str(caught[0].message)
    assert "continue_run_async" in str(caught[0].message)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        undecided = await agent.continue_run_async(run_id=agent.run_id, return_output=True, hitl_handler=lambda _: None)
    assert undecided.is_paused


def test_the_warning_of_a_synchronous_call_shows_the_callers_line(db: SqliteDatabase) -> None:
    agent = Agent(model("paint"), db=db, tools=TOOLS)
    with pytest.warns(RunNotCompletedWarning) as caught:
        assert agent.do("Paint.") is None
    assert str(agent.run_id) in str(caught[0].message)


@pytest.mark.parametrize("unknown", ["memory", "reflection", "canvas", "enable_thinking_tool", "modle"])
def test_an_unknown_parameter_of_an_agent_is_refused_by_name(unknown: str) -> None:
    options: dict[str, Any] = {unknown: True}
    with pytest.raises(TypeError, match=unknown):
        Agent(model("answer"), **options)


@asynchronous
async def test_an_agents_run_id_is_set_before_the_first_request_and_none_after_completion(db: SqliteDatabase) -> None:
    seen: list[str | None] = []

    def look(request: ModelRequest) -> str:
        seen.append(agent.run_id)
        return "looked"

    agent = Agent(FunctionModel(look), db=db, name="watcher", metadata={"k": [1]})
    assert agent.run_id is None
    output = await agent.do_async("Look.", return_output=True)
    assert seen == [output.run_id]
    assert agent.run_id is None
    assert (output.agent_name, output.metadata, output.agent_id) == ("watcher", {"k": [1]}, agent.agent_id)


@asynchronous
async def test_instructions_context_and_role_reach_the_model(db: SqliteDatabase) -> None:
    scripted = ScriptedModel(["fine"])
    agent = Agent(scripted, db=db, system_prompt="Be brief.", role="clerk", goal="order", instructions=["One.", "Two."])
    await agent.do_async(Task("Sort.", context=["letters", {"count": 3}]))
    everything = " ".join(str(message.content) for message in scripted.requests[0].messages)
    for words in ("Be brief.", "clerk", "order", "One.", "Two.", "Sort.", "letters", '"count"'):
        assert words in everything
