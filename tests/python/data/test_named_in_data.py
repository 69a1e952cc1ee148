"""A decision names its run and its tool: data that names others, or says of itself that it names none, is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, tool
from support.replies import wants

ran: list[Any] = []


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    ran.append(euros)
    return "paid"


@tool(requires_user_input=True, user_input_fields=["to"])
def ask(to: str) -> str:
    """Ask."""
    ran.append(to)
    return "asked"


@tool(external_execution=True)
def look(near: str) -> str:
    """Look."""
    return "not here"


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


CALLS: dict[str, Any] = {"pay": {"euros": 5}, "ask": {}, "look": {"near": "x"}}


def decided(name: str) -> tuple[Agent, RunRequirement, Any]:
    agent = Agent(ScriptedModel([wants(name, **CALLS[name]), "END"]), db=InMemoryDatabase(), tools=[pay, ask, look])
    requirement = agent.do("Work.", return_output=True).requirements[0]
    data = json.loads(json.dumps(requirement.to_dict()))
    execution = data["tool_execution"]
    if name == "pay":
        execution["confirmed"] = True
    elif name == "ask":
        execution["answered"] = True
        data["user_input_schema"][0]["value"] = "ann"
    else:
        execution["result"] = "seen"
    return agent, requirement, data


OTHERS = [("tool_module", "os"), ("tool_module", ""), ("tool_module", None), ("run_id", None), ("run_id", "01a2-other")]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("name", "said"), [*OTHERS, ("run_id", "")], ids=repr)
def test_data_that_names_another_run_or_module_is_refused(call: str, name: str, said: Any) -> None:
    agent, requirement, data = decided(call)
    with pytest.raises(InvalidResolutionError, match=r"module|names no run|is of run") as caught:
        agent.continue_run(run_id=requirement.run_id, requirements=[{**data, name: said}])
    assert caught.value.run_id == requirement.run_id
    assert ran == []
    assert agent.continue_run(run_id=requirement.run_id, requirements=[data]) == "END"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("left_out", [["tool_module"], ["run_id"], ["tool_module", "run_id", "digest"]], ids=repr)
def test_data_that_leaves_it_out_is_told_by_what_it_has(call: str, left_out: list[str]) -> None:
    agent, requirement, data = decided(call)
    said = {name: value for name, value in data.items() if name not in left_out}
    assert agent.continue_run(run_id=requirement.run_id, requirements=[said]) == "END"


@pytest.mark.parametrize(("name", "said"), [("tool_module", "os"), ("run_id", None), ("run_id", "other")], ids=repr)
def test_so_is_an_object_that_was_edited(name: str, said: Any) -> None:
    agent, requirement, _ = decided("pay")
    run_id = requirement.run_id
    requirement.confirm()
    setattr(requirement, name, said)
    with pytest.raises(InvalidResolutionError):
        agent.continue_run(run_id=run_id, requirements=[requirement])
    assert ran == []
