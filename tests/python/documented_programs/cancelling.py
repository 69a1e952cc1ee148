"""Runs that are cancelled while a tool works, and continued in each of the documented ways."""

from __future__ import annotations

import asyncio
import sys
import threading

from haltpoint import Agent, AgentRunOutput, Task
from haltpoint.db.database import SqliteDatabase
from haltpoint.run.base import RunStatus
from haltpoint.run.cancel import cancel_run
from haltpoint.tools import tool
from support.programs import tell
from support.report import report

MODEL = "anthropic/claude-sonnet-4-6"
began = threading.Event()
told_to_stop = threading.Event()


@tool
def print_labels(count: int) -> str:
    """Print that many labels, which takes a while."""
    tell("printing")
    began.set()
    assert told_to_stop.wait(20)
    return f"{count} labels printed"


def printing_agent(**options: bool) -> tuple[Agent, Task]:
    db = SqliteDatabase(db_file="labels.db", session_id="warehouse", user_id="packer")
    agent = Agent(MODEL, db=db, **options)
    return agent, Task(description="Print 40 labels with print_labels.", tools=[print_labels])


async def cancelled_run(agent: Agent, task: Task) -> AgentRunOutput:
    async def cancel_after_delay() -> None:
        await asyncio.to_thread(began.wait)
        if agent.run_id:
            assert cancel_run(agent.run_id)
        told_to_stop.set()

    canceller = asyncio.create_task(cancel_after_delay())
    output: AgentRunOutput = await agent.do_async(task, return_output=True)
    await canceller
    assert output.is_cancelled
    assert output.status == RunStatus.cancelled
    tell(report(output))
    return output


async def same_agent_by_run_id() -> AgentRunOutput:
    agent, task = printing_agent()
    output = await cancelled_run(agent, task)
    return await agent.continue_run_async(run_id=output.run_id, return_output=True)


async def same_agent_by_task() -> AgentRunOutput:
    agent, task = printing_agent()
    await cancelled_run(agent, task)
    return await agent.continue_run_async(task=task, return_output=True)


async def new_agent_by_run_id() -> AgentRunOutput:
    run_id = (await cancelled_run(*printing_agent())).run_id
    new_agent, _ = printing_agent()
    return await new_agent.continue_run_async(run_id=run_id, return_output=True)


async def new_agent_by_task() -> AgentRunOutput:
    agent, task = printing_agent()
    await cancelled_run(agent, task)
    new_agent, _ = printing_agent()
    return await new_agent.continue_run_async(task=task, return_output=True)


async def steps_go_on_from_the_cut() -> AgentRunOutput:
    agent, task = printing_agent(debug=True)
    output = await cancelled_run(agent, task)
    before = [(step.name, step.status) for step in output.step_results]
    result: AgentRunOutput = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert [(step.name, step.status) for step in result.step_results][: len(before)] == before
    assert len(result.step_results) > len(before)
    return result


EXAMPLES = {
    function.__name__: function
    for function in (
        same_agent_by_run_id,
        same_agent_by_task,
        new_agent_by_run_id,
        new_agent_by_task,
        steps_go_on_from_the_cut,
    )
}

if __name__ == "__main__":
    tell(report(asyncio.run(EXAMPLES[sys.argv[1]]())))
