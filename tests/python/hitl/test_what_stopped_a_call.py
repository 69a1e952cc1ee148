"""A call in doubt says what stopped it, in its details and on the page; that a process died is said of no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from haltpoint import Agent, RunTimeoutError, ScriptedModel, SqliteDatabase, cancel_run, current_tool_call, tool
from haltpoint.inbox import create_app
from haltpoint.worker import Progress
from haltpoint.worker.worker import Worker
from support.asgi import asked
from support.replies import wants
from support.running import asynchronous

Stop = Callable[[Agent], Awaitable[None]]


class Work:
    """A tool that never gets to its end, and says that it has begun."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    def tool(self, *, raises: bool = False, stops: bool = False) -> Any:
        @tool
        async def work() -> str:
            """Work for ever."""
            self.begun.set()
            if raises:
                raise KeyboardInterrupt
            if stops:
                cancel_run(current_tool_call().run_id, interrupt=True)
            await asyncio.Event().wait()
            raise AssertionError

        return work


async def _timeout(agent: Agent, work: Work) -> None:
    with pytest.raises(RunTimeoutError):
        await agent.do_async("Work.", timeout=0.3)


async def _cancelled_task(agent: Agent, work: Work) -> None:
    run = asyncio.create_task(agent.do_async("Work."))
    await work.begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def _cancel_run(agent: Agent, work: Work) -> None:
    await agent.do_async("Work.", return_output=True)


async def _interrupt(agent: Agent, work: Work) -> None:
    with pytest.raises(KeyboardInterrupt):
        await agent.do_async("Work.")


async def _worker(agent: Agent, work: Work) -> None:
    def report(progress: Progress) -> None:
        """Whatever it reports."""

    await agent.submit_async("Work.")
    worker = Worker([agent], grace=0.05, report=report)
    working = asyncio.create_task(worker.run())
    await work.begun.wait()
    worker.stop()
    await working


CASES: list[tuple[Any, dict[str, bool], str]] = [
    (_timeout, {}, "timeout"),
    (_cancelled_task, {}, "the awaiting task was cancelled"),
    (_cancel_run, {"stops": True}, "cancel_run"),
    (_interrupt, {"raises": True}, "the program was interrupted"),
    (_worker, {}, "its worker stopped before it had ended"),
]


@pytest.mark.parametrize(("stop", "options", "said"), CASES, ids=[said for *_, said in CASES])
@asynchronous
async def test_a_call_that_was_stopped_says_by_what(
    db: SqliteDatabase, stop: Any, options: dict[str, bool], said: str
) -> None:
    work = Work()
    agent = Agent(ScriptedModel([wants("work"), "done"]), name="clerk", db=db, tools=[work.tool(**options)])
    await stop(agent, work)
    (run,) = db.runs()
    paused = await agent.continue_run_async(run_id=run.run_id, return_output=True)
    (requirement,) = paused.active_requirements
    assert requirement.details is not None
    assert requirement.details["interruption"] == said
    page = await asyncio.to_thread(
        asked, create_app(db, authenticate=lambda request: "ann"), "GET", f"/runs/{run.run_id}"
    )
    assert f"stopped in its middle: {said}." in page.text
    assert "died" not in page.text
