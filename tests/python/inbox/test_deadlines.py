"""After the deadline no button is left: where the page is opened then, and where it was open before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import expect
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, Task, tool
from haltpoint.models.scripted import ScriptedReply
from support.command import CommandLine
from support.databases import opened
from support.inbox import Inbox
from support.replies import wants

# In seconds: long enough to open a page in, and short enough to wait for.
SOON = 2.0


@tool(external_execution=True, expires_after=SOON)
def fetch(what: str) -> str:
    """Fetch soon."""
    return what


@tool(requires_user_input=True, user_input_fields=["name"], expires_after=SOON)
def sign(name: str) -> str:
    """Sign soon."""
    return name


@tool(requires_confirmation=True, expires_after=4)
def launch(pad: int) -> str:
    """Launch soon."""
    return f"launched from {pad}"


@tool(requires_confirmation=True, expires_after=SOON)
def pay(euros: int) -> str:
    """Pay soon."""
    return f"paid {euros}"


TOOLS = [fetch, sign, launch, pay]


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _wait_until_over(requirement: RunRequirement) -> None:
    """Nobody writes down meanwhile that the time is over."""
    assert requirement.expires_at is not None
    time.sleep(max(0.0, (requirement.expires_at - datetime.now(timezone.utc)).total_seconds()) + 0.01)


def _started(db: Any, reply: ScriptedReply) -> str:
    agent = Agent(ScriptedModel([reply, "finished"]), db=db, tools=TOOLS)
    run_id: str = agent.do(Task("Launch."), return_output=True).run_id
    return run_id


@pytest.mark.parametrize("reply", [wants("pay", euros=3), wants("fetch", what="it"), wants("sign")])
@pytest.mark.parametrize("query", ["", "?edit="])
def test_a_page_that_is_opened_too_late_has_no_button(db: InMemoryDatabase, reply: ScriptedReply, query: str) -> None:
    run_id = _started(db, reply)
    (requirement,) = db.requirements()
    visitor = Visitor(db, run_id, "ann")
    assert visitor.buttons != []
    _wait_until_over(requirement)
    visitor.open(f"{query}{requirement.id}" if query else "")
    assert visitor.buttons == [] and "/decision" not in visitor.page.text
    assert "Change the arguments" not in visitor.words and "nobody decided in time" in visitor.words


browser_only = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")


@browser_only
@pytest.mark.parametrize("edit", [False, True])
def test_the_buttons_of_an_open_page_go_when_the_time_is_over(cli: CommandLine, *, edit: bool) -> None:
    with (
        opened(cli.db_file) as db,
        opened_browser() as browser,
        Inbox(cli) as inbox,
        signed_in(browser, inbox) as page,
    ):
        run_id = _started(db, wants("launch", pad=3))
        (requirement,) = db.requirements()
        page.goto(f"{inbox.address}/runs/{run_id}{f'?edit={requirement.id}' if edit else ''}")
        if edit:
            page.get_by_label("pad").fill("4")
        expect(page.locator(".question.closed")).to_contain_text("has expired", timeout=20_000)
        expect(page.locator(".question button, .question a.button")).to_have_count(0)
        if edit:
            expect(page.get_by_label("pad")).to_have_value("4")
        assert db.requirement(requirement.id).decision is None


def test_the_server_refuses_a_form_that_comes_too_late_and_keeps_what_was_typed(db: InMemoryDatabase) -> None:
    run_id = _started(db, wants("pay", euros=3))
    (requirement,) = db.requirements()
    visitor = Visitor(db, run_id, "ann")
    _wait_until_over(requirement)
    late = visitor.send("reject", note="no <rocket>")
    assert late.status == 409 and "What you typed was not sent: no <rocket>" in words(late)
    assert 'name="action"' not in late.text
