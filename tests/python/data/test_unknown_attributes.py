"""A word that is said in an attribute which nobody reads is refused where it is said."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, RunNotCompletedWarning, RunRequirement, ScriptedModel, tool
from support.replies import wants


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


def agent() -> Agent:
    return Agent(ScriptedModel([wants("pay", euros=5), "END"]), db=InMemoryDatabase(), tools=[pay])


def requirement() -> RunRequirement:
    return agent().do("Work.", return_output=True).active_requirements[0]


COPIES: list[Any] = [
    lambda given: given,
    copy.copy,
    copy.deepcopy,
    lambda given: pickle.loads(pickle.dumps(given)),
    lambda given: type(given).from_dict(given.to_dict()),
]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("name", ["confirmed", "approve", "approved", "confirm", "reject", "note", "result"])
def test_on_a_requirement(name: str, copied: Any) -> None:
    asked = copied(requirement())
    with pytest.raises(AttributeError, match=rf"'{name}' of a RunRequirement can't be set.*call confirm\(\)"):
        setattr(asked, name, True)
    assert not asked.is_resolved


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("name", ["confirmd", "approved", "confirmation", "note", "result_text"])
def test_on_a_call(name: str, copied: Any) -> None:
    execution = copied(requirement().tool_execution)
    with pytest.raises(AttributeError, match=rf"no attribute '{name}'.*said in confirmed"):
        setattr(execution, name, True)
    execution.confirmed = True
    assert execution.confirmed


def test_the_documented_ones_are_heard() -> None:
    asked = requirement()
    asked.confirmation_note = "too much"
    asked.confirmation = False
    asked.draft_by = "ann"
    asked.expected_digest = asked.digest
    assert asked.draft_decision() == {"type": "reject", "note": "too much"}


@pytest.mark.parametrize("returned", [True, False])
def test_a_handler_that_returns_its_word_is_told_so(returned: bool) -> None:
    with pytest.warns(RunNotCompletedWarning, match=f"hitl_handler returned {returned}, which decides nothing"):
        assert agent().do("Work.", hitl_handler=lambda _: returned, return_output=True).is_paused


def test_one_that_decides_may_return_what_it_likes() -> None:
    assert agent().do("Work.", hitl_handler=lambda asked: asked.confirm() or True) == "END"


@pytest.mark.parametrize("option", ["hitl_handler", "external_tool_executor"])
@pytest.mark.parametrize("handler", ["ask", 5, True, {}])
def test_what_cannot_be_called_is_refused_before_anything_runs(option: str, handler: Any) -> None:
    caller = agent()
    with pytest.raises(TypeError, match=f"{option} must be a function of a requirement, or None"):
        caller.do("Work.", **{option: handler})
    assert caller.run_id is None
    output = caller.do("Work.", return_output=True)
    with pytest.raises(TypeError, match=option):
        caller.continue_run(run_id=output.run_id, **{option: handler})
