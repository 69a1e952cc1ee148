"""Something else cancels the tasks that a run consists of: the run ends, and its lease with it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from haltpoint import (
    Agent,
    FunctionModel,
    ModelRequest,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    Task,
    cancel_run,
    current_tool_call,
    tool,
)
from support.replies import wants

_PATIENCE = 30.0


async def _cancel_all_but(*spared: asyncio.Future[Any] | None) -> None:
    for task in asyncio.all_tasks():
        if task not in (*spared, asyncio.current_task()):
            task.cancel()


async def _waits(request: ModelRequest) -> str:
    await asyncio.sleep(_PATIENCE)
    return "too late"


async def _ends_free(db: SqliteDatabase, run: asyncio.Future[Any], answer: str = "done") -> RunStatus:
    """Wait for the run's end, and return its status; another driver goes on with it at once."""
    done, _ = await asyncio.wait({run}, timeout=_PATIENCE / 2)
    assert done, "the run hangs"
    await asyncio.gather(run, return_exceptions=True)
    (row,) = await db.runs_async()
    other = Agent(ScriptedModel([answer]), db=db)
    await other.continue_run_async(run_id=row.run_id)
    return row.status


@pytest.mark.parametrize("turns", range(5))
def test_a_model_request_that_is_cancelled_before_or_after_it_begins_ends_the_run(
    db: SqliteDatabase, turns: int
) -> None:
    async def main() -> RunStatus:
        agent = Agent(FunctionModel(_waits), db=db)
        run = asyncio.ensure_future(agent.do_async("Work", return_output=True))
        while len(asyncio.all_tasks()) < 3:  # noqa: ASYNC110 - what is waited for is a task that just came to be
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        await _cancel_all_but(run)
        return await _ends_free(db, run)

    assert asyncio.run(main()) in (RunStatus.cancelled, RunStatus.error)


def test_a_check_of_the_answer_that_is_cancelled_ends_the_run(db: SqliteDatabase) -> None:
    begun, may_end = threading.Event(), threading.Event()

    class Answer(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def takes_long(cls, number: int) -> int:
            begun.set()
            assert may_end.wait(_PATIENCE)
            return number

    async def main() -> RunStatus:
        agent = Agent(ScriptedModel(['{"number": 1}']), db=db)
        run = asyncio.ensure_future(agent.do_async(Task("Count", response_format=Answer), return_output=True))
        assert await asyncio.to_thread(begun.wait, _PATIENCE)
        await _cancel_all_but(run)
        may_end.set()
        return await _ends_free(db, run, '{"number": 2}')

    assert asyncio.run(main()) is RunStatus.cancelled


@pytest.mark.parametrize("form", ["plain", "async"])
def test_a_question_about_a_call_in_doubt_that_is_cancelled_ends_the_run(db: SqliteDatabase, form: str) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def plain(_: object) -> str:
        begun.set()
        assert may_end.wait(_PATIENCE)
        return "dug"

    async def waiting(_: object) -> str:
        begun.set()
        if not may_end.is_set():
            await asyncio.sleep(_PATIENCE)
        return "dug"

    @tool(reconcile=plain if form == "plain" else waiting)
    async def dig() -> str:
        """Begin to dig, and stop the run in the middle of it."""
        cancel_run(current_tool_call().run_id, interrupt=True)
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> RunStatus:
        agent = Agent(ScriptedModel([wants("dig"), "done"]), db=db, tools=[dig])
        run_id = (await agent.do_async("Dig.", return_output=True)).run_id
        run = asyncio.ensure_future(agent.continue_run_async(run_id=run_id))
        assert await asyncio.to_thread(begun.wait, _PATIENCE)
        await _cancel_all_but(run)
        may_end.set()
        done, _ = await asyncio.wait({run}, timeout=_PATIENCE / 2)
        assert done, "the run hangs"
        await asyncio.gather(run, return_exceptions=True)
        status = (await db.run_async(run_id)).status
        # Nobody holds it, and what becomes of the call is asked once more.
        output = await agent.continue_run_async(run_id=run_id, return_output=True)
        assert (output.output, output.tools[0].result) == ("done", "dug")
        return status

    assert asyncio.run(main()) is RunStatus.cancelled
