"""Programs that end while something of a run is under way. Usage: exiting.py HOW WHAT DATABASE [RUN_ID]."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

from haltpoint import Agent, ModelReply, ModelRequest, RunRequirement, SqliteDatabase, current_tool_call, tool
from haltpoint.models import FunctionModel
from haltpoint.tools.context import ToolCallContext
from support.programs import tell
from support.replies import wants

# Which of the programs gets stuck; the one that continues does not.
_stuck = ""
_under_way = threading.Event()
_never = threading.Event()


def _tell_of_cancellation(call: ToolCallContext) -> None:
    while not call.cancelled:
        _never.wait(0.01)
    tell("asked to stop")


def _stall(what: str) -> None:
    if _stuck == what:
        _under_way.set()
        _never.wait()


async def _stall_async(what: str) -> None:
    if _stuck == what:
        _under_way.set()
        await asyncio.Event().wait()


@tool
def plain_tool() -> str:
    """A tool that takes for ever, and says so when it is asked to stop."""
    if _stuck == "plain tool":
        threading.Thread(target=_tell_of_cancellation, args=(current_tool_call(),), daemon=True).start()
    _stall("plain tool")
    return "done"


@tool
async def async_tool() -> str:
    """A tool that waits for ever."""
    await _stall_async("async tool")
    return "done"


def _reply(request: ModelRequest) -> ModelReply | str:
    if request.replies_so_far == 1:
        _stall("plain model")
    return "finished" if request.replies_so_far else wants(f"{_tool_of_model()}")


async def _reply_async(request: ModelRequest) -> ModelReply | str:
    if request.replies_so_far == 1:
        await _stall_async("async model")
    return "finished" if request.replies_so_far else wants(f"{_tool_of_model()}")


def _tool_of_model() -> str:
    return "async_tool" if "async" in _kind else "plain_tool"


_kind = ""


def _agent(db: SqliteDatabase, kind: str) -> Agent:
    model: Any = "openai/gpt-5"
    if kind != "provider":
        model = FunctionModel(_reply_async if kind == "async model" else _reply)
    return Agent(model, db=db, tools=[plain_tool, async_tool])


def in_a_daemon_thread(agent: Agent) -> None:
    """Drive the run in a thread that the interpreter does not wait for, by the synchronous method."""
    threading.Thread(target=lambda: agent.do("Work."), daemon=True).start()
    assert _under_way.wait(30)


def in_a_dropped_task(agent: Agent) -> None:
    """Drive the run in a task that the program forgets when its main coroutine returns."""

    async def main() -> None:
        tasks.append(asyncio.create_task(agent.do_async("Work.", return_output=True)))
        await asyncio.to_thread(_under_way.wait, 30)

    tasks: list[Any] = []
    asyncio.run(main())


def in_an_open_loop(agent: Agent) -> None:
    """Drive the run on a loop that is neither run to its end nor closed."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    asyncio.run_coroutine_threadsafe(agent.do_async("Work."), loop)
    assert _under_way.wait(30)


def in_the_main_thread(agent: Agent) -> None:
    """Drive the run until Ctrl-C, which a stuck tool makes a person press twice."""

    async def main() -> None:
        _tick(asyncio.get_running_loop())
        await agent.do_async("Work.")

    threading.Thread(target=lambda: (_under_way.wait(30), tell("stuck")), daemon=True).start()
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        tell("interrupted")


def _tick(loop: asyncio.AbstractEventLoop) -> None:
    # A signal that comes while the loop is about to wait is noticed only when the loop wakes up.
    loop.call_later(0.05, _tick, loop)


def continued(agent: Agent, run_id: str) -> None:
    """Continue it, trying what is in doubt again."""

    def retry(requirement: RunRequirement) -> None:
        requirement.retry()

    tell(agent.continue_run(run_id=run_id, hitl_handler=retry))


_HOWS: dict[str, Callable[[Agent], None]] = {
    each.__name__: each for each in (in_a_daemon_thread, in_a_dropped_task, in_an_open_loop, in_the_main_thread)
}


def main(how: str, kind: str, db_file: str, run_id: str = "") -> None:
    """Get stuck and end, or continue what got stuck."""
    global _stuck, _kind  # noqa: PLW0603 - the tools are plain functions
    _kind = kind
    agent = _agent(SqliteDatabase(db_file), kind)
    if how == "continued":
        continued(agent, run_id)
        return
    _stuck = kind
    if kind == "provider":
        # The server tells the test; nothing in this process knows that the request has left.
        threading.Thread(target=lambda: (sys.stdin.readline(), _under_way.set()), daemon=True).start()
    _HOWS[how](agent)


if __name__ == "__main__":
    main(*sys.argv[1:])
