"""Runs whose tools are run outside of them, in each of the documented ways."""

from __future__ import annotations

import asyncio
import sys

from haltpoint import Agent, AgentRunOutput, RunRequirement, Task
from haltpoint.db.database import SqliteDatabase
from haltpoint.tools import tool
from support.programs import tell
from support.report import report

MODEL = "anthropic/claude-sonnet-4-6"


@tool(external_execution=True)
def order_part(number: str, supplier: str) -> str:
    """Order a part; the purchasing system does it.

    Args:
        number: the part's number.
        supplier: who sells it.

    Returns:
        The order's state.
    """
    return f"{number} ordered from {supplier}"


@tool(external_execution=True)
def look_up_stock(number: str) -> str:
    """Look up how many of a part there are."""
    return f"3 of {number}"


@tool(external_execution=True)
def book_truck(day: str, extras: dict = None) -> dict:  # type: ignore[type-arg, assignment]  # noqa: RUF013
    """Book a truck; its type hints are as sloppy as people write them."""
    return {"truck": 7, "day": day, "extras": extras}


def run_elsewhere(requirement: RunRequirement) -> str:
    call = requirement.tool_execution
    if call.tool_name == "order_part":
        return order_part(**call.tool_args)
    if call.tool_name == "look_up_stock":
        return look_up_stock(**call.tool_args)
    if call.tool_name == "book_truck":
        return str(book_truck(**call.tool_args))
    raise ValueError(f"Unknown tool: {call.tool_name}")


def shop_agent(db: SqliteDatabase | None = None) -> Agent:
    return Agent(MODEL, name="workshop", db=db)


def ordering_task() -> Task:
    return Task(description="Order part K-7 from Aalto.", tools=[order_part])


def moving_task() -> Task:
    return Task(
        description=("Order part K-7 from Aalto. Then see how many we have. Finally, book a truck for Friday."),
        tools=[order_part, look_up_stock, book_truck],
    )


def open_database() -> SqliteDatabase:
    return SqliteDatabase(db_file="shop.db", session_id="yard", user_id="foreman")


def set_results(output: AgentRunOutput) -> None:
    for requirement in output.active_requirements:
        if requirement.is_external_tool_execution and not requirement.is_resolved:
            assert requirement.tool_execution.tool_call_id
            requirement.tool_execution.result = run_elsewhere(requirement)


async def same_agent_by_run_id() -> AgentRunOutput:
    agent = shop_agent()
    output = await agent.do_async(ordering_task(), return_output=True)
    assert output.pause_reason == "external_tool"
    set_results(output)
    return await agent.continue_run_async(run_id=output.run_id, return_output=True)


async def same_agent_by_task() -> AgentRunOutput:
    agent, task = shop_agent(), ordering_task()
    set_results(await agent.do_async(task, return_output=True))
    return await agent.continue_run_async(task=task, return_output=True)


async def new_agent_by_run_id() -> AgentRunOutput:
    db = open_database()
    output = await shop_agent(db).do_async(ordering_task(), return_output=True)
    set_results(output)
    return await shop_agent(db).continue_run_async(
        run_id=output.run_id, requirements=output.requirements, return_output=True
    )


async def new_agent_by_task() -> AgentRunOutput:
    db, task = open_database(), ordering_task()
    output = await shop_agent(db).do_async(task, return_output=True)
    set_results(output)
    return await shop_agent(db).continue_run_async(task=task, requirements=output.requirements, return_output=True)


async def loop_by_run_id() -> AgentRunOutput:
    agent = shop_agent()
    output = await agent.do_async(moving_task(), return_output=True)
    while output.active_requirements:
        set_results(output)
        output = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    return output


async def loop_by_task() -> AgentRunOutput:
    agent, task = shop_agent(), moving_task()
    output = await agent.do_async(task, return_output=True)
    while output.active_requirements:
        set_results(output)
        output = await agent.continue_run_async(task=task, return_output=True)
    return output


async def executor_for_the_rest() -> AgentRunOutput:
    agent = shop_agent()
    output = await agent.do_async(moving_task(), return_output=True)
    set_results(output)
    return await agent.continue_run_async(
        run_id=output.run_id, return_output=True, external_tool_executor=run_elsewhere
    )


async def new_database_by_run_id() -> AgentRunOutput:
    output = await shop_agent(open_database()).do_async(ordering_task(), return_output=True)
    assert output.is_paused
    set_results(output)
    return await shop_agent(open_database()).continue_run_async(
        run_id=output.run_id, requirements=output.requirements, return_output=True
    )


async def new_database_by_task() -> AgentRunOutput:
    task = ordering_task()
    output = await shop_agent(open_database()).do_async(task, return_output=True)
    set_results(output)
    return await shop_agent(open_database()).continue_run_async(
        task=task, requirements=output.requirements, return_output=True
    )


EXAMPLES = {
    function.__name__: function
    for function in (
        same_agent_by_run_id,
        same_agent_by_task,
        new_agent_by_run_id,
        new_agent_by_task,
        loop_by_run_id,
        loop_by_task,
        executor_for_the_rest,
        new_database_by_run_id,
        new_database_by_task,
    )
}

if __name__ == "__main__":
    tell(report(asyncio.run(EXAMPLES[sys.argv[1]]())))
