"""A decision that comes as data: nothing in it that may be a person's word is left aside without a word."""

from __future__ import annotations

from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, tool
from support.replies import results_in, wants

ran: list[Any] = []


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    ran.append(euros)
    return "paid"


def paused(db: InMemoryDatabase, **call: Any) -> tuple[Agent, RunRequirement]:
    ran.clear()
    ((name, arguments),) = call.items()
    agent = Agent(ScriptedModel([wants(name, **arguments), "END"]), db=db, tools=[pay])
    return agent, agent.do("Work.", return_output=True).requirements[0]


WORDS: dict[str, tuple[dict[str, Any], str]] = {
    "an empty digest": ({"expected_digest": ""}, "expected_digest"),
    "no digest": ({"expected_digest": 0}, "expected_digest"),
    "a false digest": ({"expected_digest": False}, "expected_digest"),
    "a list for a digest": ({"expected_digest": []}, "expected_digest"),
    "an id that is no text": ({"id": 0}, "id"),
    "a list for an id": ({"id": []}, "id"),
    "a no under another name": ({"approve": False}, "approve"),
    "a no at another place": ({"confirmed": False}, "confirmed"),
    "arguments at another place": ({"tool_args": {"euros": 1}}, "tool_args"),
    "a word on a call in doubt": ({"recovery_draft": {"type": "skip"}}, "recovery_draft"),
}


@pytest.mark.parametrize("name", WORDS)
def test_it_is_refused(name: str) -> None:
    said, field_name = WORDS[name]
    db = InMemoryDatabase()
    agent, requirement = paused(db, pay={"euros": 5})
    data = {**requirement.to_dict(), "confirmation": True, **said}
    with pytest.raises(InvalidResolutionError, match=field_name) as caught:
        agent.continue_run(run_id=str(requirement.run_id), requirements=[data])
    assert caught.value.field_name == field_name
    assert ran == []
    assert db.run(str(requirement.run_id)).is_paused


def test_within_the_call_too() -> None:
    db = InMemoryDatabase()
    agent, requirement = paused(db, pay={"euros": 5})
    data = {**requirement.to_dict(), "confirmation": True}
    data["tool_execution"]["approve"] = False
    with pytest.raises(InvalidResolutionError, match="'approve', which is no place for a decision"):
        agent.continue_run(run_id=str(requirement.run_id), requirements=[data])


@pytest.mark.parametrize("said", [{}, {"label": "Payment", "seen_at": 5}, {"expected_digest": None}, {"id": None}])
def test_what_says_nothing_is_left_aside(said: dict[str, Any]) -> None:
    agent, requirement = paused(InMemoryDatabase(), pay={"euros": 5})
    data = {**requirement.to_dict(), "confirmation": True, **said}
    agent.continue_run(run_id=str(requirement.run_id), requirements=[data])
    assert ran == [5]


@tool(requires_user_input=True, user_input_fields=["note"])
def book(room: str, note: str = "none") -> str:
    """Book."""
    ran.append(note)
    return f"booked {room}, {note}"


def booking() -> tuple[Agent, dict[str, Any]]:
    ran.clear()
    model = ScriptedModel([wants("book", room="1"), lambda request: str(results_in(request)[-1])])
    agent = Agent(model, db=InMemoryDatabase(), tools=[book])
    return agent, agent.do("Work.", return_output=True).requirements[0].to_dict()


@pytest.mark.parametrize("place", ["at the top", "in the call", "in both"])
@pytest.mark.parametrize("is_more", [False, True], ids=["renamed", "beside the others"])
def test_a_field_that_the_form_does_not_have_is_refused(place: str, is_more: bool) -> None:
    agent, data = booking()
    data["tool_execution"]["answered"] = True
    forms = {
        "at the top": [data["user_input_schema"]],
        "in the call": [data["tool_execution"]["user_input_schema"]],
        "in both": [data["user_input_schema"], data["tool_execution"]["user_input_schema"]],
    }
    for form in forms[place]:
        if is_more:
            form.append({**form[1]})
        form[-1].update(name="notes", value="call first")
    with pytest.raises(InvalidResolutionError, match="notes") as caught:
        agent.continue_run(run_id=data["run_id"], requirements=[data])
    assert caught.value.field_name in ("note", "notes")
    assert ran == []


def test_a_field_at_either_place_is_heard() -> None:
    for place in ("user_input_schema", "tool_execution"):
        agent, data = booking()
        form = data[place] if place == "user_input_schema" else data[place]["user_input_schema"]
        form[1]["value"] = "call first"
        assert agent.continue_run(run_id=data["run_id"], requirements=[data]) == "booked 1, call first"
