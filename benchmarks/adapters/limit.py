"""The limit: a bare asyncio loop that makes the same calls and commits each of them, and nothing else.

One SQLite commit for each model reply and one for each tool result, on the event loop itself, through the standard
library's sqlite3. There are no leases, no hashes, no starts of tools, no requirements: a killed process could not tell
whether its last tool had run. All runs of a process share one connection, and each commits for itself.

Modes: "full" and "normal" are SQLite's `synchronous`, in WAL mode. "none" has no database at all.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from uuid import uuid4

import common

Arguments = dict[str, int]


class Journal:
    """The table that replies and results are committed to; without a path, nothing."""

    def __init__(self, job: common.Job, path: str) -> None:
        self._connection: sqlite3.Connection | None = None
        if job.mode == "none":
            return
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {job.mode.upper()}")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, run TEXT NOT NULL, payload TEXT NOT NULL)"
        )

    def commit(self, run: str, entry: object) -> None:
        """Write one entry; without a transaction around it, SQLite commits the statement."""
        if self._connection is not None:
            payload = json.dumps(entry)
            self._connection.execute("INSERT INTO entries (run, payload) VALUES (?, ?)", (run, payload))

    def read(self, run: str) -> list[object]:
        """The run's entries, oldest first."""
        if self._connection is None:
            return []
        rows = self._connection.execute("SELECT payload FROM entries WHERE run = ? ORDER BY id", (run,))
        return [json.loads(payload) for (payload,) in rows]

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()


class Loop:
    """What there is of an agent."""

    def __init__(self, journal: Journal, steps: int) -> None:
        self.journal = journal
        self.steps = steps
        self.tool_calls = 0

    async def model(self, results: int) -> Arguments | str:
        """Answer at once: with the next call, or with the final text."""
        return {"number": results} if results < self.steps else common.FINAL

    async def lookup(self, number: int) -> str:
        """The tool."""
        self.tool_calls += 1
        return common.lookup_result(number)

    async def run(self, run: str) -> str:
        """One run, from its first request to its final text."""
        for results in range(self.steps + 1):
            reply = await self.model(results)
            self.journal.commit(run, {"reply": reply})
            if isinstance(reply, str):
                return reply
            self.journal.commit(run, {"result": await self.lookup(**reply)})
        raise RuntimeError("the model gave no final text")


async def _warm_up(job: common.Job) -> None:
    journal = Journal(job, job.scratch())
    await Loop(journal, common.STEPS_OF_WARM_UP).run("warm-up")
    journal.close()


async def _runs(job: common.Job, runs: int) -> common.Outcome:
    await _warm_up(job)
    journal = Journal(job, job.database)
    loop = Loop(journal, job.steps)
    with common.measured() as meter:
        answers = await asyncio.gather(*(loop.run(str(uuid4())) for _ in range(runs)))
    common.expect(set(answers), {common.FINAL}, "final texts")
    common.expect(loop.tool_calls, job.steps * runs, "tool calls")
    journal.close()
    return common.Outcome(meter, loop.tool_calls)


def sequential(job: common.Job) -> common.Outcome:
    """One run, step by step."""
    return asyncio.run(_runs(job, 1))


def concurrent(job: common.Job) -> common.Outcome:
    """Many runs in one loop."""
    return asyncio.run(_runs(job, job.runs))


async def _pause(job: common.Job) -> common.Outcome:
    loop = Loop(Journal(job, job.database), job.steps)
    run = str(uuid4())
    with common.measured() as meter:
        await loop.run(run)
    loop.journal.close()
    return common.Outcome(meter, loop.tool_calls, {"run_id": run})


async def _continue(job: common.Job) -> common.Outcome:
    if job.run_id is None:
        raise RuntimeError("there is no run to continue")
    with common.measured() as meter:
        loop = Loop(Journal(job, job.database), job.steps + 1)
        entries = loop.journal.read(job.run_id)
        common.expect(len(entries), 2 * job.steps + 1, "entries read")
        loop.journal.commit(job.run_id, {"result": await loop.lookup(job.steps)})
        reply = await loop.model(job.steps + 1)
        loop.journal.commit(job.run_id, {"reply": reply})
    since_start = common.seconds_since_start(job)
    common.expect(reply, common.FINAL, "final text")
    loop.journal.close()
    extra = {"continue_seconds": meter.seconds}
    meter.seconds = since_start
    return common.Outcome(meter, loop.tool_calls, extra)


def resume(job: common.Job) -> common.Outcome:
    """A run that stops before its last call, and a fresh process that reads it and makes that call."""
    if job.mode == "none":
        raise common.UnsupportedError("without a database nothing is left to continue")
    return asyncio.run(_pause(job) if job.phase == "pause" else _continue(job))


if __name__ == "__main__":
    common.main("limit", None, {"sequential": sequential, "concurrent": concurrent, "resume": resume})
