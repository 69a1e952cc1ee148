"""Requirements that several people must agree to, and such as nobody can decide any more."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, Task, tool
from haltpoint.inbox import create_app
from support.asgi import Told, asked
from support.replies import wants


@tool(requires_confirmation=True, approvals=2, expires_after=3600)
def launch(pad: int) -> str:
    """Launch from a pad."""
    return f"launched from {pad}"


@tool(requires_confirmation=True, expires_after=0.000001)
def hurry(pad: int) -> str:
    """Launch at once."""
    return f"launched from {pad}"


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _started(db: InMemoryDatabase, name: str) -> str:
    agent = Agent(ScriptedModel([wants(name, pad=3), "finished"]), db=db, tools=[launch, hurry])
    output = agent.do(Task("Launch."), return_output=True)
    requirement_id: str = output.requirements[0].id
    return requirement_id


def _decided(db: InMemoryDatabase, requirement_id: str, by: str) -> Told:
    app = create_app(db, authenticate=lambda request: by)
    headers = {"Content-Type": "application/json"}
    return asked(app, "POST", f"/api/requirements/{requirement_id}/decision", headers, b'{"type": "confirm"}')


def test_several_people_approve_one_after_the_other(db: InMemoryDatabase) -> None:
    requirement_id = _started(db, "launch")
    first = _decided(db, requirement_id, "bob").json
    assert (first["decision"], first["approvals_needed"]) == (None, 2)
    assert [approval["by"] for approval in first["approvals"]] == ["bob"]
    second = _decided(db, requirement_id, "ann").json
    assert second["decision"] == {"type": "confirm"}
    assert [approval["by"] for approval in second["approvals"]] == ["bob", "ann"]


def test_the_page_says_how_many_must_approve_who_did_and_until_when(db: InMemoryDatabase) -> None:
    requirement_id = _started(db, "launch")
    _decided(db, requirement_id, "bob")
    app = create_app(db, authenticate=lambda request: "ann")
    (waiting,) = db.requirements()
    page = asked(app, "GET", f"/runs/{waiting.run_id}?decided={requirement_id}").text
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page))
    assert "2 different people must approve. bob approved" in text
    assert "launch: 1 of 2 approvals are on disk." in text
    assert "after that nobody can decide any more" in text
    assert "launch: waits for a decision by bob" in text


def test_what_expired_waits_for_nobody_and_can_not_be_decided(db: InMemoryDatabase) -> None:
    requirement_id = _started(db, "hurry")
    app = create_app(db, authenticate=lambda request: "ann")
    assert asked(app, "GET", "/api/requirements").json == {"items": [], "damaged": [], "total": 0, "next": None}
    refused = _decided(db, requirement_id, "ann")
    assert (refused.status, refused.json["error"]) == (409, "RequirementExpiredError")
    record = asked(app, "GET", f"/api/requirements/{requirement_id}").json
    assert record["decision"] is None and record["expired_at"] is not None
    page = asked(app, "GET", f"/runs/{record['run_id']}").text
    assert "nobody decided in time" in page and ">Approve<" not in page
