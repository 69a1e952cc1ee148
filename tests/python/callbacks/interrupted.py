"""A script that a person stops with Ctrl-C, and that goes on after it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

from haltpoint import Agent, ModelReply, ScriptedModel, SqliteDatabase, ToolCall, current_tool_call, tool
from support.programs import tell


@tool
def wait() -> str:
    """Wait until the run is stopped and a line comes in, as long as that takes."""
    tell("waits")
    while not current_tool_call().cancelled:
        time.sleep(0.01)
    tell("stopped")
    sys.stdin.readline()
    return "waited"


@tool
async def wait_async() -> str:
    """Wait for ever."""
    tell("waits")
    await asyncio.Event().wait()
    raise AssertionError


@tool
def raise_it() -> str:
    """Raise what Ctrl-C raises, in a thread, where that never comes from a person."""
    assert threading.current_thread() is not threading.main_thread()
    raise KeyboardInterrupt


@tool
async def raise_it_async() -> str:
    """Raise it on the event loop."""
    raise KeyboardInterrupt


def main(form: str, db_file: str, name: str) -> None:
    """Start a run whose tool waits or raises; tell how that ended, and whether the next run works."""
    tools = [wait, wait_async, raise_it, raise_it_async]
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall(name, {})]), "done"])
    agent = Agent(model, db=SqliteDatabase(db_file), tools=tools)
    try:
        if form == "do":
            agent.do("Work.")
        else:
            asyncio.run(agent.do_async("Work."))
    except KeyboardInterrupt:
        tell({"interrupted": agent.db.run(str(agent.run_id)).status.value})
    tell(Agent(ScriptedModel(["fine"]), db=agent.db).do("Next."))
    output = agent.continue_run(run_id=agent.run_id, return_output=True)
    tell([output.status.value, [item.kind for item in output.active_requirements]])


if __name__ == "__main__":
    main(*sys.argv[1:])
