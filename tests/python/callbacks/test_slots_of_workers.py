"""A worker that drives one run at a time goes on to the next one, whatever becomes of the first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from haltpoint import Agent, ScriptedModel, SqliteDatabase, cancel_run, current_tool_call, tool
from haltpoint.worker import Progress
from haltpoint.worker.worker import Worker
from support.replies import wants
from support.running import asynchronous

from .misdeeds import MISDEEDS, Code
from .places import PLACES, agent_of

pytestmark = pytest.mark.filterwarnings("ignore::haltpoint.NotificationWarning")

_LONGEST = 20.0


def cases() -> Iterator[Any]:
    """Each misdeed in some place, and each place with the misdeeds that end a loop where nothing catches them."""
    places = [name for name, place in PLACES.items() if place.in_workers]
    chosen = {(places[number % len(places)], misdeed) for number, misdeed in enumerate(MISDEEDS)}
    chosen |= {(place, misdeed) for place in places for misdeed in ("an interrupt", "an exit", "a cancellation")}
    # Where the database is closed, no worker goes on.
    for place, misdeed in sorted(chosen):
        if misdeed != "closes the database":
            yield pytest.param(place, misdeed, id=f"{place}-{misdeed}")


async def next_run_ends(db: SqliteDatabase, agent: Agent, *, has_begun: Callable[[], bool]) -> None:
    """Let a worker with one slot work until it has completed a run that was submitted behind those of the agent."""
    other = Agent(ScriptedModel(["fine"]), name="other", db=db)
    next_run = other.submit("Another.")
    is_done = asyncio.Event()

    def report(progress: Progress) -> None:
        if (progress.run_id, progress.kind) == (next_run, "completed"):
            is_done.set()

    worker = Worker([agent, other], concurrency=1, grace=0.5, report=report)
    working = asyncio.create_task(worker.run())
    waiting = asyncio.create_task(is_done.wait())
    await asyncio.wait({working, waiting}, timeout=_LONGEST, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert has_begun()
    assert is_done.is_set(), "the slot is lost"
    worker.stop()
    await asyncio.wait_for(working, _LONGEST)


@pytest.mark.parametrize(("place", "misdeed"), [*cases()])
@asynchronous
async def test_whatever_code_raises_the_next_run_has_its_turn(db: SqliteDatabase, place: str, misdeed: str) -> None:
    where = PLACES[place]
    code = Code(misdeed, where.forms[-1], db)
    agent, given = agent_of(where, code)
    if where.resumes:
        db.requeue((await agent.do_async("Work.", return_output=True)).run_id)
    else:
        agent.submit(given["task"])
    await next_run_ends(db, agent, has_begun=lambda: code.calls >= 1)


@asynchronous
async def test_after_a_question_about_a_call_in_doubt_was_cancelled_the_next_run_has_its_turn(
    db: SqliteDatabase,
) -> None:
    cancelled: list[asyncio.Task[Any]] = []

    async def stop_those_who_ask(_: object) -> str:
        asking = [task for task in asyncio.all_tasks() if "_reconcile" in str(task.get_coro())]
        cancelled.extend(asking)
        for task in asking:
            task.cancel()
        await asyncio.sleep(_LONGEST)
        return "too late"

    @tool(reconcile=stop_those_who_ask)
    async def dig() -> str:
        """Begin to dig, and stop the run in the middle of it."""
        cancel_run(current_tool_call().run_id, interrupt=True)
        await asyncio.Event().wait()
        raise AssertionError

    agent = Agent(ScriptedModel([wants("dig"), "done"]), name="digger", db=db, tools=[dig])
    run_id = (await agent.do_async("Dig.", return_output=True)).run_id
    db.requeue(run_id)
    await next_run_ends(db, agent, has_begun=lambda: bool(cancelled))
    assert (await db.run_async(run_id)).is_cancelled
