"""A decision says what was shown: on the page always, through the JSON API where a program says it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, Task, tool
from haltpoint.inbox import create_app
from support.asgi import Told, asked
from support.command import DELIVER, ENGRAVE, PAINT
from support.replies import wants
from support.workshop import TOOLS

FORGED = "0" * 64

# A reply of the model, the button of the page, what is typed, and the decision as JSON.
KINDS: dict[str, tuple[Any, str, dict[str, str], dict[str, Any]]] = {
    "approve": (PAINT, "approve", {}, {"type": "confirm"}),
    "approve later calls": (PAINT, "approve_later", {"remember": "run"}, {"type": "confirm", "remember": "run"}),
    "reject": (PAINT, "reject", {"note": "no"}, {"type": "reject", "note": "no"}),
    "answer": (
        ENGRAVE,
        "answer",
        {"value-1": "Ann", "value-2": "2"},
        {"type": "answer", "values": {"name": "Ann", "copies": 2}},
    ),
    "result": (DELIVER, "result", {"result": "done"}, {"type": "result", "result": "done"}),
}


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _started(db: InMemoryDatabase, reply: Any) -> RunRequirement:
    agent = Agent(ScriptedModel([reply, "finished"]), db=db, tools=TOOLS)
    requirement: RunRequirement = agent.do(Task("Work."), return_output=True).requirements[0]
    return requirement


def _decide(db: InMemoryDatabase, requirement: RunRequirement, decision: Any) -> Told:
    app = create_app(db, authenticate=lambda request: "ann")
    headers = {"Content-Type": "application/json"}
    body = decision if isinstance(decision, bytes) else json.dumps(decision).encode()
    return asked(app, "POST", f"/api/requirements/{requirement.id}/decision", headers, body)


def _is_open(db: InMemoryDatabase, requirement: RunRequirement) -> bool:
    stored = db.requirement(requirement.id)
    return stored.decision is None and stored.approvals == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_without_the_digest_or_with_another_one_decides_nothing(db: InMemoryDatabase, kind: str) -> None:
    reply, action, typed, _ = KINDS[kind]
    requirement = _started(db, reply)
    visitor = Visitor(db, requirement.run_id or "", "ann")
    assert f'name="digest" value="{requirement.digest}"' in visitor.page.text
    assert visitor.send(action, **typed, without="digest").status == 400
    assert visitor.send(action, **typed, digest="").status == 400
    forged = visitor.send(action, **typed, digest=FORGED)
    assert forged.status == 409 and "is not what was shown any more" in words(forged)
    assert all(text in forged.text for text in typed.values())
    assert _is_open(db, requirement)
    # The page that came with the refusal shows what is so now.
    assert visitor.send(action, page=forged, **typed).status == 303
    assert not _is_open(db, requirement)


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_says_what_it_was_shown_decides_on_nothing_else(db: InMemoryDatabase, kind: str) -> None:
    reply, _, _, decision = KINDS[kind]
    requirement = _started(db, reply)
    refused = _decide(db, requirement, {**decision, "expected_digest": FORGED})
    assert (refused.status, refused.json["error"]) == (409, "InvalidResolutionError")
    for not_text in (None, 1, True, [requirement.digest], {}):
        assert _decide(db, requirement, {**decision, "expected_digest": not_text}).status == 422
    assert _is_open(db, requirement)
    assert _decide(db, requirement, {**decision, "expected_digest": requirement.digest}).status == 200


def test_of_another_run_the_digest_is_another_one(db: InMemoryDatabase) -> None:
    first, second = _started(db, PAINT), _started(db, PAINT)
    decision = {"type": "confirm", "expected_digest": second.digest}
    assert _decide(db, first, decision).status == 409
    assert _is_open(db, first) and _is_open(db, second)


def test_the_answer_says_what_runs(db: InMemoryDatabase) -> None:
    painting, engraving = _started(db, PAINT), _started(db, ENGRAVE)
    changed = _decide(db, painting, {"type": "confirm", "tool_args": {"color": "blue"}}).json["tool_execution"]
    assert (changed["tool_args"], changed["original_tool_args"]) == ({"color": "blue"}, {"color": "red"})
    assert (changed["changed_by_person"], changed["defaulted"]) == (True, [])
    answered = _decide(db, engraving, {"type": "answer", "values": {"name": "Ann", "copies": "2"}}).json
    assert answered["tool_execution"]["tool_args"] == {"font": "serif", "name": "Ann", "copies": 2}
    assert answered == db.requirement(engraving.id).to_dict()


@tool(requires_confirmation=True, approvals=2)
def launch(pad: int, unit: str = "m") -> str:
    """Launch."""
    return f"{pad} {unit}"


def test_one_of_two_agrees_through_the_api_to_what_the_first_approved(db: InMemoryDatabase) -> None:
    agent = Agent(ScriptedModel([wants("launch", pad=1), "finished"]), db=db, tools=[launch])
    requirement: RunRequirement = agent.do(Task("Launch."), return_output=True).requirements[0]
    requirement.confirm(tool_args={"pad": 2}, by="bob")
    requirement.commit()
    stale = {"type": "confirm", "expected_digest": requirement.to_dict()["digest"]}
    assert _decide(db, requirement, {**stale, "expected_digest": FORGED}).status == 409
    listed = db.requirement(requirement.id)
    (approval,) = listed.approvals
    agreed = {"type": "confirm", "tool_args": approval["tool_args"], "expected_digest": listed.digest}
    assert _decide(db, requirement, agreed).json["tool_execution"]["tool_args"] == {"pad": 2, "unit": "m"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "reject", "type": "confirm"}',
        b'{"type": "confirm", "tool_args": {"color": "red", "color": "blue"}}',
        b'{"type": "confirm", "type": "confirm"}',
    ],
)
def test_a_body_that_says_two_things_is_refused(db: InMemoryDatabase, body: bytes) -> None:
    requirement = _started(db, PAINT)
    refused = _decide(db, requirement, body)
    assert (refused.status, "twice" in refused.json["message"]) == (400, True)
    assert _is_open(db, requirement)


@pytest.mark.parametrize(
    "decision",
    [
        True,
        1,
        "confirm",
        "true",
        [{"type": "confirm"}],
        {"type": True},
        {"type": "CONFIRM"},
        {"type": "confirmed"},
        {"confirmed": True},
        {"confirmation": "false"},
        {"type": "confirm", "confirmed": "false"},
        {"type": "confirm", "confirmation": False},
        {"type": "confirm", "answered": True},
        {"type": "confirm", "remember": False},
        {"type": "confirm", "remember": ["run"]},
        {"type": "confirm", "remember": "run", "remember_args": 1},
        {"type": "confirm", "remember": "run", "remember_args": "true"},
        {"type": "confirm", "tool_args": "red"},
        {"type": "confirm", "tool_args": False},
        {"type": "reject", "note": False},
        {"type": "reject", "note": ["no"]},
    ],
)
def test_only_a_decision_is_a_yes_or_a_no(db: InMemoryDatabase, decision: Any) -> None:
    requirement = _started(db, PAINT)
    assert _decide(db, requirement, decision).status == 422
    assert _is_open(db, requirement)


@pytest.mark.parametrize("values", [None, [], "name=Ann", True, {"name": "Ann", "copies": []}, {"answered": True}])
def test_only_values_are_an_answer(db: InMemoryDatabase, values: Any) -> None:
    requirement = _started(db, ENGRAVE)
    assert _decide(db, requirement, {"type": "answer", "values": values}).status == 422
    assert _is_open(db, requirement)


@pytest.mark.parametrize("action", ["", "confirm", "true", "approve "])
def test_only_a_button_is_an_action_of_a_form(db: InMemoryDatabase, action: str) -> None:
    requirement = _started(db, PAINT)
    visitor = Visitor(db, requirement.run_id or "", "ann")
    assert visitor.send("approve", action=action).status == 422
    assert _is_open(db, requirement)
