"""Runs whose steps take no time at all: the loop's other tasks get their turns, and whoever stops the run is heard."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    FunctionModel,
    InMemoryDatabase,
    ModelReply,
    ModelRequest,
    RunTimeoutError,
    ScriptedModel,
    SqliteDatabase,
    tool,
)
from haltpoint.db.database import Database
from support.replies import wants
from support.running import asynchronous

STEPS = 300
FOR_EVER = 1_000_000


@pytest.fixture(params=["full", "normal", "memory"])
def any_db(request: pytest.FixtureRequest, db_file: Path) -> Iterator[Database]:
    """A database of each kind."""
    if request.param == "memory":
        yield InMemoryDatabase()
    else:
        with SqliteDatabase(db_file, durability=request.param) as database:
            yield database


class Counter:
    """Counts the calls of its tool, and tells another thread once the run is well under way."""

    def __init__(self) -> None:
        self.calls = 0
        self.under_way = threading.Event()

        @tool
        async def count() -> str:
            """Count, at once."""
            self.calls += 1
            if self.calls == 20:
                self.under_way.set()
            return "counted"

        self.tool = count


def endless(counter: Counter, db: Database) -> Agent:
    """An agent whose run ends only when somebody stops it."""

    def go_on(request: ModelRequest) -> ModelReply:
        return wants("count")

    return Agent(FunctionModel(go_on), db=db, tools=[counter.tool], tool_call_limit=FOR_EVER)


def assert_is_cancelled(output: AgentRunOutput | None) -> None:
    assert output is not None
    assert output.is_cancelled


@asynchronous
async def test_another_task_gets_its_turn_at_each_step(any_db: Database) -> None:
    counter = Counter()
    calls = [wants("count") for _ in range(STEPS)]
    agent = Agent(ScriptedModel([*calls, "done"]), db=any_db, tools=[counter.tool], tool_call_limit=STEPS)
    run = asyncio.create_task(agent.do_async("Count."))
    seen = [0]
    while not run.done():
        await asyncio.sleep(0)
        seen.append(counter.calls)
    assert await run == "done"
    steps_between_turns = [later - earlier for earlier, later in pairwise(seen)]
    assert counter.calls == STEPS
    assert max(steps_between_turns) == 1


@asynchronous
async def test_a_time_limit_ends_a_run_that_never_waits(any_db: Database) -> None:
    counter = Counter()
    agent = endless(counter, any_db)
    with pytest.raises(RunTimeoutError):
        await agent.do_async("Count.", timeout=0.05)
    assert_is_cancelled(agent.get_run_output())


@asynchronous
async def test_another_thread_cancels_a_run_that_never_waits(any_db: Database) -> None:
    counter = Counter()
    agent = endless(counter, any_db)

    def cancel() -> None:
        assert counter.under_way.wait(20)
        agent.cancel_run()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    output = await agent.do_async("Count.", return_output=True)
    canceller.join()
    assert_is_cancelled(output)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="an interrupt cancels the main task from Python 3.11 on")
def test_ctrl_c_stops_a_run_that_never_waits(any_db: Database) -> None:
    counter = Counter()
    agent = endless(counter, any_db)

    def interrupt() -> None:
        assert counter.under_way.wait(20)
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(agent.do_async("Count."))
    interrupter.join()
    assert_is_cancelled(agent.get_run_output())
