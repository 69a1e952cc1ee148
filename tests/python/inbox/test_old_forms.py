"""Forms from before a restart, or from another process behind the same address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from browsing import CHROMIUM, opened_browser
from playwright.sync_api import expect
from starlette.requests import Request

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, Task
from haltpoint.inbox import create_app
from support.asgi import Told, asked
from support.command import PAINT, CommandLine
from support.inbox import Inbox
from support.workshop import TOOLS

_SECRET = "a secret of 16 characters or more"


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database in which something waits."""
    with InMemoryDatabase() as database:
        Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=TOOLS).do(Task("Build."), return_output=True)
        yield database


def _bob(request: Request) -> str:
    return "bob"


class _Tab:
    """A page that stays open while servers come and go behind it."""

    def __init__(self, db: InMemoryDatabase, app: Any) -> None:
        (waiting,) = db.requirements()
        self._path = f"/requirements/{waiting.id}/decision"
        self._take(asked(app, "GET", f"/runs/{waiting.run_id}"))

    def _take(self, page: Told) -> None:
        self._cookie = (page.header("set-cookie") or self._cookie_of_before()).partition(";")[0]
        self._token = re.findall(r'name="form_token" value="([0-9a-f]+)"', page.text)[0]
        self._digest = re.findall(r'name="digest" value="([0-9a-f]+)"', page.text)[0]

    def _cookie_of_before(self) -> str:
        return self._cookie

    def send(self, app: Any, **headers: str) -> Told:
        hidden = {"form_token": self._token, "digest": self._digest}
        form = urlencode({**hidden, "action": "reject", "note": "not <red>"}).encode()
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": self._cookie, **headers}
        answer = asked(app, "POST", self._path, sent, form)
        if 'name="form_token"' in answer.text:
            self._take(answer)
        return answer


_OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


def test_processes_with_one_secret_take_each_others_forms(db: InMemoryDatabase) -> None:
    first, second = (create_app(db, authenticate=_bob, secret=_SECRET) for _ in range(2))
    assert _Tab(db, first).send(second).status == 303


def test_with_a_token_that_is_given_no_secret_is_needed(db: InMemoryDatabase) -> None:
    first, second = (create_app(db, token="a token of 16 or more", by="ann") for _ in range(2))
    bearer = {"Authorization": "Bearer a token of 16 or more"}
    cookie = asked(first, "GET", "/?token=a+token+of+16+or+more").header("set-cookie") or ""
    session = {"Cookie": cookie.partition(";")[0]}
    assert asked(second, "GET", "/", session).status == 200
    assert asked(second, "GET", "/api/runs", bearer).status == 200


def test_a_form_of_a_server_before_is_shown_once_more_with_all_that_was_typed(db: InMemoryDatabase) -> None:
    tab = _Tab(db, create_app(db, authenticate=_bob))
    later = create_app(db, authenticate=_bob)
    refused = tab.send(later, **_OURS)
    assert refused.status == 403
    assert "the server was started anew" in refused.text and "not &lt;red&gt;</textarea>" in refused.text
    assert db.requirements() != []
    assert tab.send(later, **_OURS).status == 303
    (decided,) = db.requirements(open_only=False)
    assert (decided.decided_by, decided.confirmation_note) == ("bob", "not <red>")


def test_only_what_surely_comes_from_here_is_shown_once_more(db: InMemoryDatabase) -> None:
    tab = _Tab(db, create_app(db, authenticate=_bob))
    later = create_app(db, authenticate=_bob)
    for headers in ({}, {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        refused = tab.send(later, **headers)
        assert refused.status == 403 and "not &lt;red&gt;" not in refused.text


def test_a_short_secret_is_refused(db: InMemoryDatabase) -> None:
    with pytest.raises(ValueError, match="the secret must have at least 16 characters"):
        create_app(db, authenticate=_bob, secret="short")


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")
def test_what_somebody_types_outlives_a_restart_of_the_server(cli: CommandLine, painting: str) -> None:
    with opened_browser() as browser:
        context = browser.new_context()
        page = context.new_page()
        with Inbox(cli) as before:
            port = before.host.rpartition(":")[2]
            page.goto(f"{before.address}/?token={before.token}")
            page.goto(f"{before.address}/runs/{painting}")
            page.locator("summary", has_text="Reject").click()
            page.get_by_label("Why not").fill("not red")
        with Inbox(cli, "--port", port) as after:
            expect(page.locator("#signed-out")).to_be_visible(timeout=20_000)
            expect(page.get_by_label("Why not")).to_have_value("not red")
            other = context.new_page()
            other.goto(f"{after.address}/?token={after.token}")
            page.bring_to_front()
            page.get_by_role("button", name="Reject the call").click()
            if page.get_by_role("alert").filter(has_text="Nothing was done yet").is_visible():
                page.get_by_role("button", name="Reject the call").click()
            expect(page.locator("#done")).to_contain_text("rejected by ann")
            (decided,) = after.get("/api/requirements?open_only=false").json["items"]
            assert decided["decision"] == {"type": "reject", "note": "not red"}
        context.close()
