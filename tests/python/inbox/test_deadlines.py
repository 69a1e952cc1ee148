"""After the deadline no button is left: where the page is opened then, and where it was open before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import expect
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, SqliteDatabase, Task, tool
from haltpoint.models.scripted import ScriptedReply
from support.command import CommandLine
from support.inbox import Inbox
from support.replies import wants


@tool(requires_confirmation=True, expires_after=0.000001)
def hurry(pad: int) -> str:
    """Launch at once."""
    return f"launched from {pad}"


@tool(external_execution=True, expires_after=3600)
def fetch(what: str) -> str:
    """Fetch within an hour."""
    return what


@tool(requires_user_input=True, user_input_fields=["name"], expires_after=3600)
def sign(name: str) -> str:
    """Sign within an hour."""
    return name


@tool(requires_confirmation=True, expires_after=4)
def launch(pad: int) -> str:
    """Launch soon."""
    return f"launched from {pad}"


@tool(requires_confirmation=True, expires_after=3600)
def pay(euros: int) -> str:
    """Pay within an hour."""
    return f"paid {euros}"


TOOLS = [hurry, fetch, sign, launch, pay]


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _started(db: Any, reply: ScriptedReply) -> str:
    agent = Agent(ScriptedModel([reply, "finished"]), db=db, tools=TOOLS)
    run_id: str = agent.do(Task("Launch."), return_output=True).run_id
    return run_id


@pytest.mark.parametrize("reply", [wants("pay", euros=3), wants("fetch", what="it"), wants("sign")])
@pytest.mark.parametrize("query", ["", "?edit="])
def test_a_page_that_is_opened_too_late_has_no_button(
    db: InMemoryDatabase, monkeypatch: pytest.MonkeyPatch, reply: ScriptedReply, query: str
) -> None:
    run_id = _started(db, reply)
    (requirement,) = db.requirements()
    visitor = Visitor(db, run_id, "ann")
    assert visitor.buttons != []
    # The time is over, and nobody has written that down yet.
    monkeypatch.setattr("haltpoint.inbox.texts.has_passed", lambda until: until is not None)
    visitor.open(f"{query}{requirement.id}" if query else "")
    assert visitor.buttons == [] and "/decision" not in visitor.page.text
    assert "Change the arguments" not in visitor.words and "nobody decided in time" in visitor.words


browser_only = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")


@browser_only
@pytest.mark.parametrize("edit", [False, True])
def test_the_buttons_of_an_open_page_go_when_the_time_is_over(cli: CommandLine, *, edit: bool) -> None:
    with (
        SqliteDatabase(cli.db_file) as db,
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


def test_the_server_refuses_a_form_that_comes_too_late_and_keeps_what_was_typed(
    db: InMemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("haltpoint.inbox.run_page.is_over", lambda requirement: False)
    monkeypatch.setattr("haltpoint.inbox.run_page.open_requirements", lambda run: run.requirements)
    run_id = _started(db, wants("hurry", pad=3))
    visitor = Visitor(db, run_id, "ann")
    monkeypatch.undo()
    late = visitor.send("reject", note="no <rocket>")
    assert late.status == 409 and "What you typed was not sent: no <rocket>" in words(late)
    assert 'name="action"' not in late.text
