"""The synchronous methods: in a plain script, where a loop runs, and when they fail."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from haltpoint import Agent, ModelError, RunRequirement, ScriptedModel, SqliteDatabase, Task, tool
from support.replies import wants
from support.running import asynchronous
from support.workshop import TOOLS, model


def confirm(requirement: RunRequirement) -> None:
    requirement.confirm()


def test_do_and_continue_run_work_in_a_plain_script(db: SqliteDatabase) -> None:
    agent = Agent(model("deliver"), db=db, tools=TOOLS)
    task = Task("Deliver.")
    paused = agent.do(task, return_output=True)
    paused.active_requirements[0].tool_execution.result = "delivered"
    assert agent.continue_run(task=task) == "finished"
    assert agent.continue_run(run_id=paused.run_id) == "finished"


@asynchronous
async def test_the_synchronous_methods_work_while_a_loop_runs_in_the_thread(db: SqliteDatabase) -> None:
    agent = Agent(model("deliver"), db=db, tools=TOOLS)
    paused = agent.do("Deliver.", return_output=True)
    paused.active_requirements[0].tool_execution.result = "delivered"
    assert agent.continue_run(run_id=paused.run_id) == "finished"


@asynchronous
async def test_a_run_begun_in_a_loop_is_continued_by_the_synchronous_method(db: SqliteDatabase) -> None:
    agent = Agent(model("deliver"), db=db, tools=TOOLS)
    paused = await agent.do_async("Deliver.", return_output=True)
    paused.active_requirements[0].tool_execution.result = "delivered"
    assert agent.continue_run(run_id=paused.run_id) == "finished"


def test_the_printing_forms_print_the_content(db: SqliteDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    agent = Agent(model("answer"), db=db)
    assert agent.print_do("Answer.") == "finished"
    assert asyncio.run(agent.print_do_async("Answer.")) == "finished"
    assert capsys.readouterr().out == "finished\nfinished\n"


def test_a_plain_tool_may_run_another_agent_synchronously(db: SqliteDatabase) -> None:
    inner = Agent(model("answer"), db=db)

    @tool
    def delegate() -> str:
        """Let another agent do it."""
        return inner.do("Answer.")

    outer = Agent(ScriptedModel([wants("delegate"), "passed on"]), db=db, tools=[delegate])
    output = outer.do("Delegate.", return_output=True)
    assert (output.output, output.tools[0].result) == ("passed on", "finished")


def test_an_async_tool_that_calls_a_synchronous_method_is_told_instead_of_waiting_for_itself(
    db: SqliteDatabase,
) -> None:
    inner = Agent(model("answer"), db=db)

    @tool
    async def delegate() -> str:
        """Wait in the wrong way."""
        return inner.do("Answer.")

    outer = Agent(ScriptedModel([wants("delegate"), "passed on"]), db=db, tools=[delegate])
    output = outer.do("Delegate.", return_output=True)
    assert "async form" in output.tools[0].result


def test_many_threads_may_use_one_agent(db: SqliteDatabase) -> None:
    agent = Agent(model("note"), db=db, tools=TOOLS)
    together = threading.Barrier(8)

    def work(_: int) -> str:
        together.wait()
        return agent.do("Note.")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == ["finished"] * 8


def test_errors_reach_the_caller(db: SqliteDatabase) -> None:
    agent = Agent(ScriptedModel([]), db=db)
    with pytest.raises(ModelError) as caught:
        agent.do("Answer.")
    assert caught.value.run_id == agent.run_id
    assert agent.continue_run(run_id=caught.value.run_id, model=model("answer")) == "finished"


@pytest.mark.parametrize("exit_error", [SystemExit(3), KeyboardInterrupt()])
def test_a_handler_that_leaves_the_program_leaves_the_run_paused(db: SqliteDatabase, exit_error: BaseException) -> None:
    def leave(requirement: RunRequirement) -> None:
        raise exit_error

    agent = Agent(model("paint"), db=db, tools=TOOLS)
    with pytest.raises(type(exit_error)):
        agent.do("Paint.", hitl_handler=leave)
    assert agent.continue_run(run_id=agent.run_id, hitl_handler=confirm) == "finished"


def test_the_callers_context_variables_are_seen_by_tools(db: SqliteDatabase) -> None:
    tenant = contextvars.ContextVar[str]("tenant")

    @tool
    def who() -> str:
        """Say who asks."""
        return tenant.get()

    tenant.set("acme")
    output = Agent(ScriptedModel([wants("who"), "fine"]), db=db, tools=[who]).do("Who?", return_output=True)
    assert output.tools[0].result == "acme"
