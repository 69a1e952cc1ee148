"""A call that takes several people, approved with other arguments than the model's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import expect
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, Task, tool
from haltpoint.db import Database
from haltpoint.run.approvals import approved_arguments
from support.command import CommandLine
from support.databases import opened
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


def _started(db: Database) -> RunRequirement:
    agent = Agent(ScriptedModel([wants("two", x=1), "finished"]), db=db, tools=[two])
    requirement: RunRequirement = agent.do(Task("Go."), return_output=True).requirements[0]
    return requirement


def _run_of(requirement: RunRequirement) -> str:
    assert requirement.run_id is not None
    return requirement.run_id


def _ann_changes(db: InMemoryDatabase, run_id: str) -> None:
    ann = Visitor(db, run_id, "ann")
    ann.edit()
    assert ann.send("approve_changed", **{"argument-0": "2"}).status == 303


def test_a_plain_approve_agrees_to_what_the_first_person_approved(db: InMemoryDatabase) -> None:
    run_id = _run_of(_started(db))
    _ann_changes(db, run_id)
    bob = Visitor(db, run_id, "bob")
    assert "ann approved" in bob.words and 'with x=2, unit="m"' in bob.words
    assert (
        "With the arguments that ann changed and approved, it runs as: x 2 the model said 1 unit default m" in bob.words
    )
    assert bob.buttons == ["approve", "reject"]
    assert bob.send("approve").status == 303
    (decided,) = db.requirements(open_only=False)
    assert decided.tool_execution.tool_args == {"x": 2, "unit": "m"}
    assert [approval["by"] for approval in decided.approvals] == ["ann", "bob"]
    assert bob.open().text.count("Changed to") == 2


def test_who_approves_first_is_told_what_runs_once_the_others_have(db: InMemoryDatabase) -> None:
    run_id = _run_of(_started(db))
    _ann_changes(db, run_id)
    ann = Visitor(db, run_id, "ann")
    ann.open(f"?decided={db.requirements()[0].id}")
    assert "two: 1 of 2 approvals are on disk" in ann.words
    assert "Once the others have approved, what runs is two with x 2 unit m" in ann.words


def test_what_somebody_approved_is_agreed_to_or_rejected_and_not_changed(db: InMemoryDatabase) -> None:
    requirement = _started(db)
    bob = Visitor(db, _run_of(requirement), "bob")
    editing = bob.edit()
    requirement.confirm(by="ann")
    requirement.commit()
    assert bob.open(f"?edit={requirement.id}").text.count("approve_changed") == 0
    late = bob.send("approve_changed", page=editing, **{"argument-0": "7"})
    assert late.status == 409 and "What you typed was not sent: 7" in words(late)
    assert [approval["by"] for approval in db.requirements()[0].approvals] == ["ann"]


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_page_from_before_the_change_decides_nothing_that_it_did_not_show(db: InMemoryDatabase, action: str) -> None:
    run_id = _run_of(_started(db))
    bob = Visitor(db, run_id, "bob")
    _ann_changes(db, run_id)
    refused = bob.send(action, **({"note": "too much"} if action == "reject" else {}))
    assert refused.status == 409 and "it runs as: x 2" in words(refused)
    assert "is not what was shown any more" in words(refused)
    (waiting,) = db.requirements()
    assert [approval["by"] for approval in waiting.approvals] == ["ann"]


def test_later_calls_that_somebody_approved_are_agreed_to_by_a_button_that_says_so(db: InMemoryDatabase) -> None:
    run_id = _run_of(_started(db))
    bob = Visitor(db, run_id, "bob")
    assert Visitor(db, run_id, "ann").send("approve_later", remember="run").status == 303
    # What was open before says nothing of later calls.
    assert bob.send("approve").status in (409, 422)
    assert db.requirements()[0].approvals[1:] == []
    bob.open()
    assert bob.buttons == ["approve_alike", "reject"]
    assert "later calls, too, in this run" in bob.words
    assert bob.send("approve_alike").status == 303
    assert [item.scope for item in db.remembered()] == ["run"]


@pytest.mark.parametrize(
    ("approval", "expected"),
    [
        ({"decision": {"type": "confirm", "tool_args": {"x": 2}}}, {"x": 2}),
        ({"decision": {"type": "confirm", "tool_args": {"x": 2}}, "tool_args": {"x": 2}}, {"x": 2}),
        ({"decision": {"type": "confirm"}, "tool_args": {"x": 1, "unit": "m"}}, None),
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
    with opened(cli.db_file) as db, opened_browser() as browser:
        requirement = _started(db)
        with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
            page.goto(f"{inbox.address}/runs/{_run_of(requirement)}")
            expect(page.locator(".call-box")).not_to_contain_text("it runs as")
            requirement.confirm(tool_args={"x": 2}, by="zoe")
            requirement.commit()
            expect(page.locator(".call-box")).to_contain_text("With the arguments that zoe changed and approved")
            page.get_by_role("button", name="Approve", exact=True).click()
            expect(page.locator("#done")).to_contain_text("two: approved by zoe, ann")
