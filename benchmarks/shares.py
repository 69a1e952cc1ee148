"""Where the time of a step goes: what the event loop's thread is at, looked up once a millisecond of processor time.

    python benchmarks/shares.py memory|normal STEPS

One run of STEPS calls of an async tool. Prints a table that adds up to the processor time of a step. A sample is booked
to the part whose Python code notices it, so neighbours blur by a few points; with durability full the writing thread's
time would be booked as well, which says little.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import haltpoint
from haltpoint import Agent, FunctionModel, InMemoryDatabase, ModelReply, ModelRequest, SqliteDatabase, ToolCall, tool

INTERVAL = 0.001
PACKAGE = str(Path(haltpoint.__file__).parent) + "/"
LOOP = "asyncio: turns, callbacks, epoll"
TASKS = "making tasks"
ENGINE = "the engine, called inline"
ARGUMENTS = "arguments: parsed, checked, bound"
TOOL = "the tool's scope and outcome"
MODEL = "asking the model"
PARTS = {
    "_concurrency/loop_bridge.py": "what comes back from the disk",
    "runtime/driver.py": "the driver",
    "runtime/model_request.py": MODEL,
    "runtime/plan.py": "planning the reply",
    "runtime/tool_call.py": TOOL,
    "models/base.py": MODEL,
    "models/function.py": MODEL,
    "models/messages.py": "messages",
    "tools/arguments.py": ARGUMENTS,
    "tools/context.py": TOOL,
    "tools/json_form.py": ARGUMENTS,
    "tools/plain_types.py": ARGUMENTS,
    "tools/results.py": TOOL,
    "tools/validation.py": ARGUMENTS,
}
# Functions of the driver that do little but call the engine, or make a task.
DRIVER_PARTS = {
    "_feed": ENGINE,
    "_take_outcome": ENGINE,
    "_report_reply": ENGINE,
    "_spawn": TASKS,
}


def part_of(frame: FrameType | None) -> str:
    """The part of a step that this frame belongs to."""
    inner = frame
    while frame is not None and not frame.f_code.co_filename.startswith(PACKAGE):
        if frame.f_code.co_filename == __file__ and frame.f_code.co_name in ("lookup", "reply"):
            return "the tool and the model themselves"
        frame = frame.f_back
    if frame is None:
        return LOOP
    if inner is not None and "/asyncio/" in inner.f_code.co_filename:
        return TASKS
    name = frame.f_code.co_filename.removeprefix(PACKAGE)
    if name == "runtime/driver.py":
        return DRIVER_PARTS.get(frame.f_code.co_name, PARTS[name])
    return PARTS.get(name, name)


@tool
async def lookup(number: int) -> str:
    """Look a number up."""
    return f"ok: {number}"


async def sampled_run(mode: str, steps: int, directory: str) -> tuple[Counter[str], float]:
    """Play the run; how often each part was seen, and the microseconds of processor time that a step took."""

    def reply(request: ModelRequest) -> ModelReply:
        number = (len(request.messages) - 1) // 2
        return ModelReply(tool_calls=[ToolCall("lookup", {"number": number})]) if number < steps else ModelReply("done")

    seen: Counter[str] = Counter()
    path = f"{directory}/runs.db"
    with InMemoryDatabase() if mode == "memory" else SqliteDatabase(path, durability="normal") as database:
        agent = Agent(FunctionModel(reply), db=database, tools=[lookup], tool_call_limit=steps + 1)
        signal.signal(signal.SIGPROF, lambda _signal, frame: seen.update([part_of(frame)]))
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        began = time.process_time()
        answer = await agent.do_async("go")
        spent = time.process_time() - began
        signal.setitimer(signal.ITIMER_PROF, 0)
    if answer != "done":
        raise RuntimeError(f"the run answered {answer!r}")
    return seen, spent / steps * 1_000_000


def main() -> None:
    """Play a run and print its table."""
    mode, steps = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as directory:
        seen, spent = asyncio.run(sampled_run(mode, steps, directory))
    print(f"| part of a step, {mode} | share | microseconds |\n| --- | ---: | ---: |")
    for part, count in seen.most_common():
        share = count / seen.total()
        print(f"| {part} | {share:.1%} | {share * spent:.1f} |")
    print(f"| all | 100% | {spent:.1f} |")


if __name__ == "__main__":
    main()
