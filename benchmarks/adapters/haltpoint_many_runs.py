"""A file full of paused runs: whether what one looks for is found as fast as among a few.

The phase "make" fills the file with `runs` paused runs and decides the requirements of nine in ten, so that one in ten
is still open. The phase "continue" continues `steps` of those that are decided and lists as many pages of what is open,
each timed by itself.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING

import common
from haltpoint import RunRequirement, RunStatus, SqliteDatabase
from haltpoint_agent import Calls, agent_of

if TYPE_CHECKING:
    from haltpoint import Agent

AT_ONCE = 1_000
PAGE = 10
OPEN_SHARE = 10


async def _paused(agent: Agent, number: int) -> None:
    """Start a run that pauses at once; decide what it asks, unless it is one of those that stay open."""
    output = await agent.do_async(common.PROMPT, return_output=True)
    (requirement,) = output.requirements
    if number % OPEN_SHARE:
        requirement.confirm()
        await requirement


async def _make(job: common.Job) -> common.Outcome:
    with SqliteDatabase(job.database, durability="normal") as database:
        agent = agent_of(database, 0, Calls(), approval=True)
        with common.measured() as meter:
            for first in range(0, job.runs, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, job.runs))
                await asyncio.gather(*(_paused(agent, number) for number in numbers))
    return common.Outcome(meter, 0)


def _spread(database: SqliteDatabase, count: int) -> list[str]:
    """So many runs whose requirement is decided, from all over the file."""
    decided: list[RunRequirement] = []
    before: str | None = None
    while page := database.requirements(open_only=False, limit=AT_ONCE, before=before):
        decided += [requirement for requirement in page if requirement.decision is not None]
        before = page[-1].id
    chosen = decided[:: max(1, len(decided) // count)][:count]
    return [requirement.run_id or "" for requirement in chosen]


async def _continue(agent: Agent, run_ids: list[str]) -> list[float]:
    samples: list[float] = []
    for run_id in run_ids:
        began = time.perf_counter()
        output = await agent.continue_run_async(run_id=run_id, return_output=True)
        samples.append(time.perf_counter() - began)
        common.expect(output.status, RunStatus.completed, "status")
    return samples


def _list_open(database: SqliteDatabase, pages: int) -> list[float]:
    """Seconds for each of so many pages, from the newest on, and again from there when the last one was read."""
    samples: list[float] = []
    before: str | None = None
    for _ in range(pages):
        began = time.perf_counter()
        page = database.requirements(limit=PAGE, before=before)
        samples.append(time.perf_counter() - began)
        before = page[-1].id if len(page) == PAGE else None
    return samples


async def _measure(job: common.Job) -> common.Outcome:
    calls = Calls()
    with SqliteDatabase(job.database, durability="normal") as database:
        agent = agent_of(database, 0, calls, approval=True)
        run_ids = _spread(database, job.steps + 1)
        # The first one pays for what is imported late.
        await _continue(agent, run_ids[:1])
        with common.measured() as meter:
            continuing = await _continue(agent, run_ids[1:])
            listing = _list_open(database, job.steps)
    meter.seconds = statistics.median(continuing)
    return common.Outcome(meter, calls.count - 1, {"continue_seconds": continuing, "page_seconds": listing})


def many_runs(job: common.Job) -> common.Outcome:
    """Fill the file, or look for something in it."""
    return asyncio.run(_make(job) if job.phase == "make" else _measure(job))


if __name__ == "__main__":
    common.main("haltpoint", "haltpoint", {"many_runs": many_runs})
