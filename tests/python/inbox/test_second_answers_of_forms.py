"""A form that was open while somebody else answered: the same answer is harmless, another one a conflict."""

from __future__ import annotations

import pytest
from visiting import Visitor

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, tool
from support.replies import wants


@tool(requires_user_input=True, user_input_fields=["lim", "b"])
def f(x: int, b: str, lim: int | None = 50) -> str:
    """Cap."""
    return f"{x} {b} {lim}"


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"value-1": "q", "value-2": "3"}, 303),
        ({"value-0": "1", "value-1": "q", "value-2": "3"}, 303),
        ({"value-1": "q", "value-2": ""}, 409),
        ({"value-1": "q", "value-2": "null"}, 409),
        ({"value-1": "", "value-2": "3"}, 409),
        ({"value-0": "2", "value-1": "q", "value-2": "3"}, 409),
    ],
)
def test_it_is_held_against_the_answer_on_disk(typed: dict[str, str], status: int) -> None:
    with InMemoryDatabase() as db:
        agent = Agent(ScriptedModel([wants("f", x=1), "finished"]), db=db, tools=[f])
        requirement = agent.do("Work.", return_output=True).active_requirements[0]
        slow = Visitor(db, str(requirement.run_id), "bob")
        requirement.answer({"b": "q", "lim": 3}, by="ann")
        requirement.commit()
        assert slow.send("answer", **typed).status == status
