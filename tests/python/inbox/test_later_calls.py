"""Approving later calls as well, in the form and through the JSON API; seeing and ending what stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import Browser, Page, expect

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, Task, tool
from haltpoint.inbox import create_app
from support.asgi import Told, asked
from support.command import CommandLine
from support.databases import opened
from support.inbox import Inbox
from support.replies import wants
from support.workshop import TOOLS

PAINTS = [wants("paint", color="red"), wants("paint", color="red"), wants("paint", color="blue"), "finished"]


@tool(requires_confirmation=True, always_ask=True)
def launch(pad: int) -> str:
    """Launch from a pad."""
    return f"launched from {pad}"


def _painter(db: Any, session_id: str | None = None) -> Agent:
    return Agent(ScriptedModel(PAINTS), db=db, tools=[*TOOLS, launch], session_id=session_id)


def _goes_on(db: Any, run_id: str) -> Any:
    return _painter(db).continue_run(run_id=run_id, return_output=True)


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _post(db: InMemoryDatabase, path: str, body: Any) -> Told:
    app = create_app(db, authenticate=lambda request: "ann")
    headers = {"Content-Type": "application/json"}
    return asked(app, "POST", f"/api/requirements/{path}", headers, json.dumps(body).encode())


def _get(db: InMemoryDatabase, path: str) -> Any:
    return asked(create_app(db, authenticate=lambda request: "ann"), "GET", path).json


def test_a_program_approves_later_calls_sees_that_and_ends_it(db: InMemoryDatabase) -> None:
    run = _painter(db, "shop").do(Task("Paint."), return_output=True)
    first = run.requirements[0].id
    decided = _post(db, f"{first}/decision", {"type": "confirm", "remember": "session", "remember_args": True})
    assert decided.json["decision"]["remember"] == {"scope": "session", "with_arguments": True}
    assert _goes_on(db, run.run_id).is_paused
    items = _get(db, "/api/requirements?open_only=false")["items"]
    assert [item["remembered_from"] and item["remembered_from"]["requirement_id"] for item in items] == [
        None,
        first,
        None,
    ]
    (standing,) = _get(db, "/api/remembered?session_id=shop")["items"]
    assert (standing["requirement_id"], standing["tool_args"], standing["by"]) == (first, {"color": "red"}, "ann")
    assert _get(db, "/api/remembered?session_id=office")["items"] == []
    assert _post(db, f"{first}/revocation", {}).json == {"requirement_id": first, "was_standing": True}
    assert _post(db, f"{first}/revocation", {}).json == {"requirement_id": first, "was_standing": False}
    assert _get(db, "/api/remembered")["items"] == []
    assert _get(db, f"/api/requirements/{first}")["revoked"]["by"] == "ann"
    records = _get(db, f"/api/runs/{run.run_id}/audit")["items"]
    assert [record["action"] for record in records] == ["confirmed", "confirmed", "approval_revoked"]


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ({"type": "confirm", "remember": "for ever"}, 422),
        ({"type": "confirm", "remember": "session"}, 422),
        ({"type": "confirm", "remember_args": True}, 422),
        ({"type": "confirm", "remember": "run", "tool_args": {"color": "blue"}}, 422),
        ({"type": "reject", "remember": "run"}, 422),
        ({"type": "confirm", "remember": None}, 422),
    ],
)
def test_what_cannot_be_remembered_is_refused(db: InMemoryDatabase, decision: Any, status: int) -> None:
    run = _painter(db).do(Task("Paint."), return_output=True)
    assert _post(db, f"{run.requirements[0].id}/decision", decision).status == status


@pytest.mark.parametrize(("body", "status"), [({}, 422), ([], 422), ({"by": "bob"}, 422)])
def test_there_must_be_something_to_revoke(db: InMemoryDatabase, body: Any, status: int) -> None:
    run = _painter(db).do(Task("Paint."), return_output=True)
    assert _post(db, f"{run.requirements[0].id}/revocation", body).status == status
    assert _post(db, "nothing/revocation", {}).status == 404


def test_a_form_of_another_site_revokes_nothing(db: InMemoryDatabase) -> None:
    run = _painter(db, "shop").do(Task("Paint."), return_output=True)
    first = run.requirements[0].id
    _post(db, f"{first}/decision", {"type": "confirm", "remember": "session"})
    app = create_app(db, authenticate=lambda request: "ann")
    path = f"/api/requirements/{first}/revocation"
    plain = {"Content-Type": "text/plain"}
    assert asked(app, "POST", path, plain, b"{}").status == 415
    elsewhere = {"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}
    assert asked(app, "POST", path, elsewhere, b"{}").status == 403
    assert len(db.remembered()) == 1


def test_a_tool_that_always_asks_is_offered_for_this_call_only(db: InMemoryDatabase) -> None:
    agent = Agent(ScriptedModel([wants("launch", pad=3), "finished"]), db=db, tools=[launch])
    run = agent.do(Task("Launch."), return_output=True)
    app = create_app(db, authenticate=lambda request: "ann")
    assert "Approve later calls" not in asked(app, "GET", f"/runs/{run.run_id}").text
    refused = _post(db, f"{run.requirements[0].id}/decision", {"type": "confirm", "remember": "run"})
    assert (refused.status, "always_ask" in refused.json["message"]) == (422, True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with opened_browser() as opened:
        yield opened


def _page_of(page: Page, run_id: str) -> None:
    page.goto(f"{page.url.rstrip('/')}/runs/{run_id}")
    expect(page.locator(".question").first).to_be_visible()


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")
@pytest.mark.parametrize("session_id", [None, "shop"])
def test_a_person_chooses_which_later_calls_are_meant(browser: Browser, tmp_path: Path, session_id: str | None) -> None:
    db_file = tmp_path / "runs.db"
    with opened(db_file) as db:
        run_id = _painter(db, session_id).do(Task("Paint."), return_output=True).run_id
        with Inbox(CommandLine(db_file)) as inbox, signed_in(browser, inbox) as page:
            _page_of(page, run_id)
            page.get_by_text("Approve later calls, too").click()
            choice = page.get_by_label("This call, and later calls of paint")
            offered = ["run"] if session_id is None else ["run", "session"]
            assert choice.locator("option").evaluate_all("all => all.map(one => one.value)") == offered
            choice.select_option(offered[-1])
            page.get_by_label("only with these arguments").check()
            page.get_by_role("button", name="Approve this and later calls").click()
            expect(page.locator("#done")).to_contain_text("paint: approved by ann")
            where = "this run" if session_id is None else "this session"
            decided = page.get_by_role("region", name="Who decided")
            expect(decided).to_contain_text(f"Also later calls in {where}, with these arguments")
            output = _goes_on(db, run_id)
            assert output.is_paused
            expect(decided).to_contain_text(f"Remembered, from requirement {output.requirements[0].id}")
            page.get_by_role("link", name="History").click()
            expect(page.get_by_role("row").nth(1)).to_contain_text("Approved, remembered")


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")
def test_an_approval_is_for_one_call_unless_somebody_says_otherwise(browser: Browser, tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with opened(db_file) as db:
        run_id = _painter(db).do(Task("Paint."), return_output=True).run_id
        with Inbox(CommandLine(db_file)) as inbox, signed_in(browser, inbox) as page:
            _page_of(page, run_id)
            page.get_by_role("button", name="Approve", exact=True).click()
            expect(page.locator("#done")).to_be_visible()
        assert db.run(run_id).requirements[0].decision == {"type": "confirm"}
