"""A run whose caller goes away: time limits, cancelled tasks, Ctrl-C; and one that another process cancels."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, ModelReply, ModelRequest, RunTimeoutError, ScriptedModel, SqliteDatabase, tool
from support.programs import Program, run_program
from support.replies import wants
from support.running import asynchronous
from support.shell import SHELL
from support.worker import WORKER
from support.workshop import TOOLS, model


class StalledModel:
    """A model that never answers."""

    name = "stalled"

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def request(self, request: ModelRequest) -> ModelReply:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


async def continued(db: SqliteDatabase, run_id: str | None, script: str = "answer") -> str:
    assert run_id is not None
    return await Agent(model(script), db=db, tools=TOOLS).continue_run_async(run_id=run_id)


@asynchronous
async def test_wait_for_leaves_a_cancelled_run_that_can_be_continued(db: SqliteDatabase) -> None:
    agent = Agent(StalledModel(), db=db)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(agent.do_async("Work."), 0.05)
    output = agent.get_run_output()
    assert output is not None
    assert output.is_cancelled
    assert await continued(db, agent.run_id) == "finished"


@asynchronous
async def test_a_cancelled_task_leaves_a_cancelled_run_that_can_be_continued(db: SqliteDatabase) -> None:
    stalled = StalledModel()
    agent = Agent(stalled, db=db)
    run = asyncio.create_task(agent.do_async("Work."))
    await stalled.asked.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert agent._agent_run_output is not None
    assert agent._agent_run_output.is_cancelled
    assert await continued(db, agent.run_id) == "finished"


@asynchronous
async def test_a_task_cancelled_before_its_run_has_begun_leaves_nothing_broken(db: SqliteDatabase) -> None:
    agent = Agent(StalledModel(), db=db)
    run = asyncio.create_task(agent.do_async("Work."))
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await Agent(ScriptedModel(["fine"]), db=db).do_async("Next.") == "fine"
    if agent.run_id is not None:
        assert await continued(db, agent.run_id) == "finished"


@asynchronous
async def test_a_cancelled_task_keeps_the_result_of_its_plain_tool(db: SqliteDatabase) -> None:
    entered, opened = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    calls: list[str] = []

    @tool
    def bake() -> str:
        """Bake."""
        calls.append("bake")
        loop.call_soon_threadsafe(entered.set)
        assert opened.wait(20)
        return "baked"

    agent = Agent(ScriptedModel([wants("bake"), "eaten"]), db=db, tools=[bake])
    run = asyncio.create_task(agent.do_async("Bake."))
    await entered.wait()
    run.cancel()
    opened.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await agent.continue_run_async(run_id=agent.run_id) == "eaten"
    assert calls == ["bake"]


@asynchronous
async def test_an_async_tool_that_is_stopped_with_all_else_on_the_loop_is_in_doubt(db: SqliteDatabase) -> None:
    begun = asyncio.Event()

    @tool
    async def post(letter: str) -> str:
        """Post a letter, slowly."""
        begun.set()
        await asyncio.Event().wait()
        return letter

    agent = Agent(ScriptedModel([wants("post", letter="first"), "posted"]), db=db, tools=[post])
    run = asyncio.create_task(agent.do_async("Work."))
    await begun.wait()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        assert task is not None
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    paused = await agent.continue_run_async(run_id=agent.run_id, return_output=True)
    assert paused.pause_reason == "recovery"


@asynchronous
async def test_an_async_tool_that_cancels_itself_has_failed(db: SqliteDatabase) -> None:
    @tool
    async def give_up() -> str:
        """Cancel what it waits for."""
        waiting = asyncio.get_running_loop().create_future()
        waiting.cancel()
        await waiting
        return "unreachable"

    agent = Agent(ScriptedModel([wants("give_up"), "so be it"]), db=db, tools=[give_up])
    output = await agent.do_async("Work.", return_output=True)
    assert output.output == "so be it"
    assert output.tools[0].tool_call_error


@asynchronous
async def test_a_cancelled_continuation_leaves_a_run_that_can_be_continued(db: SqliteDatabase) -> None:
    agent = Agent(model("deliver"), db=db, tools=TOOLS)
    paused = await agent.do_async("Work.", return_output=True)
    paused.active_requirements[0].tool_execution.result = "delivered"
    stalled = StalledModel()
    run = asyncio.create_task(agent.continue_run_async(run_id=paused.run_id, model=stalled))
    await stalled.asked.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    result = await agent.continue_run_async(run_id=paused.run_id, return_output=True)
    assert result.output == "finished"
    assert result.tools[0].result == "delivered"


@asynchronous
async def test_timeout_raises_with_the_run_id_and_leaves_a_cancelled_run(db: SqliteDatabase) -> None:
    agent = Agent(StalledModel(), db=db)
    with pytest.raises(RunTimeoutError) as caught:
        await agent.do_async("Work.", timeout=0.05)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.run_id == agent.run_id
    assert caught.value.timeout == 0.05
    assert agent.get_run_output().is_cancelled  # type: ignore[union-attr]
    assert await continued(db, caught.value.run_id) == "finished"


@asynchronous
async def test_timeout_cancels_an_async_tool(db: SqliteDatabase) -> None:
    agent = Agent(model("dry"), db=db, tools=TOOLS)
    with pytest.raises(RunTimeoutError) as caught:
        await agent.do_async("Work.", timeout=1)
    paused = await agent.continue_run_async(run_id=caught.value.run_id, return_output=True)
    assert paused.pause_reason == "recovery"


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "1", True])
@asynchronous
async def test_a_timeout_that_is_none_is_refused_before_a_run_starts(db: SqliteDatabase, timeout: Any) -> None:
    agent = Agent(model("answer"), db=db)
    with pytest.raises((TypeError, ValueError), match="timeout must be"):
        await agent.do_async("Work.", timeout=timeout)
    assert agent.run_id is None


@asynchronous
async def test_a_run_within_its_time_limit_is_left_alone(db: SqliteDatabase) -> None:
    assert await Agent(model("answer"), db=db).do_async("Work.", timeout=60) == "finished"


@pytest.mark.parametrize("form", ["async", "sync"])
def test_ctrl_c_leaves_a_cancelled_run_that_another_process_continues(tmp_path: Path, db_file: Path, form: str) -> None:
    with Program(SHELL, form, str(db_file), "dry", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        program.interrupt()
        assert program.finish().last == {"interrupted": run_id, "status": "CANCELLED"}
    paused = run_program(WORKER, "proceed", str(db_file), "dry", run_id, cwd=tmp_path).last
    assert (paused["status"], paused["pause_reason"]) == ("PAUSED", "recovery")


def test_ctrl_c_lets_a_plain_tool_finish_and_keeps_its_result(tmp_path: Path, db_file: Path) -> None:
    with Program(SHELL, "async", str(db_file), "glue", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        program.interrupt()
        program.say("")
        assert program.finish().last["status"] == "CANCELLED"
    finished = run_program(WORKER, "proceed", str(db_file), "glue", run_id, cwd=tmp_path)
    assert finished.last["output"] == "finished"
    assert finished.last["tools"] == [["glue", {"part": "leg"}, "glued leg"]]
    assert len(finished.told) == 1


def test_another_process_cancels_a_run_and_a_third_continues_it(tmp_path: Path, db_file: Path) -> None:
    with Program(WORKER, "start", str(db_file), "stir", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        assert run_program(WORKER, "cancel", str(db_file), "stir", run_id, cwd=tmp_path).last is True
        assert program.finish().last["status"] == "CANCELLED"
    finished = run_program(WORKER, "proceed", str(db_file), "stir", run_id, cwd=tmp_path)
    assert finished.last["output"] == "finished"
    assert finished.last["tools"] == [["stir", {"pot": "glue"}, "stirred glue"]]
    assert len(finished.told) == 1
    assert run_program(WORKER, "cancel", str(db_file), "stir", run_id, cwd=tmp_path).last is False


def test_another_process_cancels_a_paused_run(tmp_path: Path, db_file: Path) -> None:
    run_id = run_program(WORKER, "start", str(db_file), "paint", cwd=tmp_path).last["run_id"]
    assert run_program(WORKER, "cancel", str(db_file), "paint", run_id, cwd=tmp_path).last is True
    again = run_program(WORKER, "proceed", str(db_file), "paint", run_id, cwd=tmp_path).last
    assert (again["status"], again["open"]) == ("PAUSED", 1)
    completed = run_program(WORKER, "confirm", str(db_file), "paint", run_id, cwd=tmp_path).last
    assert completed["output"] == "finished"
