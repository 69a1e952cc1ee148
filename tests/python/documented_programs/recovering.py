"""Runs whose model fails, and that are continued in each of the documented ways."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from haltpoint import Agent, AgentRunOutput, Task
from haltpoint.db.database import SqliteDatabase
from support.programs import tell
from support.report import report

MODEL = "anthropic/claude-sonnet-4-6"


def counting_agent() -> Agent:
    db = SqliteDatabase(db_file="counts.db", session_id="ledger", user_id="auditor")
    return Agent(MODEL, db=db, retry=1)


def counting_task() -> Task:
    return Task("How many months have 31 days? Answer with the number alone.")


def latest_run_id(agent: Agent) -> str:
    output: Any = getattr(agent, "_agent_run_output", None)
    assert output
    assert output.is_error
    tell(report(output))
    return output.run_id


async def same_agent_by_run_id() -> AgentRunOutput:
    agent = counting_agent()
    try:
        return await agent.do_async(counting_task(), return_output=True)
    except Exception:
        return await agent.continue_run_async(run_id=latest_run_id(agent), return_output=True)


async def same_agent_by_task() -> AgentRunOutput:
    agent, task = counting_agent(), counting_task()
    try:
        return await agent.do_async(task, return_output=True)
    except Exception:
        latest_run_id(agent)
        return await agent.continue_run_async(task=task, return_output=True)


async def new_agent_by_run_id() -> AgentRunOutput:
    agent = counting_agent()
    try:
        return await agent.do_async(counting_task(), return_output=True)
    except Exception:
        new_agent = counting_agent()
        return await new_agent.continue_run_async(run_id=latest_run_id(agent), return_output=True)


async def new_agent_by_task() -> AgentRunOutput:
    agent, task = counting_agent(), counting_task()
    try:
        return await agent.do_async(task, return_output=True)
    except Exception:
        latest_run_id(agent)
        new_agent = counting_agent()
        return await new_agent.continue_run_async(task=task, return_output=True)


EXAMPLES = {
    function.__name__: function
    for function in (same_agent_by_run_id, same_agent_by_task, new_agent_by_run_id, new_agent_by_task)
}

if __name__ == "__main__":
    tell(report(asyncio.run(EXAMPLES[sys.argv[1]]())))
