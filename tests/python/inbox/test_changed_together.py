"""A call that takes several people, approved with other arguments than the model's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import expect
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, SqliteDatabase, Task, tool
from haltpoint.run.approvals import approved_arguments
from support.command import CommandLine
from support.inbox import Inbox
from support.replies import wants


@tool(requires_confirmation=True, approvals=2)
def two(x: int, unit: str = "m") -> str:
    """Take two people."""
    return f"{x} {unit}"


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _started(db: InMemoryDatabase | SqliteDatabase) -> RunRequirement:
    agent = Agent(ScriptedModel([wants("two", x=1), "finished"]), db=db, tools=[two])
    requirement: RunRequirement = agent.do(Task("Go."), return_output=True).requirements[0]
    return requirement


def _run_of(requirement: RunRequirement) -> str:
    assert requirement.run_id is not None
    return requirement.run_id


def test_a_plain_approve_agrees_to_what_the_first_person_approved(db: InMemoryDatabase) -> None:
    run_id = _run_of(_started(db))
    assert Visitor(db, run_id, "ann").send("approve_changed", **{"argument-0": "2"}).status == 303
    bob = Visitor(db, run_id, "bob")
    assert "ann approved" in bob.words and "with x=2" in bob.words
    assert "With the arguments that ann changed and approved, it runs as: x 2" in bob.words
    assert bob.send("approve").status == 303
    (decided,) = db.requirements(open_only=False)
    assert decided.decision == {"type": "confirm", "tool_args": {"x": 2}}
    assert [approval["by"] for approval in decided.approvals] == ["ann", "bob"]
    assert bob.open().text.count("Changed to") == 2


def test_the_form_for_changes_begins_with_what_was_approved(db: InMemoryDatabase) -> None:
    requirement = _started(db)
    requirement.confirm(tool_args={"x": 2, "unit": "ft"}, by="ann")
    requirement.commit()
    bob = Visitor(db, _run_of(requirement), "bob")
    assert 'name="argument-0" type="text" value="2"' in bob.page.text
    assert 'name="argument-1" type="text" value="ft"' in bob.page.text
    # Nothing but what the form shows is approved, though it is sent as a change.
    assert bob.send("approve_changed", **{"argument-0": "2", "argument-1": "ft"}).status == 303
    (decided,) = db.requirements(open_only=False)
    assert decided.decision == {"type": "confirm", "tool_args": {"x": 2, "unit": "ft"}}


def test_a_page_from_before_the_change_approves_nothing_that_it_did_not_show(db: InMemoryDatabase) -> None:
    run_id = _run_of(_started(db))
    bob = Visitor(db, run_id, "bob")
    Visitor(db, run_id, "ann").send("approve_changed", **{"argument-0": "2"})
    refused = bob.send("approve")
    assert refused.status == 409 and "it runs as: x 2" in words(refused)
    (waiting,) = db.requirements()
    assert [approval["by"] for approval in waiting.approvals] == ["ann"]


@pytest.mark.parametrize("approved", ["{", "[1]", "NaN"])
def test_a_form_that_was_tampered_with_is_refused(db: InMemoryDatabase, approved: str) -> None:
    visitor = Visitor(db, _run_of(_started(db)), "bob")
    assert visitor.send("approve", approved=approved).status == 422
    assert db.requirements()[0].approvals == []


@pytest.mark.parametrize(
    ("approval", "expected"),
    [
        ({"decision": {"type": "confirm", "tool_args": {"x": 2}}}, {"x": 2}),
        ({"decision": {"type": "confirm", "tool_args": {"x": 2}}, "tool_args": {"x": 2}}, {"x": 2}),
        ({"decision": {"type": "confirm"}, "tool_args": {"x": 1}}, None),
        ({"decision": {"type": "confirm"}, "tool_args": None}, None),
        ({"decision": {"type": "confirm"}}, None),
    ],
)
def test_only_arguments_that_were_changed_count_as_such(
    db: InMemoryDatabase, approval: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    requirement = _started(db)
    requirement.approvals = [{"by": "ann", "at": "2026-01-01T00:00:00+00:00", **approval}]
    assert approved_arguments(requirement) == expected


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")
def test_an_open_page_shows_what_somebody_else_approved_meanwhile(cli: CommandLine) -> None:
    with SqliteDatabase(cli.db_file) as db, opened_browser() as browser:
        requirement = _started(db)
        with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
            page.goto(f"{inbox.address}/runs/{_run_of(requirement)}")
            expect(page.locator(".call-box")).not_to_contain_text("it runs as")
            requirement.confirm(tool_args={"x": 2}, by="zoe")
            requirement.commit()
            expect(page.locator(".call-box")).to_contain_text("With the arguments that zoe changed and approved")
            page.get_by_role("button", name="Approve", exact=True).click()
            expect(page.locator("#done")).to_contain_text("two: approved by zoe, ann")
