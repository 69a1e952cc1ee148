"""Forms that come back as data: each field once, null where somebody emptied it, and about something that was asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, tool
from support.replies import wants

got: list[Any] = []


@tool(requires_user_input=True, user_input_fields=["to"])
def ask(to: str, subject: str, cc: str | None = None) -> str:
    """Ask."""
    got.append((to, subject, cc))
    return "sent"


@tool(requires_confirmation=True)
def act(x: int) -> str:
    """Act."""
    got.append(x)
    return "acted"


@pytest.fixture(autouse=True)
def nothing_got() -> None:
    got.clear()


def paused(db: InMemoryDatabase, name: str, **said: Any) -> tuple[Agent, RunRequirement]:
    agent = Agent(ScriptedModel([wants(name, **said), "END"]), db=db, tools=[ask, act])
    return agent, agent.do("Work.", return_output=True).requirements[0]


def as_data(requirement: RunRequirement) -> Any:
    return json.loads(json.dumps(requirement.to_dict()))


def field(form: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in form if item["name"] == name)


@pytest.mark.parametrize("place", ["at the top", "in the call"])
def test_two_fields_of_one_name_are_refused(place: str) -> None:
    agent, requirement = paused(InMemoryDatabase(), "ask", subject="hi")
    data = as_data(requirement)
    form = data["user_input_schema"] if place == "at the top" else data["tool_execution"]["user_input_schema"]
    field(data["user_input_schema"], "to")["value"] = "ann"
    form.append({**field(form, "to"), "value": "evil"})
    data["tool_execution"]["answered"] = True
    with pytest.raises(InvalidResolutionError, match="two fields of one name"):
        agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == []


def test_null_empties_what_the_model_filled_in() -> None:
    agent, requirement = paused(InMemoryDatabase(), "ask", subject="hi", cc="boss")
    data = as_data(requirement)
    field(data["user_input_schema"], "to")["value"] = "ann"
    field(data["user_input_schema"], "cc")["value"] = None
    data["tool_execution"]["answered"] = True
    agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == [("ann", "hi", None)]


def test_a_field_without_a_value_keeps_what_the_model_filled_in() -> None:
    agent, requirement = paused(InMemoryDatabase(), "ask", subject="hi", cc="boss")
    data = as_data(requirement)
    field(data["user_input_schema"], "to")["value"] = "ann"
    del field(data["user_input_schema"], "cc")["value"]
    data["tool_execution"]["answered"] = True
    agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == [("ann", "hi", "boss")]


def test_null_for_a_field_that_takes_none_is_refused() -> None:
    agent, requirement = paused(InMemoryDatabase(), "ask", subject="hi")
    data = as_data(requirement)
    field(data["user_input_schema"], "to")["value"] = "ann"
    field(data["user_input_schema"], "subject")["value"] = None
    data["tool_execution"]["answered"] = True
    with pytest.raises(InvalidResolutionError, match="subject"):
        agent.continue_run(run_id=requirement.run_id, requirements=[data])


def test_what_is_only_filled_in_within_the_call_counts() -> None:
    agent, requirement = paused(InMemoryDatabase(), "ask", subject="hi", cc="boss")
    data = as_data(requirement)
    field(data["tool_execution"]["user_input_schema"], "to")["value"] = "ann"
    data["tool_execution"]["answered"] = True
    agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == [("ann", "hi", "boss")]


@pytest.mark.parametrize("is_left_out", [False, True])
def test_a_decision_that_names_nothing_is_refused(is_left_out: bool) -> None:
    db = InMemoryDatabase()
    _, first = paused(db, "act", x=1)
    agent, second = paused(db, "act", x=1)
    first.confirm()
    data = as_data(first)
    for name in ("id", "run_id", "digest"):
        data[name] = None
        if is_left_out:
            del data[name]
    with pytest.raises(InvalidResolutionError, match=r"a decision says what it is about|names no run"):
        agent.continue_run(run_id=second.run_id, requirements=[data])
    assert got == []


@pytest.mark.parametrize("name", ["id", "digest"])
def test_one_name_of_it_is_enough(name: str) -> None:
    agent, requirement = paused(InMemoryDatabase(), "act", x=1)
    requirement.confirm()
    data = {**as_data(requirement), "id": None, "digest": None, name: requirement.to_dict()[name]}
    del data["run_id"]
    agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == [1]
