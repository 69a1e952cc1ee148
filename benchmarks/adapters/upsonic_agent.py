"""Upsonic: an agent with `SqliteDatabase`, one session per run.

Modes:
    session: `SqliteDatabase(full_session_memory=True)`. A run is stored when it pauses, is cancelled, fails or ends.
    default: `SqliteDatabase()`. A run is stored when it pauses, is cancelled or fails; one that ends is not stored at
        all unless it was before.

There is no finer option: a process that is killed loses what its runs did since they started or last paused. Upsonic
leaves SQLite's settings as they are: a rollback journal, `synchronous` FULL.

The model is a subclass of `Model`, as each provider of Upsonic is one. A person is asked by
`@tool(requires_confirmation=True)`. Telemetry and logs are off by `UPSONIC_TELEMETRY` and `UPSONIC_DISABLE_LOGGING`.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

os.environ["UPSONIC_TELEMETRY"] = "false"
os.environ["UPSONIC_DISABLE_LOGGING"] = "true"

from upsonic import Agent, Task
from upsonic.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from upsonic.models import Model
from upsonic.run.base import RunStatus
from upsonic.storage import Memory, SqliteStorage
from upsonic.tools import tool

import common

if TYPE_CHECKING:
    from upsonic.run.agent.output import AgentRunOutput

RECURSION = "Each tool call nests one level deeper, so a run of 1,000 of them ends at Python's recursion limit."

# The numbers the tools were executed with.
executed: list[int] = []


@tool
async def lookup(number: int) -> str:
    """Look a number up."""
    executed.append(number)
    return common.lookup_result(number)


@tool(requires_confirmation=True)
async def publish(number: int) -> str:
    """Publish a number, once a person agrees."""
    executed.append(number)
    return common.lookup_result(number)


class ScriptedModel(Model):
    """Asks for one call per reply, told apart by the last message; answers at once."""

    def __init__(self, steps: int, *, approval: bool) -> None:
        super().__init__()
        self._steps = steps
        self._approval = approval

    @property
    def model_name(self) -> str:
        """Its name."""
        return "scripted"

    @property
    def system(self) -> str:
        """Its provider."""
        return "scripted"

    async def request(self, messages: list[ModelMessage], *_: Any, **__: Any) -> ModelResponse:
        """Reply to the last message."""
        last = messages[-1].parts[-1]
        number = int(last.tool_call_id.removeprefix("call_")) if isinstance(last, ToolReturnPart) else 0
        return ModelResponse(parts=[self._reply(number)], model_name=self.model_name)

    def _reply(self, number: int) -> TextPart | ToolCallPart:
        if number < self._steps:
            return _call(common.TOOL, number + 1)
        if self._approval and number == self._steps:
            return _call(common.APPROVED_TOOL, number + 1)
        return TextPart(common.FINAL)


def _call(name: str, number: int) -> ToolCallPart:
    return ToolCallPart(tool_name=name, args={"number": number}, tool_call_id=f"call_{number}")


class Runs:
    """The runs in one database file, each with an agent and a session of its own.

    An Upsonic agent holds one run at a time, so each run has its own agent; they share the storage. `SqliteDatabase`
    is a `SqliteStorage` and a `Memory`, which are made here one by one.
    """

    def __init__(self, job: common.Job, database: str, steps: int) -> None:
        self._storage = SqliteStorage(db_file=database)
        self._stores_completed = job.mode == "session"
        self._steps = steps
        self._approval = job.scenario == "resume"

    async def make_tables(self) -> None:
        """Let a run without tool calls make the tables, which the first run of a file does."""
        memory = Memory(storage=self._storage, session_id="tables", full_session_memory=True)
        await Agent(ScriptedModel(0, approval=False), memory=memory, print=False).do_async(Task(common.PROMPT))

    def agent(self, session_id: str) -> Agent:
        """The agent of one run."""
        memory = Memory(storage=self._storage, session_id=session_id, full_session_memory=self._stores_completed)
        return Agent(
            ScriptedModel(self._steps, approval=self._approval),
            memory=memory,
            tools=[lookup, publish] if self._approval else [lookup],
            tool_call_limit=self._steps + 2,
            print=False,
            show_tool_calls=False,
        )


async def _start(agent: Agent) -> AgentRunOutput:
    return await agent.do_async(Task(common.PROMPT), return_output=True)


async def _approve(agent: Agent, run_id: str) -> AgentRunOutput:
    stored = await agent.memory.load_resumable_run_async(run_id, agent_id=agent.agent_id)
    if stored is None or not stored.output.requirements:
        raise RuntimeError(f"run {run_id} waits for nobody")
    for requirement in stored.output.requirements:
        requirement.confirm()
    return await agent.continue_run_async(run_id=run_id, requirements=stored.output.requirements, return_output=True)


async def _warm_up(job: common.Job) -> None:
    await _start(Runs(job, job.scratch(), common.STEPS_OF_WARM_UP).agent("warm-up"))
    executed.clear()


def _expect_done(output: AgentRunOutput) -> None:
    common.expect(output.status, RunStatus.completed, "status")
    common.expect(output.output, common.FINAL, "final text")


async def _concurrent(job: common.Job) -> common.Outcome:
    await _warm_up(job)
    runs = Runs(job, job.database, job.steps)
    await runs.make_tables()
    agents = [runs.agent(f"session-{index}") for index in range(job.runs)]
    with common.measured() as meter:
        outputs = await asyncio.gather(*(_start(agent) for agent in agents))
    for output in outputs:
        _expect_done(output)
    common.expect(len(executed), job.runs * job.steps, "tool executions")
    return common.Outcome(meter, len(executed))


async def _pause(job: common.Job) -> common.Outcome:
    runs = Runs(job, job.database, job.steps)
    await runs.make_tables()
    agent = runs.agent("session-0")
    with common.measured() as meter:
        output = await _start(agent)
    common.expect(output.status, RunStatus.paused, "status")
    common.expect(len(executed), job.steps, "tool executions")
    return common.Outcome(meter, len(executed), {"run_id": output.run_id})


async def _continue(job: common.Job) -> common.Outcome:
    if job.phase == "continue_warm":
        await _warm_up(job)
    agent = Runs(job, job.database, job.steps).agent("session-0")
    with common.measured() as meter:
        output = await _approve(agent, str(job.run_id))
    continue_seconds, meter.seconds = meter.seconds, common.seconds_since_start(job)
    _expect_done(output)
    common.expect(executed, [job.steps + 1], "tool executions")
    return common.Outcome(meter, len(executed), {"continue_seconds": continue_seconds})


def concurrent(job: common.Job) -> common.Outcome:
    """Play `runs` runs at once; one run is the sequential scenario."""
    try:
        return asyncio.run(_concurrent(job))
    except RecursionError as error:
        raise common.UnsupportedError(RECURSION) from error


def resume(job: common.Job) -> common.Outcome:
    """Play one half of a run that waits for a person."""
    try:
        return asyncio.run(_pause(job) if job.phase == "pause" else _continue(job))
    except RecursionError as error:
        raise common.UnsupportedError(RECURSION) from error


if __name__ == "__main__":
    common.main(
        "upsonic",
        "upsonic",
        {
            "sequential": concurrent,
            "concurrent": concurrent,
            "resume": resume,
            "cancel": common.unsupported("cancel_run() reaches the runs of its own process only."),
            "decision": common.unsupported("A pause ends the call; nothing waits for a decision of another process."),
        },
    )
