"""A cancel that was answered True holds, also when it comes as the run is about to end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from durability import one_driver
from durability.processes import Participant
from haltpoint import (
    Agent,
    AgentRunOutput,
    FunctionModel,
    InMemoryDatabase,
    ModelReply,
    ModelRequest,
    RunRequirement,
    RunStatus,
    SqliteDatabase,
    cancel_run,
    tool,
)
from haltpoint.db.database import Database
from haltpoint.run.events import RunEvent
from support.databases import on_files
from support.replies import results_in, wants
from support.running import asynchronous
from support.trouble import locked

# By then the driver has handed its last entries to the store, which can't write them.
_TURNS = 50


@tool(requires_confirmation=True)
def sign(paper: str) -> str:
    """Sign a paper."""
    return f"signed {paper}"


@tool
def look() -> str:
    """Look."""
    return "seen"


class Meddler:
    """A model that lets something happen before its first last word, and asks for a call or answers then."""

    name = "meddler"

    def __init__(self, reply: ModelReply | str, meddle: Callable[[], Any]) -> None:
        self._reply = reply
        self._meddle: Callable[[], Any] | None = meddle

    async def request(self, request: ModelRequest) -> ModelReply:
        if self._meddle is not None:
            self._meddle, meddle = None, self._meddle
            meddle()
        elif results_in(request):
            return ModelReply("signed")
        return ModelReply(self._reply) if isinstance(self._reply, str) else self._reply


_LAST_WORDS = [pytest.param("done", id="completes"), pytest.param(wants("sign", paper="will"), id="pauses")]


@on_files
@pytest.mark.parametrize("reply", _LAST_WORDS)
@asynchronous
async def test_a_cancel_while_the_end_waits_for_the_disk_holds(
    db: SqliteDatabase, db_file: Path, reply: ModelReply | str
) -> None:
    with ExitStack() as until_the_end:
        lock = _Lock(db_file, until_the_end)
        agent = Agent(Meddler(reply, lock.take), db=db, tools=[sign])
        run = asyncio.create_task(agent.do_async("Do.", return_output=True))
        await lock.taken.wait()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        assert agent.cancel_run()
        lock.release()
        output = await run
    await _assert_cancelled(agent, output)


@pytest.mark.parametrize("reply", _LAST_WORDS)
@asynchronous
async def test_a_cancel_that_the_driver_has_not_heard_of_holds(db: SqliteDatabase, reply: ModelReply | str) -> None:
    answers: list[bool] = []
    agent: Agent

    def cancel() -> None:
        # The loop waits meanwhile, and so does word of it.
        answers.append(db.cancel(str(agent.run_id)))

    agent = Agent(Meddler(reply, cancel), db=db, tools=[sign])
    output = await agent.do_async("Do.", return_output=True)
    assert answers == [True]
    await _assert_cancelled(agent, output)


@pytest.mark.parametrize("reply", _LAST_WORDS)
@asynchronous
async def test_a_cancel_of_another_process_that_the_driver_has_not_heard_of_holds(
    db: SqliteDatabase, tmp_path: Path, reply: ModelReply | str
) -> None:
    answers: list[bool] = []
    agent: Agent

    def cancel() -> None:
        with Participant(one_driver.cancel, str(tmp_path), agent.run_id) as other:
            answers.append(other.finish().told[0])

    agent = Agent(Meddler(reply, cancel), db=db, tools=[sign])
    output = await agent.do_async("Do.", return_output=True)
    assert answers == [True]
    await _assert_cancelled(agent, output)


@asynchronous
async def test_what_a_tool_returned_is_kept_where_its_run_is_cancelled_at_the_last_moment(db: SqliteDatabase) -> None:
    agent: Agent
    calls: list[str] = []

    @tool(stop_after_tool_call=True)
    async def finish() -> str:
        """Finish the run."""
        calls.append("finish")
        assert db.cancel(str(agent.run_id))
        return "finished"

    agent = Agent(Meddler(wants("finish"), lambda: None), db=db, tools=[finish])
    output = await agent.do_async("Do.", return_output=True)
    assert output.is_cancelled
    assert [call.result for call in output.tools] == ["finished"]
    assert await agent.continue_run_async(run_id=output.run_id) == "finished"
    assert calls == ["finish"]


@asynchronous
async def test_a_cancel_of_a_run_that_is_completed_on_disk_is_answered_false(db: SqliteDatabase) -> None:
    answers: list[bool] = []

    def cancel(event: RunEvent) -> None:
        if event.kind == "run_completed":
            answers.append(cancel_run(event.run_id))

    agent = Agent(FunctionModel(lambda _: "done"), db=db, on_event=cancel)
    assert (await agent.do_async("Do.", return_output=True)).is_complete
    assert answers == [False]


@on_files
@asynchronous
async def test_a_timeout_that_comes_while_the_end_waits_for_the_disk_is_one(db: SqliteDatabase, db_file: Path) -> None:
    with ExitStack() as until_the_end:
        lock = _Lock(db_file, until_the_end)
        agent = Agent(Meddler("done", lock.take), db=db)
        run = asyncio.create_task(agent.do_async("Do.", timeout=0.05))
        await lock.taken.wait()
        # Timers come in their order: the run's is the earlier one.
        passed = asyncio.Event()
        asyncio.get_running_loop().call_later(0.06, passed.set)
        await passed.wait()
        lock.release()
        with pytest.raises(TimeoutError):
            await run
    assert db.run(str(agent.run_id)).is_cancelled


@asynchronous
async def test_a_run_that_is_cancelled_while_its_handler_is_asked_does_not_go_on(db: SqliteDatabase) -> None:
    model = Meddler(wants("sign", paper="will"), lambda: None)
    agent = Agent(model, db=db, tools=[sign])

    def decide(requirement: RunRequirement) -> None:
        assert cancel_run(str(requirement.run_id))
        requirement.confirm()

    output = await agent.do_async("Sign.", return_output=True, hitl_handler=decide)
    assert output.is_cancelled
    assert output.tools[0].result is None
    assert db.run(output.run_id).is_cancelled
    assert await agent.continue_run_async(run_id=output.run_id) == "signed"


@pytest.mark.parametrize("ask", [cancel_run, None], ids=["in the process", "through the file"])
@pytest.mark.parametrize("durability", ["full", "normal", "memory"])
def test_true_means_cancelled_whenever_the_cancel_comes(tmp_path: Path, durability: str, ask: Any) -> None:
    seen: set[RunStatus] = set()
    with _database(tmp_path, durability) as db:
        for delay in _delays():
            was_cancelled, output = asyncio.run(_raced(db, ask or db.cancel, delay))
            assert output.is_cancelled == was_cancelled, (delay, output.status)
            assert db.run(output.run_id).status is output.status
            seen.add(output.status)
    assert RunStatus.cancelled in seen


def _delays() -> Iterator[int]:
    """Rounds of a loop: from none to what takes longer than the run."""
    for _ in range(2):
        yield from (int(1.35**power) for power in range(40))


async def _raced(db: Database, cancel: Callable[[str], bool], delay: int) -> tuple[bool, AgentRunOutput]:
    asked = threading.Event()
    answers: list[bool] = []

    def reply(request: ModelRequest) -> ModelReply | str:
        asked.set()
        return "done" if results_in(request) else wants("look")

    agent = Agent(FunctionModel(reply), db=db, tools=[look])

    def cancel_later() -> None:
        asked.wait()
        for _ in range(delay):
            pass
        answers.append(cancel(str(agent.run_id)))

    canceller = threading.Thread(target=cancel_later)
    canceller.start()
    output = await agent.do_async("Look.", return_output=True)
    await asyncio.to_thread(canceller.join)
    return answers[0], output


def _database(directory: Path, durability: str) -> Database:
    if durability == "memory":
        return InMemoryDatabase()
    return SqliteDatabase(directory / "runs.db", durability="full" if durability == "full" else "normal")


class _Lock:
    """Another process's lock on a database."""

    def __init__(self, path: Path, until: ExitStack) -> None:
        self.taken = asyncio.Event()
        self.release: Callable[[], None]
        self._path = path
        self._until = until

    def take(self) -> None:
        """Wait until the other process has it."""
        self.release = self._until.enter_context(locked(self._path))
        self.taken.set()


async def _assert_cancelled(agent: Agent, output: AgentRunOutput) -> None:
    assert output.is_cancelled
    assert output.output is None
    assert agent.run_id == output.run_id
    assert agent.db.run(output.run_id).is_cancelled
    assert not agent.cancel_run()
    again = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    if again.is_paused:
        again.active_requirements[0].confirm()
        again = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert again.is_complete
