"""Erasing and pruning through the JSON API, where the server allows it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, SqliteDatabase, tool
from haltpoint.db import Database
from haltpoint.inbox import create_app
from support.asgi import Told, asked
from support.command import CommandLine
from support.databases import opened
from support.inbox import Inbox
from support.replies import wants

_TOKEN = "a token of more than 16 characters"
_BEARER = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"}


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


@pytest.fixture(params=["sqlite", "memory"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database of each kind."""
    return opened(tmp_path / "runs.db") if request.param == "sqlite" else InMemoryDatabase()


Post = Callable[..., Told]


@pytest.fixture
def post(db: Database) -> Post:
    """Posts to an inbox that erases."""
    app: Any = create_app(db, token=_TOKEN, by="ann", allow_erase=True)

    def posted(path: str, body: Any, **headers: str) -> Told:
        return asked(app, "POST", path, {**_BEARER, **headers}, json.dumps(body).encode())

    return posted


def _run(db: Database, *, is_done: bool = True) -> str:
    replies = ["done"] if is_done else [wants("pay", euros=5), "done"]
    run_id: str = Agent(ScriptedModel(replies), db=db, tools=[pay]).do("Work.", return_output=True).run_id
    return run_id


@pytest.mark.parametrize("path", ["/api/runs/nothing/erase", "/api/prune"])
def test_an_inbox_does_not_take_data_away_unless_it_was_told_to(db: Database, path: str) -> None:
    app: Any = create_app(db, token=_TOKEN, by="ann")
    refused = asked(app, "POST", path, _BEARER, b'{"older_than": 0}')
    assert (refused.status, json.loads(refused.text)["error"]) == (403, "erasing_not_allowed")
    assert "create_app(..., allow_erase=True)" in refused.text
    assert "haltpoint serve --allow-erase" in refused.text


def test_a_run_is_erased_by_whoever_asks(db: Database, post: Post) -> None:
    run_id = _run(db)
    answer = post(f"/api/runs/{run_id}/erase", {"reason": "asked for"})
    assert (answer.status, json.loads(answer.text)) == (200, {"erased": [run_id]})
    assert post(f"/api/runs/{run_id}/erase", {}).text == '{"erased": []}'
    assert db.verify(run_id).ok
    if isinstance(db, SqliteDatabase):
        db.close()
        connection = sqlite3.connect(db.db_file)
        row = connection.execute("SELECT actor, payload FROM entries WHERE kind = 'payloads_erased'").fetchone()
        connection.close()
        assert (row[0], json.loads(row[1])["reason"]) == ("ann", "asked for")


def test_a_run_that_can_go_on_is_erased_by_force_alone(db: Database, post: Post) -> None:
    run_id = _run(db, is_done=False)
    refused = post(f"/api/runs/{run_id}/erase", {})
    assert (refused.status, json.loads(refused.text)["error"]) == (409, "UnfinishedRunError")
    assert db.run(run_id).is_paused
    assert json.loads(post(f"/api/runs/{run_id}/erase", {"force": True}).text) == {"erased": [run_id]}


def test_runs_are_pruned(db: Database, post: Post) -> None:
    done, waiting = _run(db), _run(db, is_done=False)
    assert json.loads(post("/api/prune", {"older_than": 3600}).text) == {"pruned": 0, "dry_run": False}
    counted = post("/api/prune", {"older_than": 0, "dry_run": True})
    assert json.loads(counted.text) == {"pruned": 1, "dry_run": True}
    assert post("/api/prune", {"older_than": 0, "statuses": ["ERROR"]}).text == '{"pruned": 0, "dry_run": false}'
    assert {run.run_id for run in db.runs()} == {done, waiting}
    assert json.loads(post("/api/prune", {"older_than": 0.0}).text)["pruned"] == 1
    assert [run.run_id for run in db.runs()] == [waiting]


BODIES: list[tuple[str, Any]] = [
    ("/api/runs/{run}/erase", []),
    ("/api/runs/{run}/erase", {"by": "somebody else"}),
    ("/api/runs/{run}/erase", {"force": "yes"}),
    ("/api/prune", {}),
    ("/api/prune", []),
    ("/api/prune", {"older_than": -1}),
    ("/api/prune", {"older_than": "90d"}),
    ("/api/prune", {"older_than": True}),
    ("/api/prune", {"older_than": 1e300}),
    ("/api/prune", {"older_than": 0, "statuses": ["PAUSED"]}),
    ("/api/prune", {"older_than": 0, "statuses": []}),
    ("/api/prune", {"older_than": 0, "status": "ERROR"}),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_what_does_not_fit_is_refused(db: Database, post: Post, path: str, body: Any) -> None:
    run_id = _run(db)
    refused = post(path.format(run=run_id), body)
    assert (refused.status, set(json.loads(refused.text))) == (422, {"error", "field", "message"})
    assert db.run(run_id).is_complete


def test_what_is_not_there_is_not_found(post: Post) -> None:
    assert post("/api/runs/nothing/erase", {}).status == 404


@pytest.mark.parametrize("path", ["/api/runs/{run}/erase", "/api/prune"])
def test_another_site_can_not_take_data_away(db: Database, path: str) -> None:
    run_id = _run(db)
    app: Any = create_app(db, authenticate=lambda request: "ann", allow_erase=True)
    headers = {"Content-Type": "application/json", "Origin": "http://evil.example"}
    refused = asked(app, "POST", path.format(run=run_id), headers, b'{"older_than": 0}')
    assert (refused.status, json.loads(refused.text)["error"]) == (403, "forbidden")
    assert asked(app, "POST", path.format(run=run_id), {"Content-Type": "text/plain"}, b"{}").status == 415
    assert db.run(run_id).is_complete


def test_the_command_serves_an_inbox_that_erases(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as db:
        run_id = _run(db)
    with Inbox(CommandLine(tmp_path / "runs.db"), "--allow-erase") as inbox:
        headers = {**inbox.bearer, "Content-Type": "application/json"}
        answer = inbox.ask("POST", f"/api/runs/{run_id}/erase", headers=headers, body="{}")
        assert (answer.status, answer.json) == (200, {"erased": [run_id]})
        assert inbox.get(f"/api/runs/{run_id}").status == 410
