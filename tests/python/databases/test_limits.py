"""What is too long to be kept is refused with words, and stops no run in its middle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from haltpoint import (
    Agent,
    InMemoryDatabase,
    InvalidResolutionError,
    LimitError,
    ModelError,
    ModelReply,
    ModelRequest,
    RunTimeoutError,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    tool,
)

Database: TypeAlias = "SqliteDatabase | InMemoryDatabase"

LARGEST = 64 * 1024 * 1024
LONGEST_NAME = 512


@pytest.fixture(params=["file", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    kept: Database = SqliteDatabase(tmp_path / "runs.db") if request.param == "file" else InMemoryDatabase()
    with kept:
        yield kept


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"{euros} paid"


@tool
def read(size: int) -> str:
    """Read."""
    return "x" * size


def _says_results(request: ModelRequest) -> str:
    return " | ".join(message.content or "" for message in request.messages if message.role == "tool")


def _model(*calls: ToolCall) -> ScriptedModel:
    return ScriptedModel([ModelReply(tool_calls=list(calls)), _says_results])


IDS: list[tuple[str, Callable[[str], dict[str, Any]]]] = [
    ("session_id", lambda text: {"session_id": text}),
    ("user_id", lambda text: {"user_id": text}),
]


def test_a_reply_with_more_than_a_thousand_calls_is_refused(database: Database) -> None:
    def run(calls: int) -> str:
        model = _model(*[ToolCall("read", {"size": 1})] * calls)
        return str(Agent(model, db=database, tools=[read], tool_call_limit=1_000).do("Read."))

    assert run(1_000).count("x") == 1_000
    with pytest.raises(ModelError, match="asks for 1,001 tool calls at once, and 1,000 are allowed"):
        run(1_001)


@pytest.mark.parametrize("given", IDS, ids=[name for name, _ in IDS])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * (LONGEST_NAME + 1), "takes 513 bytes, and 512 are allowed"),
        ("ü" * 257, "takes 514 bytes"),
        ("a\0b", "U+0000"),
    ],
)
def test_an_id_that_is_too_long_begins_no_run(
    database: Database, given: tuple[str, Callable[[str], dict[str, Any]]], text: str, words: str
) -> None:
    name, arguments = given
    agent = Agent(ScriptedModel(["Hello."]), db=database)
    with pytest.raises(LimitError, match=name) as caught:
        agent.do("Hello?", **arguments(text))
    assert words in str(caught.value)
    assert database.runs() == []


def test_an_id_that_is_too_long_is_no_work_for_a_worker(tmp_path: Path) -> None:
    with SqliteDatabase(tmp_path / "runs.db") as database:
        agent = Agent(ScriptedModel(["Hello."]), db=database, name="worker")
        with pytest.raises(LimitError, match="session_id takes 513 bytes"):
            agent.submit("Hello?", session_id="x" * 513)
        assert database.runs() == []


def test_ids_and_names_of_512_bytes_are_kept(database: Database) -> None:
    longest = "ü" * (LONGEST_NAME // 2)
    agent = Agent(ScriptedModel(["Hello."]), db=database, name=longest)
    agent.do("Hello?", session_id=longest, user_id=longest)
    run = database.runs(session_id=longest)[0]
    assert (run.session_id, run.agent_name) == (longest, longest)


@pytest.mark.parametrize("name", ["x" * 513, "a\0b"])
def test_an_agents_name_is_limited_as_well(database: Database, name: str) -> None:
    with pytest.raises(LimitError, match="agent's name"):
        Agent(ScriptedModel(["Hello."]), db=database, name=name).do("Hello?")
    assert database.runs() == []


@pytest.mark.parametrize("call_id", ["x" * 513, "x" * 2_000_000, "a\0b", "\0"])
def test_an_id_that_a_model_made_up_is_replaced(database: Database, call_id: str) -> None:
    agent = Agent(_model(ToolCall("read", {"size": 2}, call_id), ToolCall("read", {"size": 3}, "x" * 512)), db=database)
    output = agent.do("Read.", return_output=True)
    assert output.output is not None
    calls = next(message.tool_calls for message in output.messages if message.tool_calls)
    assert [call.id for call in calls] == ["call_1", "x" * 512]


def _calls_tool_by_name(database: Database, name: str) -> Any:
    agent = Agent(_model(ToolCall(name, {}, "c1"), ToolCall("read", {"size": 2}, "c2")), db=database, tools=[read])
    return agent.do("Read.", return_output=True)


@pytest.mark.parametrize("name", ["ü" * 300, "x" * 2_000_000, "read\0", "\0"])
def test_a_name_that_a_model_made_up_is_an_unknown_tool(database: Database, name: str) -> None:
    output = _calls_tool_by_name(database, name)
    assert output.output.startswith("There is no tool named ")
    assert output.output.endswith("The tools are: read. | xx")
    assert len(output.output) < 1000
    called = next(message.tool_calls for message in output.messages if message.tool_calls)[0].name
    assert name.startswith(called)
    assert len(called.encode()) <= LONGEST_NAME


def test_a_result_that_is_too_long_is_an_error_for_the_model(database: Database) -> None:
    agent = Agent(
        _model(ToolCall("read", {"size": LARGEST + 1}), ToolCall("read", {"size": 2})), db=database, tools=[read]
    )
    output = agent.do("Read.", return_output=True)
    assert output.output == (
        f"The call ran, but its result takes {LARGEST + 1} bytes and at most {LARGEST} are kept: it is lost. Ask for "
        "less at a time. | xx"
    )
    results = [message for message in output.messages if message.role == "tool"]
    assert [message.is_error for message in results] == [True, False]
    assert database.run(output.run_id).output == output.output


def test_a_result_of_the_largest_size_is_kept(database: Database) -> None:
    agent = Agent(_model(ToolCall("read", {"size": LARGEST})), db=database, tools=[read])
    assert len(agent.do("Read.") or "") == LARGEST


def test_what_a_tool_raises_may_be_of_any_length(database: Database) -> None:
    @tool
    def fail() -> str:
        """Fail."""
        raise RuntimeError("x" * (LARGEST + 1))

    output = Agent(_model(ToolCall("fail", {})), db=database, tools=[fail]).do("Fail.")
    assert (output or "").endswith("x… (67,043,329 more characters)")


def test_a_result_that_is_found_out_may_be_of_any_length(database: Database) -> None:
    @tool(reconcile=lambda _call: "x" * (LARGEST + 1))
    async def send() -> str:
        """Send."""
        await asyncio.sleep(60)
        return "sent"

    agent = Agent(_model(ToolCall("send", {})), db=database, tools=[send])
    with pytest.raises(RunTimeoutError) as caught:
        agent.do("Send.", timeout=0.3)
    assert "at most 67108864 are kept" in (agent.continue_run(run_id=caught.value.run_id or "") or "")


def test_a_decision_that_is_too_long_leaves_the_requirement_open(database: Database) -> None:
    agent = Agent(_model(ToolCall("pay", {"euros": 5})), db=database, tools=[pay])
    output = agent.do("Pay.", return_output=True)
    requirement = output.active_requirements[0]
    requirement.reject(note="x" * LARGEST)
    with pytest.raises(InvalidResolutionError, match="the decision takes 67") as caught:
        agent.continue_run(run_id=output.run_id, requirements=[requirement])
    assert caught.value.requirement_id == requirement.id
    again = database.requirements()[0]
    assert again.id == requirement.id
    again.reject(note="x" * (LARGEST // 2))
    assert len(agent.continue_run(run_id=output.run_id, requirements=[again]) or "") > LARGEST // 2


def test_an_external_result_that_is_too_long_leaves_the_requirement_open(database: Database) -> None:
    @tool(external_execution=True)
    def fetch() -> str:
        """Fetch."""
        raise NotImplementedError

    agent = Agent(_model(ToolCall("fetch", {})), db=database, tools=[fetch])
    output = agent.do("Fetch.", return_output=True)
    requirement = output.active_requirements[0]
    requirement.set_external_execution_result("x" * LARGEST)
    with pytest.raises(InvalidResolutionError, match="the decision takes 67"):
        agent.continue_run(run_id=output.run_id, requirements=[requirement])
    assert [open_.id for open_ in database.requirements()] == [requirement.id]


def test_a_task_that_is_too_long_begins_no_run(database: Database) -> None:
    with pytest.raises(LimitError, match="what the run begins with takes 67"):
        Agent(ScriptedModel(["Hello."]), db=database).do("x" * LARGEST)
    assert database.runs() == []


@pytest.mark.parametrize(
    "reply", [ModelReply("x" * (2 * LARGEST + 1)), ModelReply(tool_calls=[ToolCall("read", {"x": "x" * 2 * LARGEST})])]
)
def test_a_reply_that_is_too_long_is_a_model_error(database: Database, reply: ModelReply) -> None:
    agent = Agent(ScriptedModel([reply]), db=database, tools=[read])
    with pytest.raises(ModelError, match="and 134217728 are allowed") as caught:
        agent.do("Hello?")
    again = Agent(ScriptedModel(["Hello."]), db=database, tools=[read])
    assert again.continue_run(run_id=caught.value.run_id or "") == "Hello."
