"""A note in which nothing is to be read is none: the model is not told of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, tool
from support.replies import results_in, wants


@tool(requires_confirmation=True)
def act(x: int) -> str:
    """Act."""
    return "acted"


REJECTED = "The user rejected this call; it was not run."
BLANK = ["", " ", "\n\t", "\u200b", " \u2060 "]
WAYS = ["reject", "assignment", "data"]


def paused() -> tuple[Agent, ScriptedModel, RunRequirement]:
    model = ScriptedModel([wants("act", x=1), "END"])
    agent = Agent(model, db=InMemoryDatabase(), tools=[act])
    return agent, model, agent.do("Work.", return_output=True).requirements[0]


def reject(way: str, requirement: RunRequirement, note: str) -> Any:
    if way == "reject":
        requirement.reject(note)
    elif way == "assignment":
        requirement.confirmation, requirement.confirmation_note = False, note
    else:
        data = json.loads(json.dumps(requirement.to_dict()))
        return {**data, "confirmation": False, "confirmation_note": note}
    return requirement


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("note", BLANK, ids=ascii)
def test_a_blank_note_is_none(way: str, note: str) -> None:
    agent, model, requirement = paused()
    said = reject(way, requirement, note)
    output = agent.continue_run(run_id=requirement.run_id, requirements=[said], return_output=True)
    assert results_in(model.requests[-1]) == [REJECTED]
    assert output.requirements[0].decision == {"type": "reject", "note": None}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("note", ["no", " as it is ", "0"])
def test_another_is_told_as_it_was_given(way: str, note: str) -> None:
    agent, model, requirement = paused()
    agent.continue_run(run_id=requirement.run_id, requirements=[reject(way, requirement, note)])
    assert results_in(model.requests[-1]) == [f"{REJECTED} Their note: {note}"]


@pytest.mark.parametrize("note", [None, *BLANK], ids=ascii)
def test_blank_notes_are_alike_where_one_is_on_disk(note: str | None) -> None:
    _, _, requirement = paused()
    requirement.reject("")
    requirement.commit()
    requirement.reject(note)
