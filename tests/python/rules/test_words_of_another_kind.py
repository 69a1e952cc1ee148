"""Words of a decision of another kind than the requirement's are refused, in data and on objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from haltpoint import (
    Agent,
    InMemoryDatabase,
    InvalidResolutionError,
    RunRequirement,
    ScriptedModel,
    ToolExecution,
    tool,
)
from support.replies import wants


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return "paid"


@tool(requires_user_input=True, user_input_fields=["city"])
def ask(city: str) -> str:
    """Ask."""
    return city


@tool(external_execution=True)
def fetch(url: str) -> str:
    """Fetch."""
    return ""


CALLS: dict[str, dict[str, Any]] = {"pay": {"euros": 5}, "ask": {}, "fetch": {"url": "x"}}
DECIDED: dict[str, Callable[[RunRequirement], None]] = {
    "pay": lambda requirement: requirement.confirm(),
    "ask": lambda requirement: requirement.answer({"city": "Oslo"}),
    "fetch": lambda requirement: requirement.set_external_execution_result("r"),
}


def paused(name: str) -> tuple[InMemoryDatabase, Agent, RunRequirement]:
    db = InMemoryDatabase()
    agent = Agent(ScriptedModel([wants(name, **CALLS[name]), "END"]), db=db, tools=[pay, ask, fetch])
    return db, agent, agent.do("Work.", return_output=True).requirements[0]


OF_ANOTHER_KIND: list[tuple[str, str, Any]] = [
    ("fetch", "tool_call_error", True),
    ("fetch", "tool_call_error", "false"),
    ("fetch", "tool_call_error", 0),
    ("fetch", "confirmed", False),
    ("fetch", "confirmed", True),
    ("fetch", "answered", True),
    ("fetch", "confirmation_note", "no"),
    ("ask", "confirmed", False),
    ("ask", "confirmed", "false"),
    ("ask", "result", "r"),
    ("ask", "result", ""),
    ("pay", "answered", "false"),
    ("pay", "answered", False),
    ("pay", "answered", True),
    ("pay", "result", "nope"),
    ("pay", "tool_call_error", True),
]


@pytest.mark.parametrize(("name", "word", "value"), OF_ANOTHER_KIND)
@pytest.mark.parametrize("is_data", [True, False])
@pytest.mark.parametrize("is_decided", [True, False])
def test_they_are_refused(name: str, word: str, value: Any, is_data: bool, is_decided: bool) -> None:
    db, agent, requirement = paused(name)
    if is_decided:
        DECIDED[name](requirement)
    said: Any = requirement
    if is_data:
        said = requirement.to_dict()
        said["tool_execution"][word] = value
        requirement.drop_draft()
    else:
        setattr(requirement.tool_execution, word, value)
    with pytest.raises(InvalidResolutionError, match=word) as caught:
        agent.continue_run(run_id=str(requirement.run_id), requirements=[said])
    assert caught.value.field_name == word
    assert db.requirement(requirement.id).decision is None


@pytest.mark.parametrize("name", ["ask", "fetch"])
def test_a_no_at_the_top_is_refused_where_nobody_is_asked_to_confirm(name: str) -> None:
    db, agent, requirement = paused(name)
    DECIDED[name](requirement)
    said = {**requirement.to_dict(), "confirmation": False}
    requirement.drop_draft()
    with pytest.raises(InvalidResolutionError, match="confirm"):
        agent.continue_run(run_id=str(requirement.run_id), requirements=[said])
    assert db.requirement(requirement.id).decision is None


TOP: list[dict[str, Any]] = [
    {"args": {"euros": 7}},
    {"arguments": {"euros": 7}},
    {"by": "eve"},
    {"decided_by": "eve"},
    {"decided_at": "2026-01-01T00:00:00+00:00"},
    {"kind": ""},
    {"Confirmation": False},
    {"Approve": False},
]


@pytest.mark.parametrize("said", TOP)
def test_other_words_of_a_decision_are_refused(said: dict[str, Any]) -> None:
    db, agent, requirement = paused("pay")
    data = {**requirement.to_dict(), "confirmation": True, **said}
    with pytest.raises(InvalidResolutionError) as caught:
        agent.continue_run(run_id=str(requirement.run_id), requirements=[data])
    assert caught.value.field_name in said
    assert db.requirement(requirement.id).decision is None


@pytest.mark.parametrize(
    "word", ["rejected", "reject", "approve", "note", "values", "args", "confirmation", "Rejected"]
)
def test_other_words_within_the_call_are_refused(word: str) -> None:
    db, agent, requirement = paused("pay")
    data = {**requirement.to_dict(), "confirmation": True}
    cast("dict[str, Any]", data["tool_execution"])[word] = True
    with pytest.raises(InvalidResolutionError) as caught:
        agent.continue_run(run_id=str(requirement.run_id), requirements=[data])
    assert caught.value.field_name == word
    assert db.requirement(requirement.id).decision is None


@pytest.mark.parametrize("name", CALLS)
def test_what_to_dict_returns_passes(name: str) -> None:
    db, agent, requirement = paused(name)
    DECIDED[name](requirement)
    data = json.loads(json.dumps(requirement.to_dict()))
    requirement.drop_draft()
    agent.continue_run(run_id=str(requirement.run_id), requirements=[data])
    # Once decided, and once the call has its result, too.
    (decided,) = db.requirements(run_id=requirement.run_id, open_only=False)
    again = RunRequirement.from_dict(json.loads(json.dumps(decided.to_dict())))
    assert again.to_dict() == decided.to_dict()


def test_that_a_result_is_no_error_may_be_said() -> None:
    db, agent, requirement = paused("fetch")
    DECIDED["fetch"](requirement)
    requirement.tool_execution.tool_call_error = False
    assert agent.continue_run(run_id=str(requirement.run_id)) == "END"
    assert db.run(str(requirement.run_id)).is_complete


@pytest.mark.parametrize("given", [None, {}, "call"])
def test_the_call_of_a_requirement_is_a_tool_execution(given: Any) -> None:
    _, _, requirement = paused("pay")
    with pytest.raises(InvalidResolutionError, match="must be a ToolExecution") as caught:
        requirement.tool_execution = cast("ToolExecution", given)
    assert caught.value.field_name == "tool_execution"
    assert requirement.tool_execution.tool_name == "pay"


@pytest.mark.parametrize("is_data", [True, False])
@pytest.mark.parametrize("changes", [False, True])
def test_a_note_beside_a_yes_is_refused_where_nobody_would_read_it(is_data: bool, changes: bool) -> None:
    db, agent, requirement = paused("pay")
    requirement.confirm(tool_args={"euros": 7} if changes else None)
    requirement.confirmation_note = "only this once"
    said: Any = requirement.to_dict() if is_data else requirement
    with pytest.raises(InvalidResolutionError, match="a note is the reason of a rejection") as caught:
        agent.continue_run(run_id=str(requirement.run_id), requirements=[said])
    assert caught.value.field_name == "confirmation_note"
    assert db.requirement(requirement.id).decision is None
    requirement.confirmation_note = None
    assert agent.continue_run(run_id=str(requirement.run_id), requirements=[requirement]) == "END"


@pytest.mark.parametrize("note", [None, ""])
def test_an_empty_note_says_nothing(note: str | None) -> None:
    _, agent, requirement = paused("pay")
    requirement.confirm()
    requirement.confirmation_note = note
    requirement.commit()
    assert agent.continue_run(run_id=str(requirement.run_id)) == "END"


def test_the_note_of_a_no_that_became_a_yes_is_not_kept() -> None:
    _, agent, requirement = paused("pay")
    requirement.reject("too much")
    requirement.confirm()
    requirement.commit()
    assert agent.continue_run(run_id=str(requirement.run_id)) == "END"
