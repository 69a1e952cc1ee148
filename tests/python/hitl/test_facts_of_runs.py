"""What a run was started with: for one call of an agent, in lists, in its tools, and wherever it is continued."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from haltpoint import Agent, AgentRunOutput, ScriptedModel, SqliteDatabase, current_tool_call, tool
from haltpoint.tools import ToolCallContext
from support.programs import run_program
from support.replies import wants
from support.running import asynchronous

SAID: dict[str, Any] = {"user_id": "ann", "session_id": "monday", "metadata": {"tenant": "acme", "tags": ["a"]}}
OF_AGENT: dict[str, Any] = {"user_id": "nobody", "session_id": "never", "metadata": {"tenant": "none"}}

seen: list[Any] = []


def facts() -> dict[str, Any]:
    call = current_tool_call()
    return {name: getattr(call, name) for name in ("user_id", "session_id", "agent_name", "metadata")}


@tool
def look() -> str:
    seen.append(facts())
    return "looked"


@tool
async def look_later() -> str:
    seen.append(facts())
    return "looked"


@tool(requires_confirmation=True)
def look_with_leave() -> str:
    seen.append(facts())
    return "looked"


TOOLS = [look, look_later, look_with_leave]


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


def agent(db: SqliteDatabase, *names: str, name: str | None = "clerk", **said: Any) -> Agent:
    tools = [each for each in TOOLS if each.__name__ in names]
    return Agent(ScriptedModel([*(wants(each) for each in names), "done"]), db=db, name=name, tools=tools, **said)


def do(one: Agent, **said: Any) -> AgentRunOutput:
    output: AgentRunOutput = one.do("Work.", return_output=True, **said)
    return output


def print_do(one: Agent, **said: Any) -> AgentRunOutput:
    output: AgentRunOutput = one.print_do("Work.", return_output=True, **said)
    return output


def submit(one: Agent, **said: Any) -> AgentRunOutput:
    run_id = one.submit("Work.", **said)
    output: AgentRunOutput = one.continue_run(run_id=run_id, return_output=True)
    return output


STARTING: list[Callable[..., AgentRunOutput]] = [do, print_do, submit]


@pytest.mark.parametrize("start", STARTING)
@pytest.mark.parametrize("name", ["look", "look_later"])
def test_what_is_said_of_one_run_counts_for_it_alone(
    db: SqliteDatabase, start: Callable[..., AgentRunOutput], name: str
) -> None:
    one = agent(db, name, **OF_AGENT)
    output = start(one, **SAID)
    assert seen == [{**SAID, "agent_name": "clerk"}]
    stored = db.run(output.run_id)
    assert (stored.user_id, stored.session_id) == ("ann", "monday")
    assert [run.run_id for run in db.runs(user_id="ann", session_id="monday")] == [output.run_id]
    start(one)
    assert seen[1:] == [{**OF_AGENT, "agent_name": "clerk"}]


@pytest.mark.parametrize("name", ["user_id", "session_id", "metadata"])
def test_each_may_be_said_alone(db: SqliteDatabase, name: str) -> None:
    do(agent(db, "look", **OF_AGENT), **{name: SAID[name]})
    assert seen == [{**OF_AGENT, "agent_name": "clerk", name: SAID[name]}]


def test_each_task_of_a_list_has_them(db: SqliteDatabase) -> None:
    agent(db, "look").do(["One.", "Two."], **SAID)
    assert seen == [{**SAID, "agent_name": "clerk"}] * 2


def test_where_nothing_was_said_there_is_nothing(db: SqliteDatabase) -> None:
    do(agent(db, "look", name=None))
    assert seen == [{"user_id": None, "session_id": None, "agent_name": None, "metadata": None}]


def test_the_databases_own_count_where_the_agent_says_nothing(db_file: Any) -> None:
    with SqliteDatabase(db_file, session_id="of the file", user_id="of the file") as db:
        do(agent(db, "look"))
        do(agent(db, "look"), user_id="ann")
    assert [(one["user_id"], one["session_id"]) for one in seen] == [
        ("of the file", "of the file"),
        ("ann", "of the file"),
    ]


def test_another_agent_that_continues_does_not_change_them(db: SqliteDatabase) -> None:
    output = do(agent(db, "look_with_leave"), **SAID)
    [requirement] = db.requirements()
    requirement.confirm()
    requirement.commit()
    agent(db, "look_with_leave", name="other", **OF_AGENT).continue_run(run_id=output.run_id)
    assert seen == [{**SAID, "agent_name": "clerk"}]


PROGRAM = """
import sys
from pathlib import Path
from haltpoint import Agent, ScriptedModel, current_tool_call, tool
from support.databases import opened
from support.programs import tell
from support.replies import wants

@tool(requires_confirmation=True)
def look_with_leave() -> str:
    call = current_tool_call()
    tell([call.user_id, call.session_id, call.agent_name, call.metadata])
    return "looked"

with opened(Path(sys.argv[1]), user_id="of the file") as db:
    [requirement] = db.requirements()
    requirement.confirm()
    agent = Agent(ScriptedModel([wants("look_with_leave"), "done"]), name="other", db=db, tools=[look_with_leave])
    agent.continue_run(run_id=sys.argv[2], requirements=[requirement], allow_changed_tools=True)
"""


def test_nor_does_another_process(db: SqliteDatabase, db_file: Any, tmp_path: Any) -> None:
    output = do(agent(db, "look_with_leave"), **SAID)
    program = tmp_path / "continuing.py"
    program.write_text(PROGRAM)
    told = run_program(program, str(db_file), output.run_id, cwd=tmp_path).last
    assert told == [SAID["user_id"], SAID["session_id"], "clerk", SAID["metadata"]]


def test_what_a_tool_does_to_the_metadata_reaches_no_other(db: SqliteDatabase) -> None:
    @tool(name="look")
    def spoil() -> str:
        metadata = current_tool_call().metadata
        assert metadata is not None
        seen.append(list(metadata["tags"]))
        metadata["tags"].append("spoilt")
        return "looked"

    one = Agent(ScriptedModel([wants("look"), wants("look"), "done"]), db=db, tools=[spoil])
    do(one, **SAID)
    assert seen == [["a"], ["a"]]


@asynchronous
async def test_runs_side_by_side_see_their_own(db: SqliteDatabase) -> None:
    one = agent(db, "look_later")
    for user_id in ("ann", "bob"):
        await one.do_async("Work.", user_id=user_id)
    assert [each["user_id"] for each in seen] == ["ann", "bob"]
    assert one.user_id is None


def test_a_thread_that_outlives_its_run_still_sees_them(db: SqliteDatabase) -> None:
    contexts: list[ToolCallContext] = []

    @tool(name="look")
    def leave_a_thread() -> str:
        contexts.append(current_tool_call())
        return "looked"

    do(Agent(ScriptedModel([wants("look"), "done"]), db=db, name="clerk", tools=[leave_a_thread]), **SAID)
    db.close()
    thread = threading.Thread(target=lambda: seen.append((contexts[0].user_id, contexts[0].metadata)))
    thread.start()
    thread.join()
    assert seen == [("ann", SAID["metadata"])]


def test_a_further_attempt_sees_them(db: SqliteDatabase) -> None:
    @tool(name="look", idempotent=True, max_retries=1)
    def stumble() -> str:
        seen.append((current_tool_call().attempt, current_tool_call().user_id))
        if len(seen) == 1:
            raise RuntimeError("once more")
        return "looked"

    do(Agent(ScriptedModel([wants("look"), "done"]), db=db, tools=[stumble]), **SAID)
    assert seen == [(1, "ann"), (2, "ann")]


@pytest.mark.parametrize("start", STARTING)
@pytest.mark.parametrize(
    ("said", "error", "problem"),
    [
        ({"user_id": 5}, TypeError, "user_id must be a str or None, got 5"),
        ({"session_id": b"x"}, TypeError, "session_id must be a str or None"),
        ({"user_id": "\ud800"}, ValueError, "user_id can't be stored"),
        ({"metadata": ["a"]}, TypeError, "metadata must be a dict or None"),
        ({"metadata": {"when": object()}}, TypeError, "metadata must be JSON data: object has no JSON form"),
        ({"metadata": {"name": "\ud800"}}, ValueError, "metadata can't be stored"),
    ],
)
def test_what_can_not_be_kept_is_refused_before_anything_runs(
    db: SqliteDatabase,
    start: Callable[..., AgentRunOutput],
    said: dict[str, Any],
    error: type[Exception],
    problem: str,
) -> None:
    with pytest.raises(error, match=problem):
        start(agent(db, "look"), **said)
    assert db.runs() == []
    assert seen == []
