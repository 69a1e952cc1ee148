"""What a decision promises, whatever else is decided, asked or given with it."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from annotated_types import Ge
from pydantic import Field

from haltpoint import (
    Agent,
    InvalidResolutionError,
    ModelReply,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    tool,
)

ran: list[Any] = []


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    ran.append(amount)
    return f"paid {amount}"


@tool(requires_user_input=True, user_input_fields=["seats", "code"])
def book(seats: Annotated[int, Ge(1)], code: Annotated[str, Field(pattern="^[A-Z]{3}$")]) -> str:
    """Book."""
    ran.append((seats, code))
    return "booked"


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


def _agent(db: SqliteDatabase, *calls: ToolCall) -> Agent:
    return Agent(ScriptedModel([ModelReply(tool_calls=list(calls)), "done"]), db=db, tools=[pay, book])


def _kinds(db: SqliteDatabase, run_id: str) -> list[str]:
    return [entry["kind"] for entry in db.journal(run_id)]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_of_several_changed_arguments_nothing_is_written_when_one_is_invalid(db: SqliteDatabase, bad: int) -> None:
    calls = [ToolCall("pay", {"amount": amount}, id=f"call {amount}") for amount in range(3)]
    agent = _agent(db, *calls)
    output = agent.do("Pay.", return_output=True)
    requirements = output.active_requirements
    for place, requirement in enumerate(requirements):
        requirement.confirm(tool_args={"amount": "much" if place == bad else 10 + place})
    with pytest.raises(InvalidResolutionError):
        agent.continue_run(run_id=output.run_id, requirements=requirements)
    assert "requirement_decided" not in _kinds(db, output.run_id)
    assert len(db.requirements()) == 3
    assert ran == []


@pytest.mark.parametrize(
    "values", [{"seats": 0, "code": "ABC"}, {"seats": -1, "code": "ABC"}, {"seats": 2, "code": "abc"}]
)
def test_what_a_person_gives_is_held_against_the_constraints_of_the_parameter(
    db: SqliteDatabase, values: dict[str, Any]
) -> None:
    agent = _agent(db, ToolCall("book", {"seats": 1, "code": "AAA"}))
    output = agent.do("Book.", return_output=True)
    (requirement,) = output.active_requirements

    def give() -> None:
        requirement.answer(values)
        agent.continue_run(run_id=output.run_id, requirements=[requirement])

    with pytest.raises(InvalidResolutionError):
        give()
    assert ran == []
    assert "requirement_decided" not in _kinds(db, output.run_id)
    (requirement,) = db.requirements()
    requirement.answer({"seats": 2, "code": "ABC"})
    assert agent.continue_run(run_id=output.run_id, requirements=[requirement]) == "done"
    assert ran == [(2, "ABC")]
