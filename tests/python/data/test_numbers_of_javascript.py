"""Data that went through JavaScript, which writes 50 for 50.0: equal numbers are the same, and True is not 1."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, tool
from support.replies import wants

got: list[Any] = []


@tool(requires_confirmation=True)
def pay(euros: float, rates: dict[str, float] | None = None, more: Any = None) -> str:
    """Pay."""
    got.append((euros, rates, more))
    return "paid"


@tool(requires_confirmation=True)
def owe(euros: Decimal) -> str:
    """Owe."""
    got.append(euros)
    return "owed"


@tool(external_execution=True)
def look(near: list[float]) -> str:
    """Look."""
    return "not here"


@tool(requires_user_input=True, user_input_fields=["to"])
def ask(to: str, euros: float, more: Any = None) -> str:
    """Ask."""
    got.append((to, euros, more))
    return "asked"


@pytest.fixture(autouse=True)
def nothing_got() -> None:
    got.clear()


def paused(name: str, **said: Any) -> tuple[Agent, RunRequirement]:
    agent = Agent(ScriptedModel([wants(name, **said), "END"]), db=InMemoryDatabase(), tools=[pay, owe, look, ask])
    return agent, agent.do("Work.", return_output=True).requirements[0]


def through_javascript(value: Any) -> Any:
    """What JSON.parse and JSON.stringify leave of JSON data."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, dict):
        return {name: through_javascript(member) for name, member in value.items()}
    return [through_javascript(item) for item in value] if isinstance(value, list) else value


def back(requirement: RunRequirement) -> Any:
    return through_javascript(json.loads(json.dumps(requirement.to_dict())))


@pytest.mark.parametrize(
    "said",
    [
        {"euros": 50.0},
        {"euros": 1e16},
        {"euros": -0.0},
        {"euros": 1e300},
        {"euros": 0.1, "rates": {"a": 1.0, "b": 2.5}},
        {"euros": 2.0, "more": [1.0, {"x": [3.0, True]}]},
    ],
    ids=repr,
)
def test_what_was_shown_is_confirmed(said: dict[str, Any]) -> None:
    agent, requirement = paused("pay", **said)
    data = back(requirement)
    data["tool_execution"]["confirmed"] = True
    agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert repr(got) == repr([(said["euros"], said.get("rates"), said.get("more"))])


def test_so_is_an_external_result() -> None:
    agent, requirement = paused("look", near=[1.0, 2.0])
    data = back(requirement)
    data["tool_execution"]["result"] = "seen"
    assert agent.continue_run(run_id=requirement.run_id, requirements=[data]) == "END"


@pytest.mark.parametrize("place", ["both", "top", "call"])
def test_so_is_an_answer_beside_what_the_model_filled_in(place: str) -> None:
    agent, requirement = paused("ask", euros=50.0, more=2.0)
    data = json.loads(json.dumps(requirement.to_dict()))
    whole = through_javascript(data)
    for form in (whole["user_input_schema"], whole["tool_execution"]["user_input_schema"]):
        form[0]["value"] = "ann"
    whole["tool_execution"]["answered"] = True
    if place == "top":
        whole["tool_execution"]["user_input_schema"] = data["tool_execution"]["user_input_schema"]
    if place == "call":
        whole["user_input_schema"] = data["user_input_schema"]
    output = agent.continue_run(run_id=requirement.run_id, requirements=[whole], return_output=True)
    assert repr(got) == "[('ann', 50.0, 2.0)]"
    assert output.requirements[0].decision == {"type": "input", "values": {"to": "ann"}, "shown": {"to": "ann"}}


def test_a_decided_requirement_comes_back_without_a_conflict() -> None:
    agent, requirement = paused("ask", euros=50.0, more=1.5)
    requirement.answer({"to": "ann", "more": 7.0, "euros": 60.0})
    requirement.commit()
    agent.continue_run(run_id=requirement.run_id, requirements=[back(requirement)])
    assert repr(got) == "[('ann', 60.0, 7.0)]"


OTHERS: list[tuple[Any, Any]] = [
    (1, True),
    (0.0, False),
    (1.5, 1),
    (2**53 + 1, 2**53),
    ("1.0", 1),
    ([1.0], [True]),
    ({"a": 0}, {"a": False}),
    (None, 0),
    ("1.10", "1.1"),
]


@pytest.mark.parametrize(("shown", "came_back"), OTHERS, ids=repr)
@pytest.mark.parametrize("place", ["tool_args", "original_tool_args"])
def test_other_values_are_not_what_was_shown(place: str, shown: Any, came_back: Any) -> None:
    agent, requirement = paused("pay", euros=1.0, more=shown)
    data = json.loads(json.dumps(requirement.to_dict()))
    data["tool_execution"]["confirmed"] = True
    data["tool_execution"][place]["more"] = came_back
    with pytest.raises(InvalidResolutionError, match="not those that were shown"):
        agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == []


def test_the_digits_of_a_decimal_count() -> None:
    agent, requirement = paused("owe", euros="1.10")
    data = back(requirement)
    data["tool_execution"]["confirmed"] = True
    data["tool_execution"]["tool_args"]["euros"] = "1.1"
    with pytest.raises(InvalidResolutionError, match="not those that were shown"):
        agent.continue_run(run_id=requirement.run_id, requirements=[data])


@pytest.mark.parametrize(("asked", "said"), [(1, True), (True, 1), (0, False), ([1], [True])], ids=repr)
def test_yes_in_the_place_of_one_is_heard(asked: Any, said: Any) -> None:
    for by_data in (False, True):
        got.clear()
        agent, requirement = paused("ask", euros=1.0, more=asked)
        if by_data:
            data = json.loads(json.dumps(requirement.to_dict()))
            data["user_input_schema"][0]["value"], data["user_input_schema"][2]["value"] = "ann", said
            data["tool_execution"]["answered"] = True
            agent.continue_run(run_id=requirement.run_id, requirements=[data])
        else:
            requirement.answer({"to": "ann", "more": said})
            agent.continue_run(run_id=requirement.run_id, requirements=[requirement])
        assert repr(got) == repr([("ann", 1.0, said)])


def test_two_places_that_say_one_and_yes_contradict_each_other() -> None:
    agent, requirement = paused("ask", euros=1.0)
    data = json.loads(json.dumps(requirement.to_dict()))
    data["user_input_schema"][0]["value"] = 1
    data["tool_execution"]["user_input_schema"][0]["value"] = True
    data["tool_execution"]["answered"] = True
    with pytest.raises(InvalidResolutionError, match="two values of 'to'"):
        agent.continue_run(run_id=requirement.run_id, requirements=[data])


@tool(requires_user_input=True, user_input_fields=["sure"])
def agree(sure: bool) -> str:
    """Agree."""
    got.append(sure)
    return "agreed"


def test_a_yes_that_is_given_after_a_refused_one_is_heard() -> None:
    agent = Agent(ScriptedModel([wants("agree"), "END"]), db=InMemoryDatabase(), tools=[agree])
    requirement = agent.do("Work.", return_output=True).requirements[0]
    field = (requirement.user_input_schema or [])[0]
    field["value"], requirement.tool_execution.answered = 1, True
    with pytest.raises(InvalidResolutionError, match="sure"):
        agent.continue_run(run_id=requirement.run_id, requirements=[requirement])
    assert not requirement.is_resolved
    field["value"] = True
    assert requirement.is_resolved
    agent.continue_run(run_id=requirement.run_id)
    assert got == [True]
