"""Cancelling a run from within its process."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from haltpoint import (
    Agent,
    FunctionModel,
    InMemoryDatabase,
    ModelReply,
    ModelRequest,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    StoreError,
    Task,
    cancel_run,
    current_tool_call,
    tool,
)
from haltpoint.db.database import Database
from support.replies import results_in, wants, wants_all
from support.running import asynchronous, until


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return "paid"


def waiting_in(db: Database) -> str:
    """A run that waits for a person."""
    output = Agent(ScriptedModel([wants("pay", euros=1)]), db=db, tools=[pay]).do("Pay.", return_output=True)
    return output.run_id


def test_a_database_that_fails_keeps_no_run_of_another_from_being_cancelled(tmp_path: Path) -> None:
    file = tmp_path / "lost.db"
    with SqliteDatabase(file) as lost, InMemoryDatabase() as good:
        gone, waiting = waiting_in(lost), waiting_in(good)
        for part in tmp_path.iterdir():
            part.unlink()
        assert cancel_run(waiting)
        assert good.run(waiting).is_cancelled
        # It may be there.
        with pytest.raises(StoreError):
            cancel_run(gone)
        good_agent = Agent(ScriptedModel(["fine"]), db=good)
        ended = good_agent.do("Answer.", return_output=True).run_id
        assert not cancel_run(ended)


class StalledModel:
    """A model that never answers."""

    name = "stalled"

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.was_dropped = False

    async def request(self, request: ModelRequest) -> ModelReply:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_dropped = True
            raise
        raise AssertionError


class Gate:
    """A plain tool that works until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.calls: list[int] = []

    def tool(self, **options: bool):  # type: ignore[no-untyped-def]
        @tool(**options)
        def pass_gate(number: int) -> str:
            """Pass the gate."""
            self.calls.append(number)
            self.entered.set()
            assert self.opened.wait(20)
            return f"passed {number}"

        return pass_gate


@asynchronous
async def test_a_model_request_under_way_is_dropped_at_once(db: SqliteDatabase) -> None:
    model = StalledModel()
    agent = Agent(model, db=db)
    run = asyncio.create_task(agent.do_async("Wait.", return_output=True))
    await model.asked.wait()
    run_id = agent.run_id
    assert run_id is not None
    assert cancel_run(run_id)
    output = await asyncio.wait_for(run, 5)
    assert output.status is RunStatus.cancelled
    assert output.is_cancelled
    assert output.is_problematic
    assert output.output is None
    assert agent.run_id == run_id
    assert model.was_dropped
    result = await agent.continue_run_async(run_id=run_id, model=ScriptedModel(["answered"]))
    assert result == "answered"
    assert agent.run_id is None


@asynchronous
async def test_a_plain_tool_under_way_finishes_and_its_result_is_kept(db: SqliteDatabase) -> None:
    gate = Gate()
    model = ScriptedModel([wants("pass_gate", number=1), "through"])
    agent = Agent(model, db=db, tools=[gate.tool()])
    run = asyncio.create_task(agent.do_async("Pass.", return_output=True))
    await until(gate.entered)
    assert agent.cancel_run()
    gate.opened.set()
    output = await run
    assert output.is_cancelled
    assert [execution.result for execution in output.tools] == ["passed 1"]
    assert len(model.requests) == 1
    assert await agent.continue_run_async(run_id=output.run_id) == "through"
    assert gate.calls == [1]
    assert results_in(model.requests[-1]) == ["passed 1"]


@asynchronous
async def test_nothing_new_starts_after_a_cancellation(db: SqliteDatabase) -> None:
    gate = Gate()
    model = ScriptedModel([wants_all(("pass_gate", {"number": 1}), ("pass_gate", {"number": 2})), "through"])
    agent = Agent(model, db=db, tools=[gate.tool(sequential=True)])
    run = asyncio.create_task(agent.do_async("Pass twice.", return_output=True))
    await until(gate.entered)
    assert agent.cancel_run()
    gate.opened.set()
    output = await run
    assert gate.calls == [1]
    assert await agent.continue_run_async(run_id=output.run_id) == "through"
    assert gate.calls == [1, 2]
    assert results_in(model.requests[-1]) == ["passed 1", "passed 2"]


@asynchronous
async def test_an_async_tool_sees_that_its_run_is_cancelled(db: SqliteDatabase) -> None:
    working = asyncio.Event()

    @tool
    async def search() -> str:
        """Search until told to stop."""
        working.set()
        while not current_tool_call().cancelled:  # noqa: ASYNC110 - what tools do
            await asyncio.sleep(0.001)
        return "found half"

    agent = Agent(ScriptedModel([wants("search"), "half will do"]), db=db, tools=[search])
    run = asyncio.create_task(agent.do_async("Search.", return_output=True))
    await working.wait()
    assert agent.cancel_run()
    output = await run
    assert output.is_cancelled
    assert output.tools[0].result == "found half"
    assert await agent.continue_run_async(run_id=output.run_id) == "half will do"


@asynchronous
async def test_interrupt_cancels_an_async_tool_for_real_and_asks_what_became_of_it(db: SqliteDatabase) -> None:
    working = asyncio.Event()
    stopped: list[str] = []

    @tool
    async def transfer() -> str:
        """Transfer for ever."""
        working.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(current_tool_call().tool_call_id)
            raise
        return "unreachable"

    agent = Agent(ScriptedModel([wants("transfer"), "so be it"]), db=db, tools=[transfer])
    run = asyncio.create_task(agent.do_async("Transfer.", return_output=True))
    await working.wait()
    assert agent.run_id is not None
    assert cancel_run(agent.run_id, interrupt=True)
    output = await asyncio.wait_for(run, 5)
    assert output.is_cancelled
    assert len(stopped) == 1
    paused = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert (paused.status, paused.pause_reason) == (RunStatus.paused, "recovery")
    (requirement,) = paused.active_requirements
    requirement.supply("transferred after all")
    assert await agent.continue_run_async(run_id=output.run_id) == "so be it"
    assert len(stopped) == 1


@asynchronous
async def test_an_interrupted_tool_that_may_be_repeated_runs_again_under_the_same_key(db: SqliteDatabase) -> None:
    working = asyncio.Event()
    attempts: list[tuple[str, int]] = []

    @tool(idempotent=True)
    async def upload() -> str:
        """Upload; the first attempt never ends."""
        call = current_tool_call()
        attempts.append((call.idempotency_key, call.attempt))
        working.set()
        if len(attempts) == 1:
            await asyncio.Event().wait()
        return "uploaded"

    agent = Agent(ScriptedModel([wants("upload"), "done"]), db=db, tools=[upload])
    run = asyncio.create_task(agent.do_async("Upload.", return_output=True))
    await working.wait()
    assert agent.run_id is not None
    assert cancel_run(agent.run_id, interrupt=True)
    output = await run
    assert await agent.continue_run_async(run_id=output.run_id) == "done"
    (first_key, first), (second_key, second) = attempts
    assert first_key == second_key
    assert (first, second) == (1, 2)


@asynchronous
async def test_a_cancelled_paused_run_presents_its_requirements_again(db: SqliteDatabase) -> None:
    @tool(requires_confirmation=True)
    def sign(paper: str) -> str:
        """Sign a paper."""
        return f"signed {paper}"

    agent = Agent(ScriptedModel([wants("sign", paper="will"), "signed"]), db=db, tools=[sign])
    paused = await agent.do_async("Sign.", return_output=True)
    assert cancel_run(paused.run_id)
    assert not cancel_run(paused.run_id)
    again = await agent.continue_run_async(run_id=paused.run_id, return_output=True)
    assert again.is_paused
    assert [item.id for item in again.active_requirements] == [item.id for item in paused.active_requirements]
    again.active_requirements[0].confirm()
    assert await agent.continue_run_async(run_id=paused.run_id) == "signed"


@asynchronous
async def test_a_continuation_can_be_cancelled_as_the_first_part_could(db: SqliteDatabase) -> None:
    gate = Gate()
    model = ScriptedModel([wants("pass_gate", number=3), "through"])
    agent = Agent(model, db=db, tools=[gate.tool(requires_confirmation=True)])
    paused = await agent.do_async("Pass.", return_output=True)
    paused.active_requirements[0].confirm()
    continuation = asyncio.create_task(agent.continue_run_async(run_id=paused.run_id, return_output=True))
    await until(gate.entered)
    assert cancel_run(paused.run_id)
    gate.opened.set()
    cancelled = await continuation
    assert cancelled.is_cancelled
    assert len(model.requests) == 1
    stalled = StalledModel()
    second = asyncio.create_task(agent.continue_run_async(run_id=paused.run_id, model=stalled, return_output=True))
    await stalled.asked.wait()
    assert cancel_run(paused.run_id)
    assert (await second).is_cancelled
    assert await agent.continue_run_async(run_id=paused.run_id) == "through"
    assert gate.calls == [3]


@asynchronous
async def test_a_run_can_be_cancelled_from_another_thread_and_from_its_own_tool(db: SqliteDatabase) -> None:
    @tool
    def give_up() -> str:
        """Cancel the own run."""
        assert cancel_run(current_tool_call().run_id)
        return "gave up"

    agent = Agent(ScriptedModel([wants("give_up"), "went on"]), db=db, tools=[give_up])
    output = await agent.do_async("Try.", return_output=True)
    assert output.is_cancelled
    assert output.tools[0].result == "gave up"
    assert await agent.continue_run_async(run_id=output.run_id) == "went on"


@asynchronous
async def test_cancelling_returns_false_where_no_run_is_running_or_paused(db: SqliteDatabase) -> None:
    agent = Agent(ScriptedModel(["done"]), db=db)
    output = await agent.do_async("Do.", return_output=True)
    assert not cancel_run(output.run_id)
    assert not agent.cancel_run(output.run_id)
    assert not agent.cancel_run()
    assert not cancel_run("no such run")
    assert not cancel_run("0190d8a0-0000-7000-8000-000000000000")
    assert not Agent(ScriptedModel([]), db=db).cancel_run()


@asynchronous
async def test_a_cancelled_and_completed_run_lists_each_step_once(db: SqliteDatabase) -> None:
    gate = Gate()
    agent = Agent(ScriptedModel([wants("pass_gate", number=1), "through"]), db=db, tools=[gate.tool()])
    task = Task("Pass.")
    run = asyncio.create_task(agent.do_async(task, return_output=True))
    await until(gate.entered)
    agent.cancel_run()
    gate.opened.set()
    cancelled = await run
    assert task.is_problematic
    result = await agent.continue_run_async(task=task, return_output=True)
    assert result.is_complete
    assert [step.step_number for step in result.step_results] == [1, 2, 3]
    assert {step.status for step in result.step_results} == {RunStatus.completed}
    assert len(cancelled.step_results) < 3
    assert task.is_completed
    assert task.response == "through"


@asynchronous
async def test_a_cancellation_during_a_backoff_ends_the_wait(db: SqliteDatabase) -> None:
    failing = asyncio.Event()

    async def fail(request: ModelRequest) -> str:
        failing.set()
        raise OSError("no route")

    agent = Agent(FunctionModel(fail), db=db, retry=10)
    run = asyncio.create_task(agent.do_async("Try.", return_output=True))
    await failing.wait()
    assert agent.cancel_run()
    assert (await asyncio.wait_for(run, 5)).is_cancelled
