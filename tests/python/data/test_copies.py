"""Outputs, tasks, requirements and events can be copied, pickled and sent to other processes: they are data then."""

from __future__ import annotations

import asyncio
import copy
import inspect
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import haltpoint.command_line
import haltpoint.inbox
import haltpoint.working
from haltpoint import (
    Agent,
    AgentRunOutput,
    InMemoryDatabase,
    ModelError,
    ModelReply,
    RunEvent,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    Task,
    ToolCall,
    ToolExecution,
    ToolKit,
    ToolNotAvailableError,
    tool,
)

Duplicate = Callable[[Any], Any]


class Report(BaseModel):
    total: int


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


class Mail(ToolKit):
    def send(self, to: str) -> str:
        """Send a letter."""
        return to


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


DUPLICATES = [copy.copy, copy.deepcopy, pickled]
every_way = pytest.mark.parametrize("duplicate", DUPLICATES)


def paying_agent(db: Any = None, *, euros: int = 5) -> Agent:
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("pay", {"euros": euros})]), "Done."])
    return Agent(model, db=db, tools=[pay])


@pytest.fixture
def paused() -> AgentRunOutput:
    return paying_agent().do("Pay.", return_output=True)


def test_a_copy_that_was_never_looked_into_shows_all_of_the_run() -> None:
    for duplicate in DUPLICATES:
        output = paying_agent().do("Pay.", return_output=True)
        twin = duplicate(output)
        assert twin.to_dict() == output.to_dict()


@every_way
def test_a_copy_of_an_output_shows_the_run_with_its_drafts(paused: AgentRunOutput, duplicate: Duplicate) -> None:
    paused.requirements[0].reject("too much", by="ann")
    twin: AgentRunOutput = duplicate(paused)
    assert twin.to_dict() == paused.to_dict()
    assert twin.is_paused
    assert twin.task.description == "Pay."
    assert twin.task.run_id == paused.run_id
    assert twin.messages == paused.messages
    assert twin.usage == paused.usage
    assert [step.name for step in twin.step_results] == [step.name for step in paused.step_results]
    assert twin.requirements[0].confirmation_note == "too much"
    assert twin.tools[0] is twin.requirements[0].tool_execution


@every_way
def test_what_is_decided_on_a_copy_is_not_decided_on_the_original(paused: AgentRunOutput, duplicate: Duplicate) -> None:
    twin: AgentRunOutput = duplicate(paused)
    twin.requirements[0].confirm()
    assert paused.requirements[0].confirmation is None
    requirement: RunRequirement = duplicate(paused.requirements[0])
    requirement.confirm()
    assert paused.active_requirements == paused.requirements


@every_way
def test_awaiting_a_requirement_of_a_copy_says_what_to_do(paused: AgentRunOutput, duplicate: Duplicate) -> None:
    twin: AgentRunOutput = duplicate(paused)

    async def wait_for_it() -> None:
        await twin.requirements[0]

    with pytest.raises(RuntimeError, match=r"continue_run_async\(run_id=\.\.\., requirements=\[\.\.\.\]\)"):
        asyncio.run(wait_for_it())


@every_way
def test_a_decision_on_a_copy_counts_where_it_is_handed_over(duplicate: Duplicate) -> None:
    agent = paying_agent()
    output = agent.do("Pay.", return_output=True)
    twin: AgentRunOutput = duplicate(output)
    twin.requirements[0].confirm(by="ann")
    ended = agent.continue_run(run_id=output.run_id, requirements=twin.requirements, return_output=True)
    assert ended.is_complete
    assert ended.requirements[0].decided_by == "ann"


@every_way
def test_a_copy_of_a_copy_is_as_good(paused: AgentRunOutput, duplicate: Duplicate) -> None:
    assert duplicate(duplicate(paused)).to_dict() == paused.to_dict()


# Answers


@every_way
@pytest.mark.parametrize("looked_at", [True, False])
def test_a_structured_answer_comes_along(duplicate: Duplicate, looked_at: bool) -> None:
    output = Agent(ScriptedModel(['{"total": 3}'])).do(Task("Report.", response_format=Report), return_output=True)
    if looked_at:
        assert output.output == Report(total=3)
    twin: AgentRunOutput[Report] = duplicate(output)
    assert twin.output == Report(total=3)
    assert twin.task.response == Report(total=3)
    assert twin.task.response_format is Report


@every_way
def test_so_does_one_of_a_class_that_pickle_can_not_find_by_name(duplicate: Duplicate) -> None:
    class Local(BaseModel):
        total: int

    output = Agent(ScriptedModel(['{"total": 3}'])).do(Task("Report.", response_format=Local), return_output=True)
    assert output.output == Local(total=3)
    twin: AgentRunOutput[Local] = duplicate(output)
    assert twin.output == Local(total=3)
    assert twin.task.response_format is Local


def test_where_that_class_is_not_known_the_answer_is_plain_data() -> None:
    class Local(BaseModel):
        total: int

    output = Agent(ScriptedModel(['{"total": 3}'])).do(Task("Report.", response_format=Local), return_output=True)
    assert output.output is not None
    assert in_another_process(answer_of, output) == {"total": 3}


# Outputs from databases


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with SqliteDatabase(tmp_path / "runs.db") as database:
        yield database


@every_way
def test_outputs_of_a_database_outlive_it(db: SqliteDatabase, duplicate: Duplicate) -> None:
    run_id = paying_agent(db).do("Pay.", return_output=True).run_id
    listed, loaded = duplicate(db.runs()[0]), duplicate(db.run(run_id))
    requirement = duplicate(db.requirements()[0])
    expected = db.run(run_id).to_dict()
    db.close()
    assert listed.to_dict() == expected
    assert loaded.to_dict() == expected
    assert requirement.to_dict() == expected["requirements"][0]


# Tasks


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copied_task_has_the_same_tools_in_a_list_of_its_own(duplicate: Duplicate) -> None:
    tools = [pay, Mail(), lambda: None]
    task = Task("Do it.", tools=tools, context=["a", {"b": 1}])
    twin: Task = duplicate(task)
    assert twin.tools == tools
    twin.tools.clear()
    assert task.tools == tools
    assert twin.context == task.context
    assert twin.to_dict() == task.to_dict()


def test_a_copied_task_is_continued_like_the_original() -> None:
    agent, task = paying_agent(), Task("Pay.")
    output = agent.do(task, return_output=True)
    twin = copy.copy(task)
    output.requirements[0].confirm()
    assert agent.continue_run(twin) == "Done."
    assert twin.response == "Done."
    assert task.response is None


def test_a_pickled_task_keeps_the_tools_that_pickle_finds_by_name() -> None:
    task: Task = pickled(Task("Pay.", tools=[pay]))
    assert task.tools == [pay]
    assert task.left_behind == ()


@pytest.mark.parametrize("lost", [Mail(), Mail().send, lambda: None], ids=["toolkit", "method", "lambda"])
def test_a_task_that_lost_tools_is_not_started_without_them(lost: Any) -> None:
    task: Task = pickled(pickled(Task("Pay.", tools=[pay, lost])))
    assert task.tools == [pay]
    agent = paying_agent(InMemoryDatabase())
    with pytest.raises(ToolNotAvailableError, match=r"task\.tools = \[") as caught:
        agent.do(task)
    assert caught.value.tool_name in task.left_behind
    task.tools = [pay]
    assert agent.do(task, return_output=True).is_paused


def test_an_output_whose_task_has_tools_of_any_kind_can_be_pickled() -> None:
    def local() -> None:
        """Do nothing."""

    output = paying_agent().do(Task("Pay.", tools=[Mail(), local]), return_output=True)
    assert pickled(output).to_dict() == output.to_dict()


def test_a_parametrised_task_can_be_pickled() -> None:
    class Local(BaseModel):
        total: int

    task: Task[Local] = pickled(Task[Local]("Report.", response_format=Local))
    assert task.response_format is Local


# The small ones


def events_of_a_run() -> list[RunEvent]:
    told: list[RunEvent] = []
    Agent(ScriptedModel(["Done."]), on_event=told.append).do("Write.")
    return told


@every_way
def test_events_calls_and_records_are_equal_to_their_copies(paused: AgentRunOutput, duplicate: Duplicate) -> None:
    calls: list[ToolExecution] = paused.tools
    for fact in (*events_of_a_run(), *calls, *paused.messages, *paused.step_results, paused.usage, paused.status):
        assert duplicate(fact) == fact


@every_way
def test_what_a_database_tells_is_equal_to_its_copies(db: SqliteDatabase, duplicate: Duplicate) -> None:
    agent = paying_agent(db)
    output = agent.do("Pay.", return_output=True)
    output.requirements[0].confirm(remember="run")
    agent.continue_run(run_id=output.run_id)
    for fact in (*db.audit(output.run_id), *db.remembered(), db.verify(output.run_id)):
        assert duplicate(fact) == fact


def test_every_exception_of_the_package_can_be_pickled() -> None:
    for module in (haltpoint.command_line, haltpoint.inbox, haltpoint.working):
        assert inspect.ismodule(module)
    kinds = list(exceptions_below(BaseException))
    assert len(kinds) > 25
    for kind in kinds:
        error = sample(kind)
        twin = pickled(error)
        assert (type(twin), str(twin), vars(twin)) == (kind, str(error), vars(error)), kind


def sample(kind: type[Any]) -> BaseException:
    if not inspect.isfunction(kind.__init__):
        return kind("what happened")
    parameters = inspect.signature(kind).parameters.values()
    given = {item.name: 1 if "int" in str(item.annotation) else "x" for item in parameters}
    positional = [given.pop(item.name) for item in parameters if item.kind is not item.KEYWORD_ONLY]
    return kind(*positional, **given)


def exceptions_below(kind: type[BaseException]) -> Iterator[type[Any]]:
    for below in type.__subclasses__(kind):
        if below.__module__.startswith("haltpoint"):
            yield below
        yield from exceptions_below(below)


# Other processes


@pytest.fixture(scope="module")
def other_process() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def in_another_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result(60)


def answer_of(output: AgentRunOutput[Any]) -> Any:
    return output.output


def start(db_file: Path) -> tuple[AgentRunOutput, list[RunEvent]]:
    told: list[RunEvent] = []
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("pay", {"euros": 5})]), "Done."])
    with SqliteDatabase(db_file) as database:
        agent = Agent(model, db=database, tools=[pay], on_event=told.append)
        return agent.do(Task("Pay.", tools=[pay]), return_output=True), told


def go_on(db_file: Path, decided: list[RunRequirement]) -> AgentRunOutput:
    with SqliteDatabase(db_file) as database:
        agent = paying_agent(database)
        run_id = decided[0].run_id
        assert run_id is not None
        return agent.continue_run(run_id=run_id, requirements=decided, return_output=True)


def fail(db_file: Path) -> None:
    with SqliteDatabase(db_file) as database:
        Agent(ScriptedModel([ModelError("no luck", provider="scripted", status_code=503)]), db=database).do("Write.")


def test_a_run_goes_from_process_to_process(other_process: ProcessPoolExecutor, tmp_path: Path) -> None:
    output, told = other_process.submit(start, tmp_path / "runs.db").result(60)
    assert output.pause_reason == "confirmation"
    assert {event.run_id for event in told} == {output.run_id}
    output.requirements[0].confirm(by="ann")
    ended = other_process.submit(go_on, tmp_path / "runs.db", output.requirements).result(60)
    assert (ended.output, ended.requirements[0].decided_by) == ("Done.", "ann")


def test_errors_keep_what_they_know_on_their_way(other_process: ProcessPoolExecutor, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no luck") as caught:
        other_process.submit(fail, tmp_path / "runs.db").result(60)
    assert (caught.value.provider, caught.value.status_code) == ("scripted", 503)
    with SqliteDatabase(tmp_path / "runs.db") as database:
        assert caught.value.run_id == database.runs()[0].run_id
