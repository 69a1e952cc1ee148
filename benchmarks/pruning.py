"""Whether pruning holds up who drives runs: many completed runs are removed while others are driven.

    python benchmarks/pruning.py [COMPLETED [DRIVEN [full|normal]]]    # 100000 20 full

DRIVEN runs of one process call a tool again and again; their models take 20 ms for a reply, less than any model over a
network. A second process removes COMPLETED runs meanwhile. A step lasts from the model's reply to the next request; in
between, the start of the tool call is written to disk. Prints how long pruning took, the size of the file before and
after, and the latency of the steps in ten seconds before pruning and during it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from haltpoint import Agent, FunctionModel, ModelReply, ModelRequest, SqliteDatabase, ToolCall, tool

AT_ONCE = 500
THINKING = 0.02
# Without pruning, latency is measured for this long, in seconds.
QUIET = 10.0
BOUND = 0.05
PRUNE = """
import sys
from haltpoint import SqliteDatabase
with SqliteDatabase(sys.argv[1], durability=sys.argv[2]) as database:
    print(database.prune(older_than=0, status="COMPLETED"))
"""

Durability = Literal["full", "normal"]


@tool
async def lookup(number: int) -> str:
    """Look a number up."""
    return f"ok: {number}"


class Driving:
    """Runs that are driven until they are told to end, and how long their steps took, in seconds.

    Args:
        database: where they are kept.
        runs: how many there are.
    """

    def __init__(self, database: SqliteDatabase, runs: int) -> None:
        self.latencies: list[float] = []
        self._is_over = False
        self._tasks = [asyncio.create_task(self._drive(database)) for _ in range(runs)]

    async def _drive(self, database: SqliteDatabase) -> Any:
        replied: float | None = None

        async def reply(_request: ModelRequest) -> ModelReply:
            nonlocal replied
            if replied is not None:
                self.latencies.append(time.perf_counter() - replied)
            await asyncio.sleep(THINKING)
            replied = time.perf_counter()
            return ModelReply("done") if self._is_over else ModelReply(tool_calls=[ToolCall("lookup", {"number": 1})])

        return await Agent(FunctionModel(reply), db=database, tools=[lookup], tool_call_limit=10**6).do_async("go")

    async def end(self) -> None:
        """End the runs."""
        self._is_over = True
        for answer in await asyncio.gather(*self._tasks):
            if answer != "done":
                raise RuntimeError(f"a run answered {answer!r}")

    def take(self) -> list[float]:
        """The latencies since this was last asked, sorted."""
        taken, self.latencies = sorted(self.latencies), []
        return taken


async def complete(db_file: Path, runs: int) -> None:
    """Fill the file with completed runs of one tool call each."""

    def reply(request: ModelRequest) -> ModelReply:
        is_first = len(request.messages) < 3
        return ModelReply(tool_calls=[ToolCall("lookup", {"number": 1})]) if is_first else ModelReply("done " * 100)

    with SqliteDatabase(db_file, durability="normal") as database:
        for first in range(0, runs, AT_ONCE):
            agents = [
                Agent(FunctionModel(reply), db=database, tools=[lookup])
                for _ in range(first, min(first + AT_ONCE, runs))
            ]
            await asyncio.gather(*(agent.do_async("Complete this.") for agent in agents))


def size(db_file: Path) -> int:
    """How many bytes the file and its log take."""
    return sum(path.stat().st_size for path in db_file.parent.glob(f"{db_file.name}*") if path.suffix != ".db-shm")


def prune(db_file: Path, durability: Durability) -> tuple[int, float]:
    """Remove what is completed, in a process of its own: how many runs, and the seconds that it took."""
    began = time.perf_counter()
    command = [sys.executable, "-c", PRUNE, str(db_file), durability]
    removed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(removed), time.perf_counter() - began


def line(name: str, latencies: list[float]) -> str:
    """A row of the table."""
    middle, high = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    figures = " | ".join(f"{seconds * 1000:.1f}" for seconds in (middle, high, latencies[-1]))
    over = sum(latency > BOUND for latency in latencies)
    return f"| {name} | {len(latencies)} | {figures} | {over} |"


async def measure(db_file: Path, completed: int, driven: int, durability: Durability) -> None:
    """Play it, and print what was measured."""
    await complete(db_file, completed)
    before = size(db_file)
    with SqliteDatabase(db_file, durability=durability) as database:
        driving = Driving(database, driven)
        await asyncio.sleep(1)
        driving.take()
        await asyncio.sleep(QUIET)
        quiet = driving.take()
        removed, seconds = await asyncio.to_thread(prune, db_file, durability)
        busy = driving.take()
        await driving.end()
    if removed != completed:
        raise RuntimeError(f"{removed} of {completed} runs were removed")
    print(f"{completed} runs pruned in {seconds:.1f} s; {before} bytes before, {size(db_file)} bytes after\n")
    print(f"| {driven} runs, {durability} | steps | median, ms | 99 %, ms | longest, ms | over {BOUND * 1000:.0f} ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    print(line("without pruning", quiet))
    print(line("with pruning", busy))


def main() -> None:
    """Read what is asked for, and measure it."""
    given = dict(enumerate(sys.argv[1:]))
    completed, driven = int(given.get(0, 100_000)), int(given.get(1, 20))
    durability: Durability = "normal" if given.get(2) == "normal" else "full"
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(Path(directory) / "runs.db", completed, driven, durability))


if __name__ == "__main__":
    main()
