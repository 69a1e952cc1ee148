"""OpenAI Agents SDK: a runner with a `SQLiteSession` for each run.

Mode "session": a session is the conversation, in a SQLite file that the SDK switches to WAL and leaves at `synchronous`
FULL. The items of a turn (the model's reply and the results of its tool calls) are stored at the end of the turn. What
a session does not hold is the run: after a process was killed a new run can be given the conversation so far, but the
killed one cannot be continued. A run that waits for a person is continued from its `RunState`, which the SDK writes as
JSON and leaves to the application to keep; here it is a file beside the database, synced to the disk.

The model is a subclass of `Model`; the SDK's own `ScriptedModel` keeps a copy of every request and would be slower. A
person is asked by `@function_tool(needs_approval=True)`. Tracing is off by `set_tracing_disabled(True)`.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn

from agents import (
    Agent,
    Model,
    ModelResponse,
    Runner,
    RunState,
    SQLiteSession,
    Usage,
    function_tool,
    set_tracing_disabled,
)
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

import common

if TYPE_CHECKING:
    from agents import RunResult, TResponseInputItem

# The numbers the tools were executed with.
executed: list[int] = []


@function_tool
async def lookup(number: int) -> str:
    """Look a number up."""
    executed.append(number)
    return common.lookup_result(number)


@function_tool(needs_approval=True)
async def publish(number: int) -> str:
    """Publish a number, once a person agrees."""
    executed.append(number)
    return common.lookup_result(number)


class ScriptedModel(Model):
    """Asks for one call per reply, told apart by the last item; answers at once."""

    def __init__(self, steps: int, *, approval: bool) -> None:
        self._steps = steps
        self._approval = approval

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK passes it by this name
        *_: Any,
        **__: Any,
    ) -> ModelResponse:
        """Reply to the last item."""
        last: Any = input[-1]
        number = int(last["output"].split()[-1]) if last.get("type") == "function_call_output" else 0
        return ModelResponse(output=[self._reply(number)], usage=Usage(), response_id=None)

    def _reply(self, number: int) -> ResponseFunctionToolCall | ResponseOutputMessage:
        if number < self._steps:
            return _call(common.TOOL, number + 1)
        if self._approval and number == self._steps:
            return _call(common.APPROVED_TOOL, number + 1)
        text = ResponseOutputText(text=common.FINAL, type="output_text", annotations=[])
        return ResponseOutputMessage(id="final", content=[text], role="assistant", status="completed", type="message")

    def stream_response(self, *_: Any, **__: Any) -> NoReturn:
        """Not used: nothing is streamed."""
        raise NotImplementedError


def _call(name: str, number: int) -> ResponseFunctionToolCall:
    arguments = json.dumps({"number": number})
    return ResponseFunctionToolCall(name=name, arguments=arguments, call_id=f"call_{number}", type="function_call")


class Runs:
    """One agent on one database file; each run has a session of its own."""

    def __init__(self, job: common.Job, database: str, steps: int) -> None:
        approval = job.scenario == "resume"
        self._agent = Agent(
            name="benchmark",
            model=ScriptedModel(steps, approval=approval),
            tools=[lookup, publish] if approval else [lookup],
        )
        self._database = database
        self._turns = steps + 3

    def session(self, run_id: str) -> SQLiteSession:
        """The session of one run; the first one of a file makes the tables."""
        return SQLiteSession(run_id, self._database)

    async def start(self, session: SQLiteSession) -> RunResult:
        """Run until it ends or pauses."""
        return await Runner.run(self._agent, common.PROMPT, session=session, max_turns=self._turns)

    def keep(self, run_id: str, paused: RunResult) -> None:
        """Write the state of a paused run to a file, durably."""
        with open(self._state_path(run_id), "w", encoding="utf-8") as file:
            json.dump(paused.to_state().to_json(), file)
            file.flush()
            os.fsync(file.fileno())

    async def approve(self, run_id: str, session: SQLiteSession) -> RunResult:
        """Read the state of a paused run, approve what it waits for and run to the end."""
        state = await RunState.from_json(self._agent, self._kept(run_id))
        for interruption in state.get_interruptions():
            state.approve(interruption)
        return await Runner.run(self._agent, state, session=session, max_turns=self._turns)

    def _kept(self, run_id: str) -> dict[str, Any]:
        with open(self._state_path(run_id), encoding="utf-8") as file:
            return json.load(file)

    def _state_path(self, run_id: str) -> str:
        return os.path.join(os.path.dirname(self._database), f"{run_id}.json")


async def _warm_up(job: common.Job) -> None:
    runs = Runs(job, job.scratch(), common.STEPS_OF_WARM_UP)
    with closing(runs.session("warm-up")) as session:
        await runs.start(session)
    executed.clear()


def _expect_done(result: RunResult) -> None:
    common.expect(result.interruptions, [], "interruptions")
    common.expect(result.final_output, common.FINAL, "final text")


async def _concurrent(job: common.Job) -> common.Outcome:
    await _warm_up(job)
    runs = Runs(job, job.database, job.steps)
    sessions = [runs.session(f"run-{index}") for index in range(job.runs)]
    with common.measured() as meter:
        results = await asyncio.gather(*(runs.start(session) for session in sessions))
    for result, session in zip(results, sessions, strict=True):
        _expect_done(result)
        # The prompt, a call and a result for each step, and the final text.
        common.expect(len(await session.get_items()), 2 * job.steps + 2, "items stored")
        session.close()
    common.expect(len(executed), job.runs * job.steps, "tool executions")
    return common.Outcome(meter, len(executed))


async def _pause(job: common.Job) -> common.Outcome:
    runs = Runs(job, job.database, job.steps)
    with closing(runs.session("run-0")) as session, common.measured() as meter:
        result = await runs.start(session)
        runs.keep("run-0", result)
    common.expect(len(result.interruptions), 1, "interruptions")
    common.expect(len(executed), job.steps, "tool executions")
    return common.Outcome(meter, len(executed), {"run_id": "run-0"})


async def _continue(job: common.Job) -> common.Outcome:
    if job.phase == "continue_warm":
        await _warm_up(job)
    run_id = str(job.run_id)
    runs = Runs(job, job.database, job.steps)
    with closing(runs.session(run_id)) as session:
        with common.measured() as meter:
            result = await runs.approve(run_id, session)
        continue_seconds, meter.seconds = meter.seconds, common.seconds_since_start(job)
    _expect_done(result)
    common.expect(executed, [job.steps + 1], "tool executions")
    return common.Outcome(meter, len(executed), {"continue_seconds": continue_seconds})


def concurrent(job: common.Job) -> common.Outcome:
    """Play `runs` runs at once; one run is the sequential scenario."""
    return asyncio.run(_concurrent(job))


def resume(job: common.Job) -> common.Outcome:
    """Play one half of a run that waits for a person."""
    return asyncio.run(_pause(job) if job.phase == "pause" else _continue(job))


if __name__ == "__main__":
    set_tracing_disabled(True)
    common.main(
        "openai-agents",
        "openai-agents",
        {
            "sequential": concurrent,
            "concurrent": concurrent,
            "resume": resume,
            "cancel": common.unsupported("A run is cancelled through its result object, in its own process only."),
            "decision": common.unsupported(
                "An interruption ends the call; nothing waits for a decision of another process."
            ),
        },
    )
