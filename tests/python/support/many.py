"""A database in which very much waits."""

from __future__ import annotations

import asyncio
from typing import Any

from haltpoint import Agent, ModelReply, ScriptedModel, Task, ToolCall, tool

__all__ = ["approve_for_session", "pause_in_many_runs", "pause_in_one_run"]

_AT_ONCE = 250


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def pause_in_many_runs(database: Any, count: int) -> None:
    """Start so many runs, each of which waits for one confirmation."""

    async def start_all() -> None:
        for first in range(0, count, _AT_ONCE):
            amounts = range(first, min(first + _AT_ONCE, count))
            await asyncio.gather(
                *(_agent(database, [amount]).do_async(Task("Pay."), return_output=True) for amount in amounts)
            )

    asyncio.run(start_all())


def pause_in_one_run(database: Any, count: int) -> str:
    """Start a run that waits for so many confirmations, and return its id."""
    agent = _agent(database, range(count), tool_call_limit=count)
    run_id: str = agent.do(Task("Pay."), return_output=True).run_id
    return run_id


def approve_for_session(database: Any, count: int) -> None:
    """Let so many runs ask, and have each approved for later calls with the same arguments."""
    agent = _agent(database, range(count), session_id="shop", tool_call_limit=count)
    output = agent.do(Task("Pay."), return_output=True)
    for requirement in output.requirements:
        requirement.confirm(remember="session", remember_args=True, by="ann")
    agent.continue_run(run_id=output.run_id, requirements=output.requirements)


def _agent(database: Any, amounts: Any, **options: Any) -> Agent:
    calls = [ToolCall("pay", {"amount": amount}) for amount in amounts]
    return Agent(ScriptedModel([ModelReply(tool_calls=calls), "done"]), db=database, tools=[pay], **options)
