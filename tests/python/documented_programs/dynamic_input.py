"""Runs whose model asks the person for what it needs, in each of the documented ways."""

from __future__ import annotations

import asyncio
import sys

from haltpoint import Agent, AgentRunOutput, RunRequirement, Task
from haltpoint.db.database import SqliteDatabase
from haltpoint.tools import tool
from haltpoint.tools.user_input import UserControlFlowTools
from support.programs import tell
from support.report import report

MODEL = "anthropic/claude-sonnet-4-6"


@tool
def send_parcel(content: str, weight: float, street: str) -> str:
    """Send a parcel to a street."""
    return f"{content} ({weight} kg) is on its way to {street}"


def fill_in(requirement: RunRequirement) -> None:
    if not requirement.user_input_schema:
        return
    for field in requirement.user_input_schema:
        if isinstance(field, dict) and field.get("value") is None:
            field["value"] = f"my {field['name']}"
    requirement.tool_execution.answered = True


def fill_in_all(output: AgentRunOutput) -> None:
    for requirement in output.active_requirements:
        if requirement.needs_user_input:
            fill_in(requirement)


def hitl_handler(requirement: RunRequirement) -> None:
    if requirement.needs_user_input:
        fill_in(requirement)


def post_agent(db: SqliteDatabase | None = None) -> Agent:
    return Agent(MODEL, name="post_office", db=db)


def parcel_task() -> Task:
    return Task(description="Send a parcel with two books.", tools=[send_parcel, UserControlFlowTools()])


def open_database() -> SqliteDatabase:
    return SqliteDatabase(db_file="post.db", session_id="counter", user_id="sender")


async def only_asked() -> AgentRunOutput:
    return await Agent(MODEL).do_async(parcel_task(), return_output=True)


async def loop_by_run_id() -> AgentRunOutput:
    agent = post_agent()
    output = await agent.do_async(parcel_task(), return_output=True)
    while output.is_paused and output.active_requirements:
        fill_in_all(output)
        output = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    return output


async def loop_by_task() -> AgentRunOutput:
    agent, task = post_agent(), parcel_task()
    output = await agent.do_async(task, return_output=True)
    while output.is_paused and output.active_requirements:
        fill_in_all(output)
        output = await agent.continue_run_async(task=task, return_output=True)
    return output


async def loop_of_new_agents() -> AgentRunOutput:
    db = open_database()
    output = await post_agent(db).do_async(parcel_task(), return_output=True)
    run_id = output.run_id
    while output.is_paused and output.active_requirements:
        fill_in_all(output)
        new_agent = post_agent(db)
        output = await new_agent.continue_run_async(run_id=run_id, requirements=output.requirements, return_output=True)
    return output


async def handler_for_the_rest() -> AgentRunOutput:
    agent = post_agent()
    output = await agent.do_async(parcel_task(), return_output=True)
    if output.is_paused:
        fill_in_all(output)
        return await agent.continue_run_async(run_id=output.run_id, return_output=True, hitl_handler=hitl_handler)
    return output


async def new_agent_on_a_new_database() -> AgentRunOutput:
    output = await post_agent(open_database()).do_async(parcel_task(), return_output=True)
    fill_in_all(output)
    return await post_agent(open_database()).continue_run_async(
        run_id=output.run_id, requirements=output.requirements, return_output=True
    )


EXAMPLES = {
    function.__name__: function
    for function in (
        only_asked,
        loop_by_run_id,
        loop_by_task,
        loop_of_new_agents,
        handler_for_the_rest,
        new_agent_on_a_new_database,
    )
}

if __name__ == "__main__":
    tell(report(asyncio.run(EXAMPLES[sys.argv[1]]())))
