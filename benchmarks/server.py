"""What a run costs on a PostgreSQL server, against a bare loop that commits each reply and each result on its own.

    python benchmarks/server.py [STEPS [RUNS [DECISIONS [ROUNDS]]]]    # 300 1000 100 5

The server is started for it, with fsync. The loop is pgbench's, in C. Each round measures the loop and one run's steps,
one right after the other; then RUNS runs at once take three calls each in one process, DECISIONS runs are approved one
after the other with one worker and with four, and it is counted how many connections a process has whose runs all wait.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from haltpoint import Agent, FunctionModel, ModelReply, ModelRequest, PostgresDatabase, ToolCall, tool

sys.path.append(str(Path(__file__).parents[1] / "tests" / "python"))

from servers.fleet import Fleet
from support.postgres_server import Server, server_programs

_CALLS = 3
_ENTRY = "x" * 400
_TABLE = "CREATE TABLE IF NOT EXISTS bare (seq bigserial PRIMARY KEY, payload text)"
_STEP = f"INSERT INTO bare (payload) VALUES ('{_ENTRY}');\n" * 2  # noqa: S608


@tool
async def lookup(number: int) -> str:
    """Look a number up."""
    return f"ok: {number}"


@tool(requires_confirmation=True)
async def pay(number: int) -> str:
    """Pay."""
    return f"paid {number}"


def _asking(calls: int, name: str = "lookup") -> FunctionModel:
    def reply(request: ModelRequest) -> ModelReply:
        done = sum(message.role == "assistant" for message in request.messages)
        return ModelReply(tool_calls=[ToolCall(name, {"number": done})]) if done < calls else ModelReply("done")

    return FunctionModel(reply)


def _program(name: str, address: str, *arguments: str) -> str:
    programs = server_programs()
    if programs is None:
        raise FileNotFoundError("there is no PostgreSQL on this machine: install the package postgresql")
    words = [str(programs / name), *arguments, address]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def _sql(address: str, statement: str) -> str:
    return _program("psql", address, "-Atqc", statement).strip()


def bare_step(address: str, steps: int, directory: Path) -> float:
    """Seconds that a step of the bare loop takes."""
    script = directory / "step.sql"
    script.write_text(_STEP)
    printed = _program("pgbench", address, "-n", "-c", "1", "-t", str(steps), "-M", "prepared", "-f", str(script))
    (milliseconds,) = re.findall(r"latency average = ([\d.]+) ms", printed)
    return float(milliseconds) / 1000


async def run_step(database: PostgresDatabase, steps: int) -> float:
    """Seconds that a step of one run takes: the model's reply, and the result of the call that it asks for."""
    agent = Agent(_asking(steps), db=database, tools=[lookup], tool_call_limit=10**6)
    began = time.perf_counter()
    await agent.do_async("Look all of them up.")
    return (time.perf_counter() - began) / steps


async def many_runs(database: PostgresDatabase, runs: int) -> float:
    """Seconds that so many runs take at once, of three calls each."""
    agents = [Agent(_asking(_CALLS), db=database, tools=[lookup]) for _ in range(runs)]
    began = time.perf_counter()
    await asyncio.gather(*(agent.do_async("Look them up.") for agent in agents))
    return time.perf_counter() - began


async def paused_connections(database: PostgresDatabase, address: str, runs: int) -> int:
    """How many connections there are, beside the one that counts, while so many runs of this process wait."""
    agents = [Agent(_asking(1, "pay"), db=database, tools=[pay]) for _ in range(runs)]
    await asyncio.gather(*(agent.do_async("Pay.", return_output=True) for agent in agents))
    counted = "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
    return int(_sql(address, counted))


def approvals(address: str, workers: int, decisions: int) -> list[float]:
    """Seconds from when a person is told that their word is on disk until the call starts, sorted."""
    found = []
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        fleet = Fleet(Path(directory), address)
        database = stack.enter_context(fleet.database())
        for _ in range(workers):
            stack.enter_context(fleet.worker())
        for run_id in fleet.submit(database, "pay", decisions):
            (requirement,) = fleet.until(lambda run_id=run_id: database.requirements(run_id=run_id))
            requirement.confirm(by="ann")
            requirement.commit()
            decided = time.monotonic()
            fleet.until(lambda run_id=run_id: fleet.ledger.has("began", run_id=run_id, tool="pay"))
            (line,) = [
                line for line in fleet.ledger.lines("began") if (line["run_id"], line["tool"]) == (run_id, "pay")
            ]
            found.append(max(0.0, line["at"] - decided))
    return sorted(found)


async def measure(address: str, steps: int, runs: int, rounds: int, directory: Path) -> None:
    """Measure the loop, one run, many runs and connections, and print them."""
    _sql(address, _TABLE)
    bare, own = [], []
    with PostgresDatabase(address) as database:
        await run_step(database, steps)
        for _ in range(rounds):
            bare.append(await asyncio.to_thread(bare_step, address, steps, directory))
            own.append(await run_step(database, steps))
        limit, step = statistics.median(bare), statistics.median(own)
        seconds = await many_runs(database, runs)
        connections = await paused_connections(database, address, runs)
    of_limit = seconds / (limit * _CALLS * runs)
    print(f"| the bare loop's step | {limit * 1000:.2f} ms | |")
    print(f"| a run's step | {step * 1000:.2f} ms | {step / limit:.2f} of the loop's |")
    print(f"| {runs} runs at once, {_CALLS} calls each | {seconds:.2f} s | {of_limit:.2f} of the loop's |")
    print(f"| connections of {runs} paused runs | {connections} | |")


def _shown_load() -> str:
    return "load average " + ", ".join(f"{load:.2f}" for load in os.getloadavg())


def main() -> None:
    """Read what is asked for, and measure it."""
    given = dict(enumerate(map(int, sys.argv[1:])))
    steps, runs, decisions, rounds = given.get(0, 300), given.get(1, 1000), given.get(2, 100), given.get(3, 5)
    print(f"{_shown_load()} before\n\n| what | took | share |\n| --- | ---: | ---: |")
    with Server() as server, tempfile.TemporaryDirectory() as directory:
        address = f"{server.start(durable=True)}/postgres"
        asyncio.run(measure(address, steps, runs, rounds, Path(directory)))
        for workers in (1, 4):
            times = approvals(address, workers, decisions)
            middle, high = times[len(times) // 2], times[len(times) * 99 // 100]
            figures = f"p50 {middle * 1000:.0f} ms, p99 {high * 1000:.0f} ms"
            print(f"| approval to start, {workers} worker{'s' * (workers > 1)} | {figures} | |")
    print(f"\n{_shown_load()} after")


if __name__ == "__main__":
    main()
