"""A form that says more than its button reads is refused: a person said it, and would not be heard."""

from __future__ import annotations

from typing import Any

import pytest
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, tool
from support.replies import wants


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


@tool(requires_user_input=True, user_input_fields=["color"])
def paint(color: str) -> str:
    """Paint."""
    return color


@tool(external_execution=True)
def ship(euros: int) -> str:
    """Ship."""
    raise NotImplementedError


CASES: list[tuple[Any, str, dict[str, str]]] = [
    (pay, "approve", {"note": "do not!"}),
    (pay, "approve", {"remember": "run"}),
    (pay, "approve", {"value-0": "99"}),
    (pay, "approve", {"zz": "99"}),
    (pay, "reject", {"note": "no", "remember": "run"}),
    (pay, "approve_later", {"remember": "run", "note": "no"}),
    (paint, "answer", {"value-0": "red", "note": "no"}),
    (paint, "answer", {"value-0": "red", "value-7": "blue"}),
    (ship, "result", {"result": "sent", "value-0": "x"}),
]


@pytest.mark.parametrize(("asked", "action", "fields"), CASES)
def test_nothing_is_done(asked: Any, action: str, fields: dict[str, str]) -> None:
    with InMemoryDatabase() as db:
        reply = wants("paint") if asked is paint else wants(asked.__name__, euros=1)
        agent = Agent(ScriptedModel([reply, "finished"]), db=db, tools=[asked])
        requirement = agent.do("Work.", return_output=True).active_requirements[0]
        visitor = Visitor(db, str(requirement.run_id), "ann")
        refused = visitor.send(action, **fields)
        assert refused.status == 400
        assert "Nothing was done: the form says" in words(refused)
        assert db.requirement(requirement.id).decision is None
