"""Runs that wait for a person's yes or no, in each of the documented ways."""

from __future__ import annotations

import asyncio
import sys

from haltpoint import Agent, AgentRunOutput, RunRequirement, Task
from haltpoint.db.database import SqliteDatabase
from haltpoint.tools import tool
from support.programs import tell
from support.report import report

MODEL = "anthropic/claude-sonnet-4-6"


@tool(requires_confirmation=True)
def close_account(customer: str) -> str:
    """Close a customer's account for good."""
    tell(f"closing {customer}")
    return f"account of {customer} closed"


@tool(requires_confirmation=True)
def pay_out(amount: int, iban: str) -> str:
    """Pay money out of an account."""
    tell(f"paying {amount}")
    return f"{amount} sent to {iban}"


def bank_agent(db: SqliteDatabase | None = None) -> Agent:
    return Agent(MODEL, name="bank_clerk", db=db)


def closing_task() -> Task:
    return Task(description="Close the account of Mr. Verne.", tools=[close_account])


def paying_task() -> Task:
    return Task(
        description=("Pay 30 out to IBAN X1. Then close the account of Mr. Verne."), tools=[close_account, pay_out]
    )


def open_database() -> SqliteDatabase:
    return SqliteDatabase(db_file="bank.db", session_id="counter", user_id="clerk")


def confirm_all(output: AgentRunOutput) -> None:
    assert output.is_paused
    assert output.pause_reason == "confirmation"
    for requirement in output.active_requirements:
        if requirement.needs_confirmation:
            requirement.confirm()


def hitl_handler(requirement: RunRequirement) -> None:
    if requirement.needs_confirmation:
        requirement.confirm()


async def same_agent_by_run_id() -> AgentRunOutput:
    agent = bank_agent()
    output = await agent.do_async(closing_task(), return_output=True)
    confirm_all(output)
    return await agent.continue_run_async(run_id=output.run_id, return_output=True)


async def same_agent_by_task() -> AgentRunOutput:
    agent, task = bank_agent(), closing_task()
    confirm_all(await agent.do_async(task, return_output=True))
    return await agent.continue_run_async(task=task, return_output=True)


async def handler_after_a_confirmation() -> AgentRunOutput:
    agent = bank_agent()
    output = await agent.do_async(closing_task(), return_output=True)
    confirm_all(output)
    return await agent.continue_run_async(run_id=output.run_id, return_output=True, hitl_handler=hitl_handler)


async def rejected_with_a_note() -> AgentRunOutput:
    agent = bank_agent()
    output = await agent.do_async(closing_task(), return_output=True)
    for requirement in output.active_requirements:
        if requirement.needs_confirmation:
            requirement.reject(note="Mr. Verne has changed his mind")
    return await agent.continue_run_async(run_id=output.run_id, return_output=True)


async def new_agent_by_run_id() -> AgentRunOutput:
    db = open_database()
    output = await bank_agent(db).do_async(closing_task(), return_output=True)
    confirm_all(output)
    new_agent = bank_agent(db)
    return await new_agent.continue_run_async(
        run_id=output.run_id, requirements=output.requirements, return_output=True
    )


async def new_agent_by_task() -> AgentRunOutput:
    db, task = open_database(), closing_task()
    output = await bank_agent(db).do_async(task, return_output=True)
    confirm_all(output)
    return await bank_agent(db).continue_run_async(task=task, requirements=output.requirements, return_output=True)


async def loop_over_several_tools() -> AgentRunOutput:
    agent = bank_agent()
    output = await agent.do_async(paying_task(), return_output=True)
    while output.active_requirements:
        confirm_all(output)
        output = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    return output


async def handler_for_several_tools() -> AgentRunOutput:
    agent = bank_agent()
    output = await agent.do_async(paying_task(), return_output=True)
    confirm_all(output)
    return await agent.continue_run_async(run_id=output.run_id, return_output=True, hitl_handler=hitl_handler)


async def new_agent_on_a_new_database() -> AgentRunOutput:
    output = await bank_agent(open_database()).do_async(closing_task(), return_output=True)
    assert [item.tool_execution.tool_args for item in output.active_requirements] == [{"customer": "Verne"}]
    confirm_all(output)
    return await bank_agent(open_database()).continue_run_async(
        run_id=output.run_id, requirements=output.requirements, return_output=True
    )


EXAMPLES = {
    function.__name__: function
    for function in (
        same_agent_by_run_id,
        same_agent_by_task,
        handler_after_a_confirmation,
        rejected_with_a_note,
        new_agent_by_run_id,
        new_agent_by_task,
        loop_over_several_tools,
        handler_for_several_tools,
        new_agent_on_a_new_database,
    )
}

if __name__ == "__main__":
    tell(report(asyncio.run(EXAMPLES[sys.argv[1]]())))
