"""Calls that both type checkers must refuse: the lines that say so, and no others. Checked, not run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from haltpoint import Agent, AgentRunOutput, InMemoryDatabase, RunRequirement, ScriptedModel, SqliteDatabase, Task, tool
from haltpoint.worker import Worker


class Report(BaseModel):
    total: int


agent = Agent(ScriptedModel([]))
lenient = Agent(ScriptedModel([]), mode="return_false")
REPORT = Task("Report.", response_format=Report)


def unknown_keywords_are_refused(database: SqliteDatabase) -> None:
    agent.do("Write.", retries=2)  # refused
    agent.do(REPORT, returnoutput=True)  # refused
    agent.do(["Write."], sesion_id="s")  # refused
    agent.print_do("Write.", modle="openai/gpt-4o")  # refused
    agent.continue_run(run_id="run-1", retrys=2)  # refused
    agent.wait_and_continue("run-1", timout=5)  # refused
    agent.submit("Write.", user="ann")  # refused
    agent.do(["Write."], key="order-17")  # refused
    database.runs(status="BOGUS")  # refused
    database.count_runs(status="paused")  # refused
    database.prune(older_than=5, status=["DONE"])  # refused
    database.runs(state="PAUSED")  # refused
    database.requirements(agent_name="clerk")  # refused
    Agent("openai/gpt-4o", knowledge_base=None)  # refused
    Task("Write.", tool=[])  # refused
    Worker([agent], workers=3)  # refused
    database.signal("paid", None, name_key="A-1")  # refused
    database.signal()  # refused


async def in_the_async_forms_too(database: InMemoryDatabase) -> None:
    await agent.do_async("Write.", retries=2)  # refused
    await agent.print_do_async(REPORT, returnoutput=True)  # refused
    await agent.continue_run_async(run_id="run-1", time_out=5)  # refused
    await agent.wait_and_continue_async("run-1", handler=None)  # refused
    await database.runs_async(state="PAUSED")  # refused
    await database.requirements_async(agent_name="clerk")  # refused
    await database.remembered_async(tool_name="pay")  # refused


def so_are_arguments_of_another_type() -> None:
    agent.do(7)  # refused
    agent.do(("Write.", "Read."))  # refused
    agent.do([7])  # refused
    agent.do("Write.", timeout="long")  # refused
    agent.do("Write.", user_id=7)  # refused
    agent.do("Write.", metadata="order 7")  # refused
    agent.continue_run(7)  # refused
    agent.continue_run(run_id=7)  # refused
    agent.wait_and_continue(None)  # refused
    Task(7)  # refused
    Task("Report.", response_format=int)  # refused
    Task("Report.", response_format=Report(total=1))  # refused
    SqliteDatabase("runs.db", durability="none")  # refused


def and_agents_that_can_not_be() -> None:
    Agent("openai/gpt-4o", "clerk")  # refused
    Agent("openai/gpt-4o", db="runs.db")  # refused
    Agent("openai/gpt-4o", mode="ignore")  # refused


def an_answer_may_be_none() -> tuple[str, int]:
    text = agent.do("Write.").upper()  # refused
    total = agent.do(REPORT).total  # refused
    return text, total


def or_false_where_the_agent_says_so() -> None:
    answer = lenient.do("Write.")
    if answer is not None:
        answer.upper()  # refused
    if answer:
        answer.upper()


def and_has_the_type_of_its_task(output: AgentRunOutput) -> Any:
    number: int | None = agent.do("Write.")  # refused
    text: str | None = agent.do(REPORT)  # refused
    report: Task[Report] = Task("Write.")  # refused
    outputs: AgentRunOutput[Report] = output  # refused
    strict: Agent = lenient  # refused
    nothing: Literal[False] = agent.do("Write.")  # refused
    return number, text, report, outputs, strict, nothing


def what_runs_show_is_read_only(task: Task, output: AgentRunOutput) -> None:
    output.run_id = "another"  # refused
    task.run_id = "another"  # refused
    task.response = "another"  # refused


def tools_and_decisions_take_what_they_know(requirement: RunRequirement) -> None:
    tool(requires_confirmaton=True)  # refused
    tool(timeout="long")  # refused
    requirement.reject(3)  # refused
    requirement.confirm(args={"total": 2})  # refused


@tool
def plain(number: int) -> str:
    return str(number)


@tool(requires_confirmation=True)
async def confirmed(text: str, *, times: int = 1) -> list[str]:
    return [text] * times


async def decorated_functions_keep_their_signatures() -> Any:
    plain("one")  # refused
    await confirmed("a", 2)  # refused
