"""Which fields data says are open, and which answered with None: lists of names of the form's fields, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, tool
from support.replies import wants

got: list[Any] = []


@tool(requires_user_input=True, user_input_fields=["limit"])
def cap(account: str, limit: int | None = 5) -> str:
    """Cap."""
    got.append((account, limit))
    return "capped"


@tool(requires_user_input=True, user_input_fields=["to"])
def ask(to: str, cc: str | None = "boss") -> str:
    """Ask."""
    got.append((to, cc))
    return "asked"


@tool(requires_confirmation=True)
def act(x: int) -> str:
    """Act."""
    got.append(x)
    return "acted"


@pytest.fixture(autouse=True)
def nothing_got() -> None:
    got.clear()


def paused(name: str = "cap", **said: Any) -> tuple[Agent, RunRequirement]:
    arguments = said or {"account": "x"}
    agent = Agent(ScriptedModel([wants(name, **arguments), "END"]), db=InMemoryDatabase(), tools=[cap, ask, act])
    return agent, agent.do("Work.", return_output=True).requirements[0]


def answered(requirement: RunRequirement, **values: Any) -> Any:
    data = json.loads(json.dumps(requirement.to_dict()))
    data["tool_execution"]["answered"] = True
    for field in data["user_input_schema"]:
        field["value"] = values.get(field["name"], field["value"])
    return data


NO_LISTS: list[Any] = [
    "limit",
    "",
    5,
    0,
    True,
    {"limit": True},
    {"limit": False},
    {},
    ["limit", 5],
    [["limit"]],
    [None],
]


@pytest.mark.parametrize("said", NO_LISTS, ids=repr)
@pytest.mark.parametrize("name", ["emptied_fields", "open_fields"])
def test_what_is_no_list_of_names_is_refused_in_words(name: str, said: Any) -> None:
    agent, requirement = paused()
    data = {**answered(requirement), name: said}
    with pytest.raises(InvalidResolutionError, match=f"{name} must be a list of field names, got ") as caught:
        agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert caught.value.field_name == name
    assert (caught.value.run_id, got) == (requirement.run_id, [])
    assert agent.continue_run(run_id=requirement.run_id, requirements=[answered(requirement)])


@pytest.mark.parametrize("said", [["Limit"], ["limit "], ["limit", "nosuch"], [""]], ids=repr)
@pytest.mark.parametrize("name", ["emptied_fields", "open_fields"])
def test_a_name_that_the_form_does_not_have_is_refused(name: str, said: Any) -> None:
    agent, requirement = paused()
    with pytest.raises(InvalidResolutionError, match=f"in {name}, but its form has the fields: account, limit"):
        agent.continue_run(run_id=requirement.run_id, requirements=[{**answered(requirement), name: said}])
    assert got == []


@pytest.mark.parametrize(
    ("said", "value"), [(["limit"], 7), (["limit"], 0), (["account"], None), (["limit", "account"], None)], ids=repr
)
def test_a_field_with_a_value_was_not_answered_with_none(said: list[str], value: Any) -> None:
    agent, requirement = paused()
    data = {**answered(requirement, limit=value), "emptied_fields": said}
    with pytest.raises(InvalidResolutionError, match="in emptied_fields, and gives it a value") as caught:
        agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert caught.value.field_name in said
    assert got == []


@pytest.mark.parametrize("said", [[], ["account"], ["account", "limit"]], ids=repr)
def test_other_open_fields_than_the_run_has_are_refused(said: list[str]) -> None:
    agent, requirement = paused()
    data = {**answered(requirement), "emptied_fields": ["limit"], "open_fields": said}
    with pytest.raises(InvalidResolutionError, match="not the fields that a person is asked to fill: limit") as caught:
        agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert caught.value.field_name == "open_fields"
    assert got == []


@pytest.mark.parametrize("said", [["limit"], ("limit",), ["limit", "limit"]], ids=repr)
def test_none_in_the_place_of_a_default_is_heard(said: Any) -> None:
    agent, requirement = paused()
    agent.continue_run(run_id=requirement.run_id, requirements=[{**answered(requirement), "emptied_fields": said}])
    assert got == [("x", None)]


@pytest.mark.parametrize("said", [None, []], ids=repr)
def test_without_it_an_empty_field_takes_its_default(said: Any) -> None:
    agent, requirement = paused()
    agent.continue_run(run_id=requirement.run_id, requirements=[{**answered(requirement), "emptied_fields": said}])
    assert got == [("x", 5)]


def test_data_without_open_fields_empties_what_the_model_filled_in() -> None:
    agent, requirement = paused("ask", cc="all")
    data = answered(requirement, to="ann")
    data["user_input_schema"][1]["value"] = None
    del data["open_fields"], data["emptied_fields"]
    agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == [("ann", None)]


def test_a_value_that_is_assigned_after_none_takes_it_back() -> None:
    agent, requirement = paused()
    requirement.answer({"limit": None})
    assert requirement.emptied_fields == ("limit",)
    (requirement.user_input_schema or [])[1]["value"] = 7
    data = json.loads(json.dumps(requirement.to_dict()))
    assert (requirement.emptied_fields, data["emptied_fields"]) == ((), [])
    agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == [("x", 7)]


@pytest.mark.parametrize("name", ["emptied_fields", "open_fields"])
def test_what_is_no_list_is_refused_of_a_confirmation_too(name: str) -> None:
    agent, requirement = paused("act", x=1)
    requirement.confirm()
    with pytest.raises(InvalidResolutionError, match=f"{name} must be a list of field names"):
        agent.continue_run(run_id=requirement.run_id, requirements=[{**requirement.to_dict(), name: "x"}])
    assert got == []


OTHER_TYPES: dict[str, Any] = {
    "approvals": 5,
    "approvals_needed": "2",
    "created_at": 5,
    "expires_at": ["soon"],
    "revoked": True,
    "always_ask": "no",
    "tool_execution": "act",
    "user_input_schema": [{"value": 5}],
    "digest": 5,
    "decision": [],
}


@pytest.mark.parametrize("name", OTHER_TYPES)
def test_members_of_other_types_are_refused_in_words(name: str) -> None:
    agent, requirement = paused("act", x=1)
    requirement.confirm()
    data = {**requirement.to_dict(), name: OTHER_TYPES[name]}
    with pytest.raises(InvalidResolutionError, match=f"can't be read: {name} must be ") as caught:
        agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert "Error" not in str(caught.value)
    assert caught.value.field_name == name
    with pytest.raises(InvalidResolutionError, match=f"can't be read: {name} must be "):
        RunRequirement.from_dict(data)
    assert got == []


@pytest.mark.parametrize("name", ["tool_args", "original_tool_args", "defaulted", "sensitive", "user_input_schema"])
def test_so_are_those_of_its_call(name: str) -> None:
    agent, requirement = paused("act", x=1)
    requirement.confirm()
    data = requirement.to_dict()
    data["tool_execution"][name] = "x"
    with pytest.raises(InvalidResolutionError, match=f"can't be read: {name} must be "):
        agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert got == []
