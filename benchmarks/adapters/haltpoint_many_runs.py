"""A file full of paused runs: whether what one looks for is found as fast as among a few.

The phase "make" fills the file with `runs` paused runs and decides the requirements of nine in ten, so that one in ten
is still open; a list beside it names those that are decided. The phase "continue" continues `steps` of them, which it
takes off the list, and lists as many pages of what is open, each timed by itself.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import common
from haltpoint import RunStatus, SqliteDatabase
from haltpoint_agent import Calls, agent_of

if TYPE_CHECKING:
    from haltpoint import Agent

AT_ONCE = 1_000
PAGE = 10
OPEN_SHARE = 10


async def _paused(agent: Agent, number: int) -> str | None:
    """Start a run that pauses at once; its id if it was decided, too, and not one of those that stay open."""
    output = await agent.do_async(common.PROMPT, return_output=True)
    (requirement,) = output.requirements
    if number % OPEN_SHARE == 0:
        return None
    requirement.confirm()
    await requirement
    return str(output.run_id)


async def _make(job: common.Job) -> common.Outcome:
    with SqliteDatabase(job.database, durability="normal") as database:
        agent = agent_of(database, 0, Calls(), approval=True)
        decided: list[str] = []
        with common.measured() as meter:
            for first in range(0, job.runs, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, job.runs))
                paused = await asyncio.gather(*(_paused(agent, number) for number in numbers))
                decided += [run_id for run_id in paused if run_id is not None]
    random.Random(job.runs).shuffle(decided)  # noqa: S311 - an order, no secret
    _list_of(job).write_text("\n".join(decided), encoding="ascii")
    return common.Outcome(meter, 0)


def _list_of(job: common.Job) -> Path:
    return Path(job.database + ".decided")


def _take(job: common.Job, count: int) -> list[str]:
    """So many runs whose requirement is decided, from anywhere in the file."""
    run_ids = _list_of(job).read_text(encoding="ascii").splitlines()
    _list_of(job).write_text("\n".join(run_ids[count:]), encoding="ascii")
    common.expect(len(run_ids[:count]), count, "runs left to continue")
    return run_ids[:count]


async def _continue(agent: Agent, run_ids: list[str]) -> list[float]:
    samples: list[float] = []
    for run_id in run_ids:
        began = time.perf_counter()
        output = await agent.continue_run_async(run_id=run_id, return_output=True)
        samples.append(time.perf_counter() - began)
        common.expect(output.status, RunStatus.completed, "status")
    return samples


def _list_open(database: SqliteDatabase, pages: int) -> list[float]:
    """Seconds for each of so many full pages, from the newest on, and again from there when the last one was read."""
    samples: list[float] = []
    before: str | None = None
    common.expect(len(database.requirements(limit=PAGE)), PAGE, "open requirements on the first page")
    while len(samples) < pages:
        began = time.perf_counter()
        page = database.requirements(limit=PAGE, before=before)
        taken = time.perf_counter() - began
        before = page[-1].id if page else None
        if len(page) == PAGE:
            samples.append(taken)
    return samples


async def _measure(job: common.Job) -> common.Outcome:
    calls = Calls()
    with SqliteDatabase(job.database, durability="normal") as database:
        agent = agent_of(database, 0, calls, approval=True)
        run_ids = _take(job, job.steps + 1)
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
