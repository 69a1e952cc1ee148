"""What type checkers make of the answers of tasks and agents. Checked, not run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from typing_extensions import Never, assert_type

from haltpoint import Agent, AgentRunOutput, RunRequirement, ScriptedModel, SqliteDatabase, Task


class Report(BaseModel):
    total: int


agent = Agent(ScriptedModel(["Done."]), name="clerk", db=SqliteDatabase("runs.db"))
REPORT = Task("Report.", response_format=Report)


def tasks_know_their_answer() -> None:
    assert_type(Task("Write."), Task[str])
    assert_type(Task("Write.", response_format=str, context=["a"]), Task[str])
    assert_type(Task("Report.", response_format=Report, tools=[]), Task[Report])
    assert_type(Task("Write.").response, str | None)
    assert_type(REPORT.response, Report | None)
    assert_type(REPORT.response_format, type[Report])
    assert_type(Task.from_dict({"description": "Write."}), Task[Any])


def a_call_returns_the_answer(written: str | Task, either: str | Task[Report], anything: Task[Any]) -> None:
    assert_type(agent.do("Write."), str | None)
    assert_type(agent.do(Task("Write.")), str | None)
    assert_type(agent.do(REPORT), Report | None)
    assert_type(agent.do(REPORT, "openai/gpt-4o", True, 2), Report | None)
    assert_type(agent.do(REPORT, return_output=False), Report | None)
    assert_type(agent.do(written), str | None)
    assert_type(agent.do(either), str | Report | None)
    assert_type(agent.do(anything), Any | None)
    assert_type(agent.print_do("Write."), str | None)
    assert_type(agent.print_do(REPORT), Report | None)


def or_the_output() -> None:
    assert_type(agent.do("Write.", return_output=True), AgentRunOutput[str])
    assert_type(agent.do(REPORT, return_output=True), AgentRunOutput[Report])
    assert_type(agent.do(REPORT, return_output=True).output, Report | None)
    assert_type(agent.do(REPORT, return_output=True).task, Task[Report])
    assert_type(agent.print_do(REPORT, return_output=True), AgentRunOutput[Report])


async def or_either_of_them(return_output: bool, task: Task[Report], either: str | Task[Report]) -> None:
    assert_type(agent.do("Write.", return_output=return_output), AgentRunOutput[str] | str | None)
    assert_type(agent.do(task, return_output=return_output), AgentRunOutput[Report] | Report | None)
    assert_type(await agent.do_async(task, return_output=return_output), AgentRunOutput[Report] | Report | None)
    assert_type(agent.print_do(task, return_output=return_output), AgentRunOutput[Report] | Report | None)
    assert_type(await agent.print_do_async(task, return_output=return_output), AgentRunOutput[Report] | Report | None)
    assert_type(agent.continue_run(REPORT, return_output=return_output), AgentRunOutput[Report] | Report | None)
    assert_type(
        await agent.wait_and_continue_async("run-1", task=task, return_output=return_output),
        AgentRunOutput[Report] | Report | None,
    )
    assert_type(
        agent.do(either, return_output=return_output),
        AgentRunOutput[str] | str | AgentRunOutput[Report] | Report | None,
    )


def and_functions_pass_them_on(return_output: bool, task: Task[Report]) -> AgentRunOutput[Report] | Report | None:
    return agent.do(task, return_output=return_output)


def a_list_of_tasks_gives_a_list(
    texts: list[str], reports: list[Task[Report]], mixed: list[Task[Report] | str]
) -> None:
    assert_type(agent.do(["Write.", "Read."]), list[str | None])
    assert_type(agent.do([Task("Write."), "Read."]), list[str | None])
    assert_type(agent.do([REPORT, REPORT]), list[Report | None])
    assert_type(agent.do(texts), list[str | None])
    assert_type(agent.do(reports), list[Report | None])
    assert_type(agent.do(mixed), list[Report | str | None])
    assert_type(agent.do(texts, return_output=True), list[AgentRunOutput[str]])
    assert_type(agent.do(reports, return_output=True), list[AgentRunOutput[Report]])
    assert_type(agent.do(mixed, return_output=True), list[AgentRunOutput[Report | str]])
    agent.do([REPORT, "Read."])
    agent.do([REPORT, Task("Read.")])


async def the_same_without_waiting_in_the_thread(reports: list[Task[Report]]) -> None:
    assert_type(await agent.do_async("Write."), str | None)
    assert_type(await agent.do_async(REPORT), Report | None)
    assert_type(await agent.do_async(REPORT, return_output=True), AgentRunOutput[Report])
    assert_type(await agent.do_async(reports), list[Report | None])
    assert_type(await agent.print_do_async(REPORT), Report | None)
    assert_type(await agent.print_do_async("Write.", return_output=True), AgentRunOutput[str])
    await agent.do_async("Write.", timeout=5, user_id="ann", session_id="s", metadata={"order": 7})


async def a_continued_run_gives_the_answer_of_its_task() -> None:
    assert_type(agent.continue_run(REPORT), Report | None)
    assert_type(agent.continue_run(REPORT, return_output=True), AgentRunOutput[Report])
    assert_type(await agent.continue_run_async(task=REPORT, timeout=5), Report | None)
    assert_type(await agent.wait_and_continue_async("run-1", task=REPORT), Report | None)
    assert_type(agent.wait_and_continue("run-1", task=REPORT, return_output=True), AgentRunOutput[Report])


async def and_any_where_it_is_known_by_its_id_alone() -> None:
    assert_type(agent.continue_run(run_id="run-1"), Any | None)
    assert_type(agent.continue_run(run_id="run-1", return_output=True), AgentRunOutput[Any])
    assert_type(await agent.continue_run_async(run_id="run-1", return_output=True), AgentRunOutput[Any])
    assert_type(agent.wait_and_continue("run-1", return_output=True), AgentRunOutput[Any])
    assert_type(agent.get_run_output(), AgentRunOutput[Any] | None)
    assert_type(AgentRunOutput.from_dict({}), AgentRunOutput[Any])


def answers_need_no_check_but_for_none() -> str:
    answer = agent.do("Write.")
    return "nothing" if answer is None else answer.upper()


def an_agent_that_returns_false_says_so(mode: Literal["raise", "return_false"]) -> None:
    assert_type(agent, Agent[Never])
    lenient = Agent(ScriptedModel([]), mode="return_false")
    assert_type(lenient, Agent[Literal[False]])
    assert_type(lenient.do("Write."), str | Literal[False] | None)
    assert_type(lenient.do(REPORT), Report | Literal[False] | None)
    assert_type(lenient.do(REPORT, return_output=True), AgentRunOutput[Report])
    assert_type(lenient.do(["Write."]), list[str | Literal[False] | None])
    assert_type(lenient.print_do("Write."), str | Literal[False] | None)
    assert_type(lenient.wait_and_continue("run-1", task=REPORT), Report | Literal[False] | None)
    assert_type(lenient.on_database(SqliteDatabase("runs.db")), Agent[Literal[False]])
    Agent(ScriptedModel([]), mode=mode)


class Clerk(Agent):
    def file(self, text: str) -> str | None:
        return self.do(text)


def show(output: AgentRunOutput[Any]) -> None:
    assert_type(output.output, Any | None)


def resolve(requirement: RunRequirement) -> None:
    requirement.confirm()


def functions_take_what_they_say(any_agent: Agent[Any], widest: AgentRunOutput[object]) -> None:
    assert_type(Clerk(ScriptedModel([])), Clerk)
    show(Clerk(ScriptedModel([]), on_pause=show).do(REPORT, return_output=True, hitl_handler=resolve))
    functions_take_what_they_say(agent, agent.do(REPORT, return_output=True))
    functions_take_what_they_say(Agent(ScriptedModel([]), mode="return_false"), widest)
    assert_type(any_agent.submit(REPORT), str)
    assert_type(any_agent.submit(REPORT, key="order-17"), str)
    assert_type(agent.do(REPORT, key="order-17", return_output=True), AgentRunOutput[Report])
