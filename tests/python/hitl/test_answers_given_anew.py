"""Somebody answers twice before anything is committed: the last answer counts, as the last yes or no does."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, tool
from support.replies import results_in, wants


@tool(requires_user_input=True, user_input_fields=["note", "floor"])
def book(room: str, note: str = "none", floor: int | None = None) -> str:
    """Book."""
    return f"{room} {note} {floor}"


def asked() -> tuple[Agent, RunRequirement]:
    model = ScriptedModel([wants("book", room="1"), lambda request: str(results_in(request)[-1])])
    agent = Agent(model, db=InMemoryDatabase(), tools=[book])
    return agent, agent.do("Work.", return_output=True).active_requirements[0]


def finish(agent: Agent, requirement: RunRequirement) -> str:
    return str(agent.continue_run(run_id=str(requirement.run_id), requirements=[requirement]))


@pytest.mark.parametrize(
    ("first", "second", "got"),
    [
        ({"note": "VIP", "room": "9"}, {}, "1 none None"),
        ({"note": "VIP", "room": "9"}, {"floor": 2}, "1 none 2"),
        ({"note": "VIP"}, {"note": "late"}, "1 late None"),
        ({"floor": 2}, {"floor": None}, "1 none None"),
        ({"note": None}, {"note": "late"}, "1 late None"),
    ],
)
@pytest.mark.parametrize("is_copied", [False, True])
def test_the_second_replaces_the_first(first: Any, second: Any, got: str, is_copied: bool) -> None:
    agent, requirement = asked()
    requirement.answer(first)
    if is_copied:
        requirement = copy.deepcopy(requirement)
    requirement.answer(second)
    assert finish(agent, requirement) == got


def test_one_that_is_refused_replaces_nothing() -> None:
    agent, requirement = asked()
    requirement.answer({"note": "VIP", "room": "9"})
    with pytest.raises(InvalidResolutionError):
        requirement.answer({"floor": "high"})
    assert finish(agent, requirement) == "9 VIP None"


def test_what_was_assigned_stays() -> None:
    agent, requirement = asked()
    form = requirement.user_input_schema or []
    form[1]["value"] = "VIP"
    requirement.answer({"room": "9"})
    form[2]["value"] = 3
    requirement.answer({})
    assert finish(agent, requirement) == "1 VIP 3"


@tool(requires_user_input=True, user_input_fields=["limit"])
def cap(limit: int | None = 7) -> str:
    """Cap."""
    return f"capped {limit}"


@pytest.mark.parametrize(
    ("given", "got"),
    [({}, "capped 7"), ({"limit": None}, "capped None"), ({"emptied_fields": ["limit"]}, "capped None")],
)
def test_none_in_the_place_of_another_default_is_said_by_its_name(given: Any, got: str) -> None:
    model = ScriptedModel([wants("cap"), lambda request: str(results_in(request)[-1])])
    agent = Agent(model, db=InMemoryDatabase(), tools=[cap])
    requirement = agent.do("Work.", return_output=True).active_requirements[0]
    if "emptied_fields" not in given:
        requirement.answer(given)
        assert finish(agent, requirement) == got
        return
    data = {**requirement.to_dict(), **given}
    data["tool_execution"]["answered"] = True
    assert agent.continue_run(run_id=data["run_id"], requirements=[data]) == got
