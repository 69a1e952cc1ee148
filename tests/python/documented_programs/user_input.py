"""Runs whose tools have fields that only a person can fill, in each of the documented ways."""

from __future__ import annotations

import asyncio
import sys

from haltpoint import Agent, AgentRunOutput, RunRequirement, Task
from haltpoint.db.database import SqliteDatabase
from haltpoint.tools import tool
from support.programs import tell
from support.report import report

MODEL = "anthropic/claude-sonnet-4-6"
ANSWERS = {"guest": "Ada", "nights": "3", "allergies": "nuts"}


@tool(requires_user_input=True, user_input_fields=["guest", "nights"])
def book_room(hotel: str, guest: str, nights: int) -> str:
    """Book a room. The agent picks the hotel, the person says for whom and how long."""
    return f"{hotel}: {guest}, {nights + 0} nights"


@tool(requires_user_input=True, user_input_fields=["allergies"])
def order_dinner(dish: str, allergies: str) -> str:
    """
    Order a dinner.

    Args:
        dish: what to cook
        allergies: what to leave out (said by the person)
    """
    return f"{dish} without {allergies}"


def fill_in(requirement: RunRequirement) -> None:
    if not requirement.user_input_schema:
        return
    for field in requirement.user_input_schema:
        if isinstance(field, dict) and field.get("value") is None:
            field["value"] = ANSWERS[field["name"]]
    requirement.tool_execution.answered = True


def fill_in_all(output: AgentRunOutput) -> None:
    assert output.is_paused
    assert output.pause_reason == "user_input"
    for requirement in output.active_requirements:
        if requirement.needs_user_input:
            fill_in(requirement)


def hitl_handler(requirement: RunRequirement) -> None:
    if requirement.needs_user_input:
        fill_in(requirement)


def travel_agent(db: SqliteDatabase | None = None) -> Agent:
    return Agent(MODEL, name="travel_agent", db=db)


def booking_task() -> Task:
    return Task(description="Book a room at the Grand.", tools=[book_room])


def evening_task() -> Task:
    return Task(description=("Book a room at the Grand. Then order soup."), tools=[book_room, order_dinner])


def open_database() -> SqliteDatabase:
    return SqliteDatabase(db_file="travel.db", session_id="trip", user_id="traveller")


async def same_agent_by_run_id() -> AgentRunOutput:
    agent = travel_agent()
    output = await agent.do_async(booking_task(), return_output=True)
    fill_in_all(output)
    return await agent.continue_run_async(run_id=output.run_id, return_output=True)


async def same_agent_by_task() -> AgentRunOutput:
    agent, task = travel_agent(), booking_task()
    fill_in_all(await agent.do_async(task, return_output=True))
    return await agent.continue_run_async(task=task, return_output=True)


async def handler_after_the_input() -> AgentRunOutput:
    agent = travel_agent()
    output = await agent.do_async(booking_task(), return_output=True)
    fill_in_all(output)
    return await agent.continue_run_async(run_id=output.run_id, return_output=True, hitl_handler=hitl_handler)


async def new_agent_by_run_id() -> AgentRunOutput:
    db = open_database()
    output = await travel_agent(db).do_async(booking_task(), return_output=True)
    fill_in_all(output)
    return await travel_agent(db).continue_run_async(
        run_id=output.run_id, requirements=output.requirements, return_output=True
    )


async def new_agent_by_task() -> AgentRunOutput:
    db, task = open_database(), booking_task()
    output = await travel_agent(db).do_async(task, return_output=True)
    fill_in_all(output)
    return await travel_agent(db).continue_run_async(task=task, requirements=output.requirements, return_output=True)


async def loop_over_several_tools() -> AgentRunOutput:
    agent = travel_agent()
    output = await agent.do_async(evening_task(), return_output=True)
    while output.active_requirements:
        fill_in_all(output)
        output = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    return output


async def handler_for_several_tools() -> AgentRunOutput:
    agent = travel_agent()
    output = await agent.do_async(evening_task(), return_output=True)
    fill_in_all(output)
    return await agent.continue_run_async(run_id=output.run_id, return_output=True, hitl_handler=hitl_handler)


async def new_agent_on_a_new_database() -> AgentRunOutput:
    output = await travel_agent(open_database()).do_async(booking_task(), return_output=True)
    fields = [field for item in output.active_requirements for field in item.user_input_schema or ()]
    assert [(field["name"], field.get("field_type", "str")) for field in fields] == [
        ("hotel", "str"),
        ("guest", "str"),
        ("nights", "int"),
    ]
    fill_in_all(output)
    return await travel_agent(open_database()).continue_run_async(
        run_id=output.run_id, requirements=output.requirements, return_output=True
    )


EXAMPLES = {
    function.__name__: function
    for function in (
        same_agent_by_run_id,
        same_agent_by_task,
        handler_after_the_input,
        new_agent_by_run_id,
        new_agent_by_task,
        loop_over_several_tools,
        handler_for_several_tools,
        new_agent_on_a_new_database,
    )
}

if __name__ == "__main__":
    tell(report(asyncio.run(EXAMPLES[sys.argv[1]]())))
