"""The inbox in an application of somebody's own, who knows its people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, Task
from haltpoint.inbox import InboxApp, create_app
from support.asgi import asked
from support.command import PAINT
from support.databases import named, opened
from support.workshop import TOOLS

_TOKEN = "a token that nobody knows"


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database in which something waits."""
    with InMemoryDatabase() as database:
        Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=TOOLS).do(Task("Build."), return_output=True)
        yield database


def _from_header(request: Request) -> str | None:
    return request.headers.get("x-user")


async def _from_header_later(request: Request) -> str | None:
    return request.headers.get("x-user")


class _Directory:
    async def __call__(self, request: Request) -> str | None:
        return request.headers.get("x-user")


@pytest.mark.parametrize("authenticate", [_from_header, _from_header_later, _Directory()])
def test_who_the_users_function_names_decides(db: InMemoryDatabase, authenticate: Any) -> None:
    app = create_app(db, authenticate=authenticate)
    (item,) = asked(app, "GET", "/api/requirements", {"X-User": "bob"}).json["items"]
    path = f"/api/requirements/{item['id']}/decision"
    body = b'{"type": "confirm"}'
    as_json = {"Content-Type": "application/json"}
    assert asked(app, "POST", path, as_json, body).status == 401
    decided = asked(app, "POST", path, {**as_json, "X-User": "bob"}, body)
    assert (decided.status, decided.json["decided_by"]) == (200, "bob")


def test_forms_work_where_the_users_function_lets_in(db: InMemoryDatabase) -> None:
    app = create_app(db, authenticate=_from_header)
    (waiting,) = db.requirements()
    page = asked(app, "GET", f"/runs/{waiting.run_id}", {"X-User": "bob"})
    cookie = (page.header("set-cookie") or "").partition(";")[0]
    (token, *_) = re.findall(r'name="form_token" value="([0-9a-f]+)"', page.text)
    fields = f"form_token={token}&digest={waiting.digest}&action=reject&note=not+red".encode()
    headers = {"X-User": "bob", "Content-Type": "application/x-www-form-urlencoded"}
    path = f"/requirements/{waiting.id}/decision"
    assert asked(app, "POST", path, headers, fields).status == 403
    assert asked(app, "POST", path, {**headers, "Cookie": cookie}, fields).status == 303
    (decided,) = db.requirements(open_only=False)
    assert (decided.decided_by, decided.confirmation_note) == ("bob", "not red")


def test_another_sites_page_can_not_use_the_api_of_who_is_let_in(db: InMemoryDatabase) -> None:
    app = create_app(db, authenticate=_from_header)
    (waiting,) = db.requirements()
    path = f"/api/requirements/{waiting.id}/decision"
    for headers, status in (
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json", "Origin": "http://evil.example"}, 403),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, 403),
    ):
        assert asked(app, "POST", path, {"X-User": "bob", **headers}, b'{"type": "confirm"}').status == status
    preflight = asked(app, "OPTIONS", path, {"X-User": "bob", "Origin": "http://evil.example"})
    assert preflight.header("access-control-allow-origin") is None


def test_mounted_below_a_path_its_links_and_forms_and_cookies_stay_there(db: InMemoryDatabase) -> None:
    app = Starlette(routes=[Mount("/people", app=create_app(db, authenticate=_from_header))])
    page = asked(app, "GET", "/people/", {"X-User": "bob"})
    assert page.status == 200
    links = re.findall(r'(?:href|src|action|data-events)="(/[^"]*)"', page.text)
    assert links and all(link.startswith("/people/") for link in links)
    assert "Path=/people;" in f"{page.header('set-cookie')};"
    description = asked(app, "GET", "/people/api/openapi.json", {"X-User": "bob"}).json
    assert description["servers"] == [{"url": "/people"}]
    assert asked(app, "GET", "/people/api/runs").json["error"] == "unauthorized"


def test_a_token_in_an_address_below_a_path_leads_back_there(db: InMemoryDatabase) -> None:
    app = Starlette(routes=[Mount("/people", app=create_app(db, token="a token of 16 or more", by="ann"))])
    answer = asked(app, "GET", "/people/runs?token=a%20token%20of%2016%20or%20more")
    assert (answer.status, answer.header("location")) == (303, "/people/runs")
    assert answer.header("set-cookie") is not None


def test_over_an_encrypted_connection_the_cookie_is_for_such_only(db: InMemoryDatabase) -> None:
    app = create_app(db, authenticate=_from_header)
    page = asked(app, "GET", "/", {"X-User": "bob"}, scheme="https")
    assert "Secure" in (page.header("set-cookie") or "")


def test_without_a_function_a_token_is_made_up(db: InMemoryDatabase) -> None:
    first, second = create_app(db), create_app(db)
    assert first.token != second.token and len(first.token or "") >= 32
    assert asked(first, "GET", "/api/runs", {"Authorization": f"Bearer {first.token}"}).status == 200
    assert asked(first, "GET", "/api/runs", {"Authorization": f"Bearer {second.token}"}).status == 401


def test_settings_that_contradict_each_other_are_refused(db: InMemoryDatabase) -> None:
    with pytest.raises(ValueError, match="authenticate= says who decides"):
        create_app(db, authenticate=_from_header, token="x" * 16)
    with pytest.raises(ValueError, match="authenticate= says who decides"):
        create_app(db, authenticate=_from_header, by="ann")
    with pytest.raises(ValueError, match="at least 16 characters"):
        create_app(db, token="short")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_blank_name_lets_nobody_in(db: InMemoryDatabase, name: str) -> None:
    app = create_app(db, authenticate=lambda request: name)
    assert asked(app, "GET", "/").status == 401
    assert asked(app, "GET", "/api/runs").json["error"] == "unauthorized"


class _Logged:
    """An application whose errors go to a server's log."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.errors: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except LookupError as error:
            self.errors.append(str(error))


def test_a_function_that_fails_is_told_of_in_the_log_and_in_no_answer(db: InMemoryDatabase) -> None:
    def directory(request: Request) -> str:
        raise LookupError("the directory at ldap://inside is down")

    app = _Logged(create_app(db, authenticate=directory))
    page = asked(app, "GET", "/")
    assert (page.status, page.header("content-type")) == (500, "text/html; charset=utf-8")
    assert (page.header("x-frame-options"), page.header("cache-control")) == ("DENY", "no-store")
    api = asked(app, "GET", "/api/runs")
    assert (api.status, api.json["error"]) == (500, "internal_error")
    assert "ldap" not in page.text + api.text
    assert app.errors == ["the directory at ldap://inside is down"] * 2


@pytest.mark.parametrize("host", ["http://x", "x:8000", "x/people", "", "a b"])
def test_a_host_that_no_browser_can_ask_for_is_refused(db: InMemoryDatabase, host: str) -> None:
    with pytest.raises(ValueError, match="without a scheme, a port or a path"):
        create_app(db, hosts=["inbox.example.com", host])


@pytest.mark.parametrize("answer", [1, True, b"bob"])
def test_a_function_that_returns_no_name_is_told_so(db: InMemoryDatabase, answer: Any) -> None:
    app = create_app(db, authenticate=lambda request: answer)
    with pytest.raises(TypeError, match="must return a name or None"):
        asked(app, "GET", "/")


def test_a_database_that_can_not_be_read_is_said(db: InMemoryDatabase) -> None:
    app = create_app(db, authenticate=_from_header)
    db.close()
    refused = asked(app, "GET", "/api/requirements", {"X-User": "bob"})
    assert (refused.status, set(refused.json)) == (503, {"error", "message", "field"})
    for path in ("/", "/history", "/runs", "/runs/x"):
        assert asked(app, "GET", path, {"X-User": "bob"}).status == 503


def test_who_is_not_let_in_is_not_asked_for_a_token(db: InMemoryDatabase) -> None:
    app = create_app(db, authenticate=lambda request: None)
    page = asked(app, "GET", "/")
    assert page.status == 401 and 'name="token"' not in page.text
    assert json.loads(asked(app, "GET", "/api/runs").text)["error"] == "unauthorized"


def _named(monkeypatch: pytest.MonkeyPatch, how: str, db_file: Path) -> InboxApp:
    """An application that gets the name of its database in one of the ways that there are."""
    if how == "variable":
        monkeypatch.setenv("HALTPOINT_DB", str(named(db_file)))
        return create_app(token=_TOKEN)
    return create_app(Path(str(db_file)) if how == "path" else str(named(db_file)), token=_TOKEN)


@pytest.mark.parametrize("how", ["text", "path", "variable"])
def test_a_database_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    db_file = tmp_path / "runs.db"
    with opened(db_file) as database:
        Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=TOOLS).do(Task("Build."), return_output=True)
    app = _named(monkeypatch, how, db_file)
    (item,) = asked(app, "GET", "/api/requirements", {"Authorization": f"Bearer {_TOKEN}"}).json["items"]
    assert item["kind"] == "confirmation"
    app.close()


def test_the_inbox_closes_no_database_that_it_was_given(db: InMemoryDatabase) -> None:
    create_app(db, token=_TOKEN).close()
    assert db.count_requirements() == 1


def test_what_is_no_database_is_refused() -> None:
    with pytest.raises(TypeError, match="db must be"):
        create_app(17, token=_TOKEN)  # type: ignore[arg-type]
