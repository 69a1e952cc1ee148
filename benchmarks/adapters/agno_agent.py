"""Agno: an agent on SQLite, which Agno switches to WAL and leaves at `synchronous` FULL.

Modes:
    runs: the default, `checkpoint="runs"`. A run is stored when it ends or pauses. A process that is killed loses
        what the run did so far.
    tool-batch: `checkpoint="tool-batch"`. The whole run is also stored after each batch of tool calls. A process that
        is killed repeats the model request, or the tool calls, it was in. A checkpoint that cannot be written is
        logged, and the run goes on.

The database is `SqliteDb`, which blocks the event loop while it writes and was still faster than `AsyncSqliteDb`.
The model is a subclass of `Model`, as each provider of Agno is one. A person is asked by
`@tool(requires_confirmation=True)`. Telemetry is off by `telemetry=False`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.base import Model
from agno.models.response import ModelResponse
from agno.run.base import RunStatus
from agno.tools import tool

import common

if TYPE_CHECKING:
    from agno.models.message import Message
    from agno.run.agent import RunOutput

# The numbers the tools were executed with.
executed: list[int] = []


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

    def __init__(self, steps: int, approval: bool) -> None:
        super().__init__(id="scripted")
        self._steps = steps
        self._approval = approval

    async def ainvoke(self, messages: list[Message], *_: Any, **__: Any) -> ModelResponse:
        """Reply to the last message."""
        last = messages[-1]
        number = int(str(last.content).split()[-1]) if last.role == "tool" else 0
        if number < self._steps:
            return _call(common.TOOL, number + 1)
        if self._approval and number == self._steps:
            return _call(common.APPROVED_TOOL, number + 1)
        return ModelResponse(role="assistant", content=common.FINAL)

    def invoke(self, *_: Any, **__: Any) -> NoReturn:
        """Not used: the agent runs in an event loop."""
        raise NotImplementedError

    invoke_stream = ainvoke_stream = _parse_provider_response = _parse_provider_response_delta = invoke


def _call(name: str, number: int) -> ModelResponse:
    function = {"name": name, "arguments": json.dumps({"number": number})}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return ModelResponse(role="assistant", tool_calls=[call])


class Runs:
    """One agent on one database file; each run has a session of its own."""

    def __init__(self, job: common.Job, database: str, steps: int) -> None:
        self._checkpoint: Literal["tool-batch", "runs"] = "tool-batch" if job.mode == "tool-batch" else "runs"
        self._database = SqliteDb(db_file=database)
        self._agent = self._agent_of(steps, approval=job.scenario == "resume")

    def _agent_of(self, steps: int, *, approval: bool) -> Agent:
        return Agent(
            model=ScriptedModel(steps, approval),
            tools=[lookup, publish] if approval else [lookup],
            db=self._database,
            checkpoint=self._checkpoint,
            telemetry=False,
        )

    async def make_tables(self) -> None:
        """Let a run without tool calls make the tables, which the first run of a file does."""
        await self._agent_of(0, approval=False).arun(common.PROMPT, run_id="tables", session_id="tables")

    async def start(self, run_id: str) -> RunOutput:
        """Run until it ends or pauses."""
        return await self._agent.arun(common.PROMPT, run_id=run_id, session_id=run_id)

    async def approve(self, run_id: str) -> RunOutput:
        """Confirm what the stored run waits for and run to the end."""
        paused = await self._agent.aget_run_output(run_id, session_id=run_id)
        if paused is None or not paused.requirements:
            raise RuntimeError(f"run {run_id} waits for nobody")
        for requirement in paused.requirements:
            requirement.confirm()
        return await self._agent.acontinue_run(run_id=run_id, session_id=run_id, requirements=paused.requirements)


async def _warm_up(job: common.Job) -> None:
    await Runs(job, job.scratch(), common.STEPS_OF_WARM_UP).start("warm-up")
    executed.clear()


def _expect_done(output: RunOutput) -> None:
    common.expect(output.status, RunStatus.completed, "status")
    common.expect(output.content, common.FINAL, "final text")


async def _concurrent(job: common.Job) -> common.Outcome:
    await _warm_up(job)
    runs = Runs(job, job.database, job.steps)
    await runs.make_tables()
    with common.measured() as meter:
        outputs = await asyncio.gather(*(runs.start(f"run-{index}") for index in range(job.runs)))
    for output in outputs:
        _expect_done(output)
    common.expect(len(executed), job.runs * job.steps, "tool executions")
    return common.Outcome(meter, len(executed))


async def _pause(job: common.Job) -> common.Outcome:
    runs = Runs(job, job.database, job.steps)
    await runs.make_tables()
    with common.measured() as meter:
        output = await runs.start("run-0")
    common.expect(output.status, RunStatus.paused, "status")
    common.expect(len(executed), job.steps, "tool executions")
    return common.Outcome(meter, len(executed), {"run_id": "run-0"})


async def _continue(job: common.Job) -> common.Outcome:
    if job.phase == "continue_warm":
        await _warm_up(job)
    runs = Runs(job, job.database, job.steps)
    with common.measured() as meter:
        output = await runs.approve(str(job.run_id))
    continue_seconds, meter.seconds = meter.seconds, common.seconds_since_start(job)
    _expect_done(output)
    common.expect(executed, [job.steps + 1], "tool executions")
    return common.Outcome(meter, len(executed), {"continue_seconds": continue_seconds})


def concurrent(job: common.Job) -> common.Outcome:
    """Play `runs` runs at once; one run is the sequential scenario."""
    return asyncio.run(_concurrent(job))


def resume(job: common.Job) -> common.Outcome:
    """Play one half of a run that waits for a person."""
    return asyncio.run(_pause(job) if job.phase == "pause" else _continue(job))


if __name__ == "__main__":
    common.main(
        "agno",
        "agno",
        {
            "sequential": concurrent,
            "concurrent": concurrent,
            "resume": resume,
            "cancel": common.unsupported(
                "A run is cancelled from another process through Redis only, not through SQLite."
            ),
            "decision": common.unsupported("A pause ends the call; nothing waits for a decision of another process."),
        },
    )
