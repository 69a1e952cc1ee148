"""Tool results of ten million bytes: how many copies are in memory at once, and whether the event loop is held up.

`steps` is how many results there are. With the mode "one run" they are all in one conversation, which each model
request holds whole; with the mode "many runs" each is in a run of its own, so that only the copies under way count. The
tool is a plain function: the result is made in a thread, off the event loop.

`extra.copies` is the highest resident memory above the idle process, in results: of all of them with "one run", of a
single one with "many runs". `extra.longest_gap_seconds` is the longest time between two turns of the event loop.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import common
from haltpoint import Agent, SqliteDatabase, tool
from haltpoint_agent import model_of

RESULT_BYTES = 10_000_000


class Heartbeat:
    """Asks for each turn of the event loop and remembers the waits between them."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._stopped = False

    async def beat(self) -> None:
        """Beat until `stop`."""
        last = time.perf_counter()
        while not self._stopped:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.gaps.append(now - last)
            last = now

    def stop(self) -> None:
        """End `beat` after its next turn."""
        self._stopped = True


@tool
def lookup(number: int) -> str:
    """Return a page of data."""
    return str(number % 10) * RESULT_BYTES


async def _play(agent: Agent, runs: int, heartbeat: Heartbeat) -> list[Any]:
    beating = asyncio.ensure_future(heartbeat.beat())
    answers = [await agent.do_async(common.PROMPT) for _ in range(runs)]
    heartbeat.stop()
    await beating
    return answers


async def _big_results(job: common.Job) -> common.Outcome:
    runs, steps = (1, job.steps) if job.mode == "one run" else (job.steps, 1)
    heartbeat = Heartbeat()
    with SqliteDatabase(job.scratch()) as database:
        await Agent(model_of(0, approval=False), db=database).do_async(common.PROMPT)
    with SqliteDatabase(job.database) as database:
        agent = Agent(model_of(steps, approval=False), db=database, tools=[lookup], tool_call_limit=steps + 1)
        with common.measured() as meter:
            answers = await _play(agent, runs, heartbeat)
    common.expect(set(answers), {common.FINAL}, "final texts")
    return common.Outcome(meter, runs * steps, _extra(meter, heartbeat, results_held=steps))


def _extra(meter: common.Meter, heartbeat: Heartbeat, results_held: int) -> dict[str, Any]:
    gaps = sorted(heartbeat.gaps)
    return {
        "copies": (meter.peak_memory_bytes - meter.idle_memory_bytes) / RESULT_BYTES / results_held,
        "longest_gap_seconds": gaps[-1],
        "gap_99th_percentile_seconds": gaps[len(gaps) * 99 // 100],
    }


def big_results(job: common.Job) -> common.Outcome:
    """One run with all results, or a run for each."""
    return asyncio.run(_big_results(job))


if __name__ == "__main__":
    common.main("haltpoint", "haltpoint", {"big_results": big_results})
