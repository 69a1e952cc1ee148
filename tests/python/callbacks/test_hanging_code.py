"""Code that never returns: it holds its own run, with its lease, and no other; a time limit or a stop ends the run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from haltpoint import Agent, RunBusyError, RunTimeoutError, ScriptedModel, SqliteDatabase, tool
from haltpoint.worker import Progress
from haltpoint.worker.worker import Worker
from support.replies import wants
from support.running import asynchronous

from .misdeeds import Code
from .places import PLACES, agent_of, settle

pytestmark = pytest.mark.filterwarnings("ignore::haltpoint.NotificationWarning")

# Listeners are told beside the run, which they hold up at its end only.
HOLD_THEIR_RUN = [name for name, place in PLACES.items() if name not in ("on_event", "on_pause") and not place.resumes]
CASES = [(name, form) for name in HOLD_THEIR_RUN for form in PLACES[name].forms]
_LONGEST = 20.0


class HangingCode(Code):
    """Hangs the first time that it is called, until it is released."""

    def __init__(self, form: str, db: SqliteDatabase) -> None:
        super().__init__("hangs", form, db)
        self.begun = threading.Event()
        self.released = threading.Event()

    def act(self) -> None:
        self.calls += 1
        if self.calls == 1:
            self.begun.set()
            self.released.wait(_LONGEST)

    def function(self, result: Any = None) -> Callable[..., Any]:
        if self.form == "plain":
            return super().function(result)

        async def waiting(*_: Any, **__: Any) -> Any:
            self.calls += 1
            if self.calls == 1:
                self.begun.set()
                await asyncio.Event().wait()
            return result

        return waiting


@pytest.fixture
def hanging(db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], HangingCode]]:
    """Makes code that hangs, and lets go of it in the end."""
    monkeypatch.setattr("haltpoint.runtime.driver.GRACE", 0.2)
    made: list[HangingCode] = []

    def make(form: str) -> HangingCode:
        made.append(HangingCode(form, db))
        return made[-1]

    yield make
    for code in made:
        code.released.set()


@pytest.mark.parametrize(("place", "form"), CASES)
@asynchronous
async def test_a_run_whose_code_hangs_holds_up_no_other_and_ends_by_its_time_limit(
    db: SqliteDatabase, hanging: Callable[[str], HangingCode], place: str, form: str
) -> None:
    code = hanging(form)
    agent, given = agent_of(PLACES[place], code)
    run = asyncio.create_task(agent.do_async(**given, timeout=1.0))
    assert await asyncio.to_thread(code.begun.wait, _LONGEST)
    assert await Agent(ScriptedModel(["fine"]), db=db).do_async("Another.") == "fine"
    assert not run.done()
    with pytest.raises(RunTimeoutError) as caught:
        await asyncio.wait_for(run, _LONGEST)
    run_id = caught.value.run_id
    assert run_id is not None
    assert db.run(run_id).status.value == PLACES[place].interrupted[0]
    output = await agent.continue_run_async(run_id=run_id, hitl_handler=settle, return_output=True)
    assert output.is_complete


@pytest.mark.parametrize("form", ["plain", "async"])
@asynchronous
async def test_a_run_whose_tool_hangs_keeps_its_lease(
    db: SqliteDatabase, hanging: Callable[[str], HangingCode], form: str
) -> None:
    code = hanging(form)
    agent, given = agent_of(PLACES["tool"], code)
    run = asyncio.create_task(agent.do_async(**given))
    assert await asyncio.to_thread(code.begun.wait, _LONGEST)
    with pytest.raises(RunBusyError):
        await agent.continue_run_async(run_id=code.run_id())
    # Twice: once would wait for a plain tool.
    run.cancel()
    await asyncio.sleep(0.2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, _LONGEST)
    output = await agent.continue_run_async(run_id=code.run_id(), hitl_handler=settle, return_output=True)
    assert output.is_complete


@pytest.mark.parametrize("form", ["plain", "async"])
@asynchronous
async def test_cancelling_for_real_ends_a_run_whose_tool_does_not_end(
    db: SqliteDatabase, hanging: Callable[[str], HangingCode], form: str
) -> None:
    code = hanging(form)
    agent, given = agent_of(PLACES["tool"], code)
    run = asyncio.create_task(agent.do_async(**given, return_output=True))
    assert await asyncio.to_thread(code.begun.wait, _LONGEST)
    assert agent.cancel_run(interrupt=True)
    output = await asyncio.wait_for(run, _LONGEST)
    assert output.is_cancelled
    paused = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    (requirement,) = paused.active_requirements
    assert requirement.kind == "recovery"


@pytest.mark.parametrize(("place", "form"), [case for case in CASES if PLACES[case[0]].in_workers])
@asynchronous
async def test_a_worker_that_is_stopped_gives_back_a_run_whose_code_hangs(
    db: SqliteDatabase, hanging: Callable[[str], HangingCode], place: str, form: str
) -> None:
    code = hanging(form)
    agent, given = agent_of(PLACES[place], code)
    run_id = agent.submit(given["task"])
    other = Agent(ScriptedModel(["fine"]), name="other", db=db)
    other_run = other.submit("Another.")
    is_other_done = asyncio.Event()

    def report(progress: Progress) -> None:
        if (progress.run_id, progress.kind) == (other_run, "completed"):
            is_other_done.set()

    worker = Worker([agent, other], grace=0.2, report=report)
    working = asyncio.create_task(worker.run())
    assert await asyncio.to_thread(code.begun.wait, _LONGEST)
    await asyncio.wait_for(is_other_done.wait(), _LONGEST)
    worker.stop()
    await asyncio.wait_for(working, _LONGEST)
    assert db.run(run_id).status.value == "QUEUED"
    output = await agent.continue_run_async(run_id=run_id, hitl_handler=settle, return_output=True)
    assert output.is_complete


@asynchronous
async def test_an_async_tool_that_swallows_its_cancellation_ends_by_its_own_timeout(db: SqliteDatabase) -> None:
    is_over = asyncio.Event()

    @tool(timeout=0.1)
    async def dig() -> str:
        """Dig on, whatever anybody says."""
        while not is_over.is_set():
            try:
                await asyncio.wait_for(is_over.wait(), _LONGEST)
            except asyncio.CancelledError:
                continue
        return "dug"

    agent = Agent(ScriptedModel([wants("dig"), "so be it"]), db=db, tools=[dig])
    output = await asyncio.wait_for(agent.do_async("Dig.", return_output=True), _LONGEST)
    is_over.set()
    assert output.is_complete
    assert "cannot be stopped" in str(output.tools[0].result)
