"""What is said of a changed call is what the person gave, who was shown what validation made of the model's words."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel

from haltpoint import Agent, RunRequirement, ScriptedModel, SqliteDatabase, tool
from haltpoint.journal.timeline import told
from support.replies import results_in, wants

Clamped = Annotated[int, AfterValidator(lambda value: min(value, 100))]


class Order(BaseModel):
    euros: Clamped
    to: str


@tool(requires_confirmation=True)
def pay(euros: Clamped, to: str, why: str = "") -> str:
    """Pay."""
    return f"{euros} {to}"


@tool(requires_confirmation=True)
def order(order: Order) -> str:
    """Order."""
    return f"{order.euros} {order.to}"


@tool(requires_confirmation=True)
def orders(orders: list[Order]) -> str:
    """Order more."""
    return f"{orders[0].euros} {orders[0].to}"


@tool(requires_confirmation=True, approvals=2)
def both(euros: Clamped, to: str) -> str:
    """Pay, as two agree."""
    return f"{euros} {to}"


ASKED = {"euros": 500, "to": "Ann"}
GIVEN = {"euros": 100, "to": "Bob"}
CASES: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (pay, ASKED, {**GIVEN, "why": ""}),
    (order, {"order": ASKED}, {"order": GIVEN}),
    (orders, {"orders": [ASKED]}, {"orders": [GIVEN]}),
]


def asked(db: SqliteDatabase, which: Any, arguments: dict[str, Any]) -> tuple[Agent[Any], RunRequirement]:
    model = ScriptedModel([wants(which.__name__, **arguments), lambda request: str(results_in(request)[-1])])
    agent = Agent(model, db=db, tools=[which])
    return agent, agent.do("Work.", return_output=True).active_requirements[0]


@pytest.mark.parametrize(("which", "arguments", "given"), CASES)
def test_it_is_the_shown_value_where_that_was_left(
    db: SqliteDatabase, which: Any, arguments: dict[str, Any], given: dict[str, Any]
) -> None:
    agent, requirement = asked(db, which, arguments)
    requirement.confirm(tool_args=given, by="ann")
    requirement.commit()
    for found in (requirement, db.requirement(requirement.id)):
        assert found.decision == {"type": "confirm", "tool_args": given}
        assert found.to_dict()["decision"] == found.decision
        assert RunRequirement.from_dict(found.to_dict()).decision == found.decision
        found.confirm(tool_args=given)
    (decided,) = [event for event in told(db.journal(str(requirement.run_id))) if event.kind == "requirement_decided"]
    assert "500" not in f"{decided.title} {decided.detail}" and "100" in str(decided.detail)
    assert agent.continue_run(run_id=str(requirement.run_id)).endswith("Bob")


def test_it_is_the_other_value_where_one_was_given(db: SqliteDatabase) -> None:
    agent, requirement = asked(db, pay, ASKED)
    requirement.confirm(tool_args={"euros": 700, "to": "Bob"}, by="ann")
    requirement.commit()
    decision = db.requirement(requirement.id).decision or {}
    assert (decision["tool_args"]["euros"], decision["shown_args"]["euros"]) == (700, 100)
    assert RunRequirement.from_dict(db.requirement(requirement.id).to_dict()).decision == decision
    (decided,) = [event for event in told(db.journal(str(requirement.run_id))) if event.kind == "requirement_decided"]
    assert "euros=700" in str(decided.detail) and "the tool gets euros=100" in str(decided.detail)
    assert agent.continue_run(run_id=str(requirement.run_id)).endswith("100 Bob")


def test_so_it_is_of_each_approval(db: SqliteDatabase) -> None:
    agent, requirement = asked(db, both, ASKED)
    requirement.confirm(tool_args=GIVEN, by="ann")
    requirement.commit()
    second = db.requirement(requirement.id)
    assert second.approvals[0]["decision"]["tool_args"] == GIVEN
    assert second.to_dict()["approvals"][0]["decision"]["tool_args"] == GIVEN
    second.confirm(tool_args=GIVEN, by="bob", expected_digest=second.digest)
    second.commit()
    assert (db.requirement(requirement.id).decision or {})["tool_args"] == GIVEN
    assert agent.continue_run(run_id=str(requirement.run_id)).endswith("100 Bob")
