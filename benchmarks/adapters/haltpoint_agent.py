"""haltpoint, as its README shows it: an Agent with a FunctionModel and an async tool.

Modes:
    full: `SqliteDatabase(durability="full")`, the default. What was acknowledged survives a loss of power.
    normal: `SqliteDatabase(durability="normal")`. It survives the death of the process; a loss of power may undo the
        last steps.
    memory: `InMemoryDatabase()`. Nothing outlives the process.

In every mode a call's start is written before the tool's first instruction, and its outcome before anything that
depends on it.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from subprocess import Popen
from typing import TYPE_CHECKING, Any

import common
from engine_time import engine_timed
from haltpoint import (
    Agent,
    FunctionModel,
    InMemoryDatabase,
    ModelReply,
    ModelRequest,
    RunNotCompletedWarning,
    RunRequirement,
    RunStatus,
    SqliteDatabase,
    ToolCall,
    tool,
)

if TYPE_CHECKING:
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput

# Seconds for which nothing happens while the idle process is watched.
IDLE_SECONDS = 5.0
# Another process acts after a random share of this, so that samples fall anywhere between two looks at the file.
LONGEST_PAUSE = 0.1
# Seconds after which a sample counts as lost.
LONGEST_SAMPLE = 20.0

warnings.simplefilter("ignore", RunNotCompletedWarning)


@dataclass
class Calls:
    """Counts executions of the tools."""

    count: int = 0


def open_database(job: common.Job, path: str) -> Database:
    """The database that the mode asks for."""
    if job.mode == "memory":
        return InMemoryDatabase()
    return SqliteDatabase(path, durability="full" if job.mode == "full" else "normal")


def tools_counted_by(calls: Calls) -> list[Any]:
    """The tool of every scenario, and the one that a person has to approve."""

    @tool
    async def lookup(number: int) -> str:
        """Look a number up."""
        calls.count += 1
        return common.lookup_result(number)

    @tool(requires_confirmation=True)
    async def publish(number: int) -> str:
        """Publish a number."""
        calls.count += 1
        return common.lookup_result(number)

    return [lookup, publish]


def model_of(steps: int, *, approval: bool) -> FunctionModel:
    """A model that calls `lookup` so many times, one call in a reply, then perhaps `publish`, and then is done."""

    def answer(request: ModelRequest) -> ModelReply:
        number = request.replies_so_far
        if number < steps:
            return ModelReply(tool_calls=[ToolCall(common.TOOL, {"number": number})])
        if approval and number == steps:
            return ModelReply(tool_calls=[ToolCall(common.APPROVED_TOOL, {"number": number})])
        return ModelReply(common.FINAL)

    return FunctionModel(answer)


def agent_of(database: Database, steps: int, calls: Calls, *, approval: bool = False) -> Agent:
    """An agent whose runs make so many tool calls."""
    return Agent(
        model_of(steps, approval=approval), db=database, tools=tools_counted_by(calls), tool_call_limit=steps + 2
    )


async def warm_up(job: common.Job) -> None:
    """One small run in a database of its own."""
    with open_database(job, job.scratch()) as database:
        await agent_of(database, common.STEPS_OF_WARM_UP, Calls()).do_async(common.PROMPT)


async def _runs(job: common.Job, runs: int) -> common.Outcome:
    await warm_up(job)
    calls = Calls()
    with open_database(job, job.database) as database:
        agent = agent_of(database, job.steps, calls)
        common.await_signal(job)
        with common.measured() as meter:
            answers = await asyncio.gather(*(agent.do_async(common.PROMPT) for _ in range(runs)))
        common.expect(set(answers), {common.FINAL}, "final texts")
        common.expect(calls.count, job.steps * runs, "tool calls")
    return common.Outcome(meter, calls.count)


def sequential(job: common.Job) -> common.Outcome:
    """One run, step by step."""
    return asyncio.run(_runs(job, 1))


def concurrent(job: common.Job) -> common.Outcome:
    """Many runs in one loop."""
    return asyncio.run(_runs(job, job.runs))


# Pausing and continuing


async def _pause(job: common.Job) -> common.Outcome:
    calls = Calls()
    with open_database(job, job.database) as database:
        agent = agent_of(database, job.steps, calls, approval=True)
        with common.measured() as meter:
            output = await agent.do_async(common.PROMPT, return_output=True)
        common.expect(output.status, RunStatus.paused, "status")
    return common.Outcome(meter, calls.count, {"run_id": output.run_id})


async def _continue(job: common.Job) -> common.Outcome:
    if job.phase == "continue_warm":
        await warm_up(job)
    calls = Calls()
    with open_database(job, job.database) as database:
        agent = agent_of(database, job.steps, calls, approval=True)
        with engine_timed(database) as clock, common.measured() as meter:
            answer = await agent.continue_run_async(run_id=job.run_id, hitl_handler=RunRequirement.confirm)
        since_start = common.seconds_since_start(job)
        parts = {**clock.seconds, "view": _view_seconds(database, job)}
        common.expect(answer, common.FINAL, "final text")
        common.expect(calls.count, 1, "tool calls")
    extra = {"continue_seconds": meter.seconds, "engine_seconds": sum(parts.values()), "engine_parts": parts}
    meter.seconds = since_start
    return common.Outcome(meter, calls.count, extra)


def _view_seconds(database: Database, job: common.Job) -> float:
    """How long the engine takes to show all of the run; a caller who asks for no more than the answer never pays it."""
    snapshot = database.native.look_up(job.run_id or "")
    began = time.perf_counter()
    snapshot.view_json()
    return time.perf_counter() - began


def resume(job: common.Job) -> common.Outcome:
    """A run that pauses for an approval, and a fresh process that gives it and goes on."""
    if job.mode == "memory":
        raise common.UnsupportedError("runs in memory end with their process")
    return asyncio.run(_pause(job) if job.phase == "pause" else _continue(job))


# Two processes


def _line_from(partner: Popen[str]) -> str:
    if partner.stdout is None:
        raise RuntimeError("the second process has no standard output")
    line = partner.stdout.readline()
    if not line:
        raise RuntimeError("the second process ended early")
    return line.strip()


def _tell(partner: Popen[str], line: str) -> None:
    if partner.stdin is None:
        raise RuntimeError("the second process has no standard input")
    partner.stdin.write(line + "\n")


async def _act_on_lines(job: common.Job, act: Callable[[Database, str], Awaitable[None]]) -> None:
    """The second process: acts on each run that it is told of, and tells when it began to."""
    with open_database(job, job.database) as database:
        print("ready", flush=True)
        for line in sys.stdin:
            await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - a delay, no secret
            began = time.monotonic()
            await act(database, line.strip())
            print(began, flush=True)
    common.leave()


async def _cancel_run(database: Database, run_id: str) -> None:
    common.expect(Agent(model_of(0, approval=False), db=database).cancel_run(run_id), True, "the run was found")


async def _decide(database: Database, run_id: str) -> None:
    (requirement,) = database.requirements(run_id=run_id)
    requirement.confirm(by="the second process")
    await requirement


async def _cancel_samples(job: common.Job) -> common.Outcome:
    samples: list[float] = []
    partner = common.start_partner(job, "partner")
    with open_database(job, job.database) as database:
        common.expect(_line_from(partner), "ready", "the second process")

        async def wait_for_ever(request: ModelRequest) -> ModelReply:
            _tell(partner, agent.run_id or "")
            await asyncio.Event().wait()
            return ModelReply(common.FINAL)

        agent = Agent(FunctionModel(wait_for_ever), db=database)
        with common.measured() as meter:
            for _ in range(job.runs):
                output = await agent.do_async(common.PROMPT, return_output=True, timeout=LONGEST_SAMPLE)
                noticed = time.monotonic()
                common.expect(output.status, RunStatus.cancelled, "status")
                samples.append(noticed - float(_line_from(partner)))
    partner.communicate()
    return common.Outcome(meter, 0, {"samples": samples})


def cancel(job: common.Job) -> common.Outcome:
    """From another process's call of cancel_run to the return of the run's call in this one."""
    if job.mode == "memory":
        raise common.UnsupportedError("runs in memory end with their process")
    if job.phase == "partner":
        asyncio.run(_act_on_lines(job, _cancel_run))
    return asyncio.run(_cancel_samples(job))


async def _paused(agent: Agent) -> RunRequirement:
    output: AgentRunOutput = await agent.do_async(common.PROMPT, return_output=True)
    return output.active_requirements[0]


async def _noticed(requirement: RunRequirement) -> float:
    await requirement
    return time.monotonic()


async def _idle_cpu_fraction() -> float:
    await asyncio.sleep(1.0)
    before = time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    return (time.process_time() - before) / IDLE_SECONDS


async def _decision_samples(job: common.Job) -> common.Outcome:
    samples: list[float] = []
    partner = common.start_partner(job, "partner")
    with open_database(job, job.database) as database:
        agent = agent_of(database, 0, Calls(), approval=True)
        requirements = await asyncio.gather(*(_paused(agent) for _ in range(max(job.steps, job.runs))))
        waiting = [asyncio.ensure_future(_noticed(requirement)) for requirement in requirements]
        idle = await _idle_cpu_fraction()
        common.expect(_line_from(partner), "ready", "the second process")
        with common.measured() as meter:
            for requirement, waiter in list(zip(requirements, waiting, strict=True))[: job.runs]:
                _tell(partner, requirement.run_id or "")
                noticed = await asyncio.wait_for(waiter, LONGEST_SAMPLE)
                samples.append(noticed - float(_line_from(partner)))
        for waiter in waiting[job.runs :]:
            waiter.cancel()
    partner.communicate()
    return common.Outcome(meter, 0, {"samples": samples, "idle_cpu_fraction": idle, "awaited": len(waiting)})


def decision(job: common.Job) -> common.Outcome:
    """From another process's decision to the return of `await requirement` in this one, while many are awaited."""
    if job.mode == "memory":
        raise common.UnsupportedError("runs in memory end with their process")
    if job.phase == "partner":
        asyncio.run(_act_on_lines(job, _decide))
    return asyncio.run(_decision_samples(job))


SCENARIOS = {
    "sequential": sequential,
    "concurrent": concurrent,
    "resume": resume,
    "cancel": cancel,
    "decision": decision,
}

if __name__ == "__main__":
    common.main("haltpoint", "haltpoint", SCENARIOS)
