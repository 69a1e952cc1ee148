"""The page and the API show sensitive values to those who decide, while they decide, and else to nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haltpoint.db import Database
from haltpoint.inbox import create_app
from sensitive.stories import CARD, SAID, Story, seen, tell
from support.asgi import Told, asked
from support.databases import opened

_TOKEN = "a token of more than 16 characters"
_BEARER = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A database on a file of its own."""
    with opened(tmp_path / "runs.db") as database:
        yield database


@pytest.fixture
def story(db: Database) -> Story:
    """A run that came to its end, and one that waits."""
    return tell(db)


@pytest.fixture
def app(db: Database, story: Story) -> Any:
    """The inbox of that."""
    return create_app(db, token=_TOKEN, by="ann")


def _get(app: Any, path: str) -> Told:
    told = asked(app, "GET", path, _BEARER)
    assert told.status == 200
    return told


PATHS = [
    "/",
    "/history",
    "/runs",
    "/runs/{done}",
    "/api/requirements",
    "/api/requirements?open_only=false",
    "/api/requirements?preview=true",
    "/api/remembered",
    "/api/runs",
    "/api/runs/{done}",
    "/api/runs/{done}/audit",
]


@pytest.mark.parametrize("path", PATHS)
def test_pages_and_lists_are_masked(app: Any, story: Story, path: str) -> None:
    assert seen(_get(app, path.format(done=story.done)).text) == []


def test_the_card_shows_what_is_decided_on_and_the_timeline_does_not(app: Any, story: Story) -> None:
    card, _, rest = _get(app, f"/runs/{story.waiting}").text.partition('id="run-story"')
    assert SAID in card
    assert seen(rest) == []
    whole = json.loads(_get(app, f"/api/runs/{story.waiting}").text)
    assert whole["requirements"][0]["tool_execution"]["tool_args"]["card"] == CARD
    assert seen(whole["timeline"]) == []


def test_a_requirement_is_shown_whole_until_it_is_decided(app: Any, db: Database, story: Story) -> None:
    (listed,) = json.loads(_get(app, "/api/requirements").text)["items"]
    assert listed["digest"] is None
    path = f"/api/requirements/{listed['id']}"
    found = json.loads(_get(app, path).text)
    assert found["tool_execution"]["tool_args"]["card"] == CARD
    body = json.dumps({"type": "confirm", "expected_digest": found["digest"]}).encode()
    decided = asked(app, "POST", f"{path}/decision", _BEARER, body)
    assert decided.status == 200
    assert seen(decided.text) == seen(_get(app, path).text) == []
    assert seen(_get(app, f"/runs/{story.waiting}?decided={listed['id']}").text) == []
    assert db.requirement(listed["id"]).tool_execution.tool_args["card"] == CARD


def test_masked_arguments_are_no_decision(app: Any, story: Story) -> None:
    (listed,) = json.loads(_get(app, "/api/requirements").text)["items"]
    body = json.dumps({"type": "confirm", "tool_args": {**listed["tool_execution"]["tool_args"], "euros": 1}}).encode()
    refused = asked(app, "POST", f"/api/requirements/{listed['id']}/decision", _BEARER, body)
    assert refused.status == 422
    assert "look the requirement up" in refused.text
