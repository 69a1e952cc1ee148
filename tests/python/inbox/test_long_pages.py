"""The page and the API show as much as there is: page by page, and with the number of all."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haltpoint import InMemoryDatabase
from haltpoint.db import Database
from haltpoint.inbox import create_app
from support.asgi import Told, asked
from support.databases import opened
from support.many import approve_for_session, pause_in_many_runs

MANY = 2000


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database in which 60 approvals stand, and 2,000 newer runs wait."""
    path: Path = tmp_path_factory.mktemp("full") / "runs.db"
    made = InMemoryDatabase() if request.param == "memory" else opened(path, durability="normal")
    with made as database:
        approve_for_session(database, 60)
        pause_in_many_runs(database, MANY)
        yield database


def _asked(database: Database, path: str) -> Told:
    return asked(create_app(database, authenticate=lambda request: "ann"), "GET", path)


def _get(database: Database, path: str) -> Told:
    told = _asked(database, path)
    assert told.status == 200, told.text
    return told


def _words(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page)))


def _older(page: str) -> str | None:
    found = re.search(r'href="(\?before=[^"]+)"', page)
    return None if found is None else html.unescape(found[1])


def _walk(database: Database, path: str, link: str) -> tuple[list[str], int]:
    """What the pages lead to, in order, and how many pages there are."""
    found: list[str] = []
    pages, query = 0, ""
    while True:
        page = _get(database, path + query).text
        found += re.findall(link, page)
        pages += 1
        older = _older(page)
        if older is None:
            return found, pages
        query = older


def test_the_inbox_tells_how_much_waits_and_leads_to_all_of_it(full: Database) -> None:
    first = _get(full, "/").text
    assert "Waiting for a decision 2,000" in _words(first)
    assert "50 of 2,000" in _words(first)
    assert 'data-announce="2,000 waiting for a decision"' in first
    ids, pages = _walk(full, "/", r'#requirement-([0-9a-f-]+)"')
    assert ids == [item.id for item in full.requirements()]
    assert pages == MANY / 50


def test_a_filter_holds_on_later_pages_and_on_the_way_back(full: Database) -> None:
    first = _get(full, "/?kind=confirmation").text
    older = _older(first)
    assert older is not None and "kind=confirmation" in older
    second = _get(full, f"/{older}").text
    assert "50 of 2,000" in _words(second)
    assert re.search(r'href="\?kind=confirmation">Back to the first page', second)
    assert "Nothing waits." in _get(full, "/?kind=recovery").text


def test_all_runs_are_reached(full: Database) -> None:
    first = _get(full, "/runs").text
    assert "Runs 2,001" in _words(first) and "50 of 2,001" in _words(first)
    ids, _ = _walk(full, "/runs", r'/runs/([0-9a-f-]{36})"')
    assert ids == [run.run_id for run in full.runs()]
    paused = _get(full, "/runs?status=PAUSED").text
    assert "50 of 2,000" in _words(paused) and "status=PAUSED" in str(_older(paused))


def test_history_lists_what_was_decided_though_much_waits(full: Database) -> None:
    page = _words(_get(full, "/history").text)
    assert "What was decided 60" in page
    assert page.count("Approved") == 60


def test_history_is_ordered_by_the_time_of_the_decision_over_all_pages() -> None:
    with InMemoryDatabase() as db:
        _check_order(db)


def test_history_is_ordered_so_in_a_file_too(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db", durability="normal") as db:
        _check_order(db)


def _check_order(db: Database) -> None:
    pause_in_many_runs(db, 450)
    waiting = db.requirements()
    # In an order of its own: neither that of the questions nor the opposite.
    decided = waiting[::3] + waiting[1::3]
    for item in decided:
        item.confirm(by="ann")
        item.commit()
    expected = [str(item.tool_execution.tool_args["amount"]) for item in decided[::-1]]
    found, pages = _walk(db, "/history", r"pay\(amount=(\d+)\)")
    assert found == expected
    assert pages == 2
    assert "200 of 300" in _words(_get(db, "/history").text)


def _page(database: Database, path: str) -> Any:
    return _get(database, path).json


@pytest.mark.parametrize(
    ("path", "key", "total"),
    [
        ("/api/requirements", "id", MANY),
        ("/api/requirements?open_only=false", "id", MANY + 60),
        ("/api/requirements?kind=user_input", "id", 0),
        ("/api/runs", "run_id", MANY + 1),
        ("/api/runs?status=COMPLETED", "run_id", 1),
        ("/api/remembered", "requirement_id", 60),
        ("/api/remembered?session_id=shop", "requirement_id", 60),
    ],
)
def test_the_api_tells_how_much_there_is_and_where_the_next_page_begins(
    full: Database, path: str, key: str, total: int
) -> None:
    ids: list[str] = []
    query = f"{path}{'&' if '?' in path else '?'}limit=200"
    page = _page(full, query)
    while page["next"] is not None:
        assert page["total"] == total
        ids += [item[key] for item in page["items"]]
        assert page["next"] == ids[-1]
        page = _page(full, f"{query}&before={page['next']}")
    ids += [item[key] for item in page["items"]]
    assert (page["total"], len(ids), len(set(ids))) == (total, total, total)


def test_a_page_that_is_just_full_has_no_next_one() -> None:
    with InMemoryDatabase() as db:
        pause_in_many_runs(db, 4)
        page = _page(db, "/api/requirements?limit=2")
        last = _page(db, f"/api/requirements?limit=2&before={page['next']}")
        assert (len(page["items"]), page["total"]) == (2, 4)
        assert (len(last["items"]), last["total"], last["next"]) == (2, 4, None)


@pytest.mark.parametrize(
    ("listed", "error"),
    [
        ("requirements", "RequirementNotFoundError"),
        ("remembered", "RequirementNotFoundError"),
        ("runs", "RunNotFoundError"),
    ],
)
def test_a_place_that_is_not_there_is_not_found(full: Database, listed: str, error: str) -> None:
    refused = _asked(full, f"/api/{listed}?before=nothing")
    assert (refused.status, refused.json["error"]) == (404, error)
    assert "nothing" in refused.json["message"]


@pytest.mark.parametrize("path", ["/", "/history", "/runs"])
def test_a_page_behind_a_place_that_is_not_there_leads_back(full: Database, path: str) -> None:
    refused = _asked(full, f"{path}?before=nothing")
    assert (refused.status, "To the inbox" in refused.text) == (404, True)
