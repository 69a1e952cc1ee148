"""Agents for workers in other processes: imported by them from this directory, as `crew:AGENTS`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from haltpoint import Agent, FunctionModel, ModelReply, ModelRequest, ToolCall, current_tool_call, tool

LEDGER = "HALTPOINT_TEST_LEDGER"


def note(line: str) -> None:
    """Write a line that survives whatever becomes of this process."""
    with Path(os.environ[LEDGER]).open("a") as ledger:
        ledger.write(f"{line}\n")


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    note(f"pay {amount} {current_tool_call().attempt}")
    return f"paid {amount}"


@tool(idempotent=True)
def kill_the_worker() -> str:
    """End the process that runs this."""
    note(f"killed {current_tool_call().attempt}")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@tool
def work(seconds: float) -> str:
    """Work for some time; may not be repeated."""
    note(f"work begins {current_tool_call().run_id}")
    time.sleep(seconds)
    note(f"work ends {current_tool_call().run_id}")
    return "worked"


@tool(read_only=True)
def wait_for_ever() -> str:
    """Wait; changes nothing."""
    note("waits")
    threading.Event().wait()
    raise AssertionError


@tool(read_only=True)
async def cancel_all() -> str:
    """Cancel all tasks of the loop, as a library may do that thinks it is its own."""
    note("cancels all")
    for task in asyncio.all_tasks():
        task.cancel()
    return "cancelled all"


@tool(read_only=True)
async def stop_the_loop() -> str:
    """Stop the loop, likewise."""
    note("stops the loop")
    asyncio.get_running_loop().stop()
    return "stopped the loop"


@tool(read_only=True, timeout=0.1)
async def cling() -> str:
    """Never end, whoever asks."""
    note("clings")
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


@tool
def mail() -> str:
    """Send a mail; only one of the two crews can."""
    note("mail")
    return "sent"


@tool(requires_confirmation=True, expires_after=0.5)
def refund(amount: int) -> str:
    """Pay back; a person has half a second to agree."""
    raise AssertionError


_CALLS = {
    "refund": ToolCall("refund", {"amount": 5}),
    "pay": ToolCall("pay", {"amount": 5}),
    "kill": ToolCall("kill_the_worker", {}),
    "work": ToolCall("work", {"seconds": 1.0}),
    "wait": ToolCall("wait_for_ever", {}),
    "mail": ToolCall("mail", {}),
    "cancel_all": ToolCall("cancel_all", {}),
    "stop_the_loop": ToolCall("stop_the_loop", {}),
    "cling": ToolCall("cling", {}),
}


def reply(request: ModelRequest) -> ModelReply | str:
    """Ask for the call that the task names, then for nothing more."""
    calls = [_CALLS[word] for word in (request.messages[0].content or "").split() if word in _CALLS]
    done = sum(message.role == "assistant" for message in request.messages)
    return ModelReply(tool_calls=[calls[done]]) if done < len(calls) else "finished"


def clerk(*tools: object, name: str = "clerk") -> Agent:
    """An agent whose model does what the task says."""
    return Agent(FunctionModel(reply), name=name, tools=tools)


CLERK = clerk(pay, refund, kill_the_worker, work, wait_for_ever, mail, cancel_all, stop_the_loop, cling)
AGENTS = [CLERK, clerk(pay, name="cook")]
NO_AGENT = "clerk"
