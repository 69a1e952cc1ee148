"""Pydantic AI with DBOS on SQLite: `agent.run()` inside a DBOS workflow, through the capability `DBOSDurability`.

Each model request and each tool call (a `@DBOS.step`) is a step whose result is stored before the next one begins. A
process that is killed repeats the step it was in, the tool call included, once DBOS is launched again.

Modes:
    default: the SQLite file as DBOS makes it, with a rollback journal and `synchronous` FULL.
    wal: the same in a file that was switched to WAL beforehand, which DBOS leaves as it is. Its documents do not
        mention this; it is as durable, and faster.

The model is a `FunctionModel`. A person is asked by `requires_approval=True`: the run ends with its open requests,
which are kept as the result of its workflow, and a second workflow goes on from there. `DBOSAgent`, the older way, is
deprecated. A decision is awaited with `DBOS.recv`; the step that is cancelled is `preemptible`. Nothing is reported
anywhere: DBOS does that only when it is given an endpoint or a key.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from dbos import DBOS, DBOSClient, SetWorkflowID
from pydantic_ai import (
    Agent,
    DeferredToolRequests,
    DeferredToolResults,
    ModelMessage,
    ModelResponse,
    RequestUsage,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UsageLimits,
)
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.models.function import AgentInfo, FunctionModel

import common

TOPIC = "decision"
# Seconds for which nothing happens while the idle process is watched.
IDLE_SECONDS = 5.0
# Another process acts after a random share of this, so that samples fall anywhere between two looks at the file.
LONGEST_PAUSE = 0.1
NO_LIMIT = UsageLimits(request_limit=None)
# A FunctionModel would otherwise estimate it from all messages at each request, which is no cost of the framework.
USAGE = RequestUsage(input_tokens=1, output_tokens=1)

# The numbers the tools were executed with, and those of tools that began to wait for another process.
executed: list[int] = []
waiting: asyncio.Queue[int] = asyncio.Queue()
# When each run noticed what the other process did, by `time.monotonic()`.
noticed: dict[str, float] = {}


@dataclass
class Script:
    """What the model asks for: so many calls of `lookup`, then perhaps one of another tool."""

    steps: int = 0
    last_tool: str | None = None


# Workflows, tools and the model are registered when this file is imported, before the job is known.
script = Script()


async def _reply(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
    last = messages[-1].parts[-1]
    number = int(str(last.content).split()[-1]) if isinstance(last, ToolReturnPart) else 0
    if number < script.steps:
        return _call(common.TOOL, number + 1)
    if script.last_tool and number == script.steps:
        return _call(script.last_tool, number + 1)
    return ModelResponse(parts=[TextPart(common.FINAL)], usage=USAGE)


def _call(name: str, number: int) -> ModelResponse:
    call = ToolCallPart(name, {"number": number}, tool_call_id=f"call_{number}")
    return ModelResponse(parts=[call], usage=USAGE)


agent = Agent(
    FunctionModel(_reply),
    name="benchmark",
    output_type=[str, DeferredToolRequests],
    capabilities=[DBOSDurability()],
)


@agent.tool_plain
@DBOS.step()
async def lookup(number: int) -> str:
    """Look a number up."""
    executed.append(number)
    return common.lookup_result(number)


@agent.tool_plain(requires_approval=True)
@DBOS.step()
async def publish(number: int) -> str:
    """Publish a number, once a person agrees."""
    executed.append(number)
    return common.lookup_result(number)


@agent.tool_plain
async def decide(number: int) -> str:
    """Wait for a decision of another process; workflow code, so that it may receive a message."""
    waiting.put_nowait(number)
    common.expect(await DBOS.recv_async(TOPIC, timeout_seconds=3600), True, "decision")
    noticed[str(DBOS.workflow_id)] = time.monotonic()
    return common.lookup_result(number)


@agent.tool_plain
@DBOS.step(preemptible=True)
async def wait(number: int) -> str:
    """Wait for ever."""
    waiting.put_nowait(number)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        noticed[str(DBOS.workflow_id)] = time.monotonic()
        raise
    return common.lookup_result(number)


@DBOS.workflow()
async def run(prompt: str) -> str:
    """A whole run."""
    result = await agent.run(prompt, usage_limits=NO_LIMIT)
    return str(result.output)


@DBOS.workflow()
async def run_to_approval(prompt: str) -> tuple[list[ModelMessage], DeferredToolRequests]:
    """A run that ends with open requests, with all that the rest of it needs."""
    result = await agent.run(prompt, usage_limits=NO_LIMIT)
    if not isinstance(result.output, DeferredToolRequests):
        raise TypeError(f"the run did not pause: {result.output}")
    return result.all_messages(), result.output


@DBOS.workflow()
async def run_approved(messages: list[ModelMessage], approvals: DeferredToolResults) -> str:
    """The rest of a run."""
    result = await agent.run(message_history=messages, deferred_tool_results=approvals, usage_limits=NO_LIMIT)
    return str(result.output)


def _url(database: str) -> str:
    return f"sqlite:///{database}"


@contextmanager
def _launched(job: common.Job, database: str, steps: int, last_tool: str | None = None) -> Iterator[None]:
    script.steps, script.last_tool = steps, last_tool
    if job.mode == "wal":
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": _url(database),
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    try:
        yield
    finally:
        DBOS.destroy()


async def _warm_up(job: common.Job) -> None:
    with _launched(job, job.scratch(), common.STEPS_OF_WARM_UP):
        await run(common.PROMPT)
    executed.clear()


async def _concurrent(job: common.Job) -> common.Outcome:
    await _warm_up(job)
    with _launched(job, job.database, job.steps), common.measured() as meter:
        texts = await asyncio.gather(*(run(common.PROMPT) for _ in range(job.runs)))
    common.expect(set(texts), {common.FINAL}, "final texts")
    common.expect(len(executed), job.runs * job.steps, "tool executions")
    return common.Outcome(meter, len(executed))


async def _pause(job: common.Job) -> common.Outcome:
    launched = _launched(job, job.database, job.steps, common.APPROVED_TOOL)
    with launched, common.measured() as meter, SetWorkflowID("run-0"):
        _, requests = await run_to_approval(common.PROMPT)
    common.expect(len(requests.approvals), 1, "approvals asked for")
    common.expect(len(executed), job.steps, "tool executions")
    return common.Outcome(meter, len(executed), {"run_id": "run-0"})


async def _approve(run_id: str) -> str:
    paused = await DBOS.retrieve_workflow_async(run_id)
    messages, requests = await paused.get_result()
    approvals = DeferredToolResults(approvals={call.tool_call_id: True for call in requests.approvals})
    return await run_approved(messages, approvals)


async def _continue(job: common.Job) -> common.Outcome:
    if job.phase == "continue_warm":
        await _warm_up(job)
    with _launched(job, job.database, job.steps, common.APPROVED_TOOL):
        with common.measured() as meter:
            text = await _approve(str(job.run_id))
        continue_seconds, meter.seconds = meter.seconds, common.seconds_since_start(job)
    common.expect(text, common.FINAL, "final text")
    common.expect(executed, [job.steps + 1], "tool executions")
    return common.Outcome(meter, len(executed), {"continue_seconds": continue_seconds})


def concurrent(job: common.Job) -> common.Outcome:
    """Play `runs` runs at once; one run is the sequential scenario."""
    return asyncio.run(_concurrent(job))


def resume(job: common.Job) -> common.Outcome:
    """Play one half of a run that waits for a person."""
    return asyncio.run(_pause(job) if job.phase == "pause" else _continue(job))


# Two processes


def _act_on_runs(job: common.Job, act: Callable[[DBOSClient, str], None]) -> None:
    """The second process: acts on each run in turn, and tells when it began to."""
    client = DBOSClient(system_database_url=_url(job.database))
    for index in range(job.runs):
        time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - a delay, no secret
        began = time.monotonic()
        act(client, f"run-{index}")
        print(began, flush=True)
    client.destroy()
    common.leave()


async def _waiting_run(index: int) -> str:
    with SetWorkflowID(f"run-{index}"):
        return await run(common.PROMPT)


async def _idle_cpu_fraction() -> float:
    before = time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    return (time.process_time() - before) / IDLE_SECONDS


async def _samples(job: common.Job, last_tool: str) -> common.Outcome:
    with _launched(job, job.database, 0, last_tool):
        runs = [asyncio.ensure_future(_waiting_run(index)) for index in range(max(job.runs, job.steps))]
        for _ in runs:
            await waiting.get()
        idle = await _idle_cpu_fraction()
        with common.measured() as meter:
            partner = common.start_partner(job, "partner")
            lines, _ = await asyncio.to_thread(partner.communicate)
            # Cancelled runs end with an exception.
            await asyncio.gather(*runs[: job.runs], return_exceptions=True)
        for run_still_waiting in runs[job.runs :]:
            run_still_waiting.cancel()
    samples = [noticed[f"run-{index}"] - float(began) for index, began in enumerate(lines.split())]
    common.expect(len(samples), job.runs, "samples")
    extra = {"samples": samples, "idle_cpu_fraction": idle, "awaited": len(runs), "median": statistics.median(samples)}
    return common.Outcome(meter, 0, extra)


def cancel(job: common.Job) -> common.Outcome:
    """From another process's cancel to the end of the workflow here, which is in a preemptible step."""
    if job.phase == "partner":
        _act_on_runs(job, DBOSClient.cancel_workflow)
    return asyncio.run(_samples(job, "wait"))


def decision(job: common.Job) -> common.Outcome:
    """From another process's message to its receipt by a workflow here, while many are awaited."""
    if job.phase == "partner":
        _act_on_runs(job, lambda client, run_id: client.send(run_id, True, topic=TOPIC))
    return asyncio.run(_samples(job, "decide"))


if __name__ == "__main__":
    common.main(
        "pydantic-ai-dbos",
        "pydantic-ai-slim",
        {
            "sequential": concurrent,
            "concurrent": concurrent,
            "resume": resume,
            "cancel": cancel,
            "decision": decision,
        },
    )
