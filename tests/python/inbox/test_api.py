"""The JSON API: what it tells, what it decides, and how it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.command import DELIVER, ENGRAVE, CommandLine, StartRun
from support.inbox import Inbox


def _waiting(inbox: Inbox) -> dict[str, Any]:
    (item,) = inbox.get("/api/requirements").json["items"]
    assert isinstance(item, dict)
    return item


def _whole(items: list[Any]) -> dict[str, Any]:
    """A list of which all is on the first page."""
    return {"items": items, "damaged": [], "total": len(items), "next": None}


def test_what_waits_is_listed_as_the_command_line_lists_it(inbox: Inbox, cli: CommandLine) -> None:
    assert inbox.get("/api/requirements").json == _whole(cli("inbox", "--json").records)


def test_runs_are_listed_as_the_command_line_lists_them(inbox: Inbox, cli: CommandLine) -> None:
    assert inbox.get("/api/runs?status=PAUSED").json == _whole(cli("runs", "--json").records)
    assert inbox.get("/api/runs?status=ERROR").json == _whole([])


def test_a_run_is_told_as_the_command_line_tells_it(inbox: Inbox, cli: CommandLine, painting: str) -> None:
    assert inbox.get(f"/api/runs/{painting}").json == cli("show", painting, "--json").record


def test_a_decision_is_on_disk_when_the_answer_comes_under_the_name_of_the_server(
    inbox: Inbox, cli: CommandLine, painting: str
) -> None:
    item = _waiting(inbox)
    answer = inbox.decide(item["id"], {"type": "confirm", "tool_args": {"color": "blue"}})
    assert (answer.status, answer.json["decided_by"]) == (200, "ann")
    assert inbox.get("/api/requirements").json == _whole([])
    (record,) = cli("audit", painting, "--json").record["records"]
    assert (record["by"], record["changed_args"]) == ("ann", {"color": "blue"})
    (of_api,) = inbox.get(f"/api/runs/{painting}/audit").json["items"]
    assert of_api == record


def test_the_same_decision_twice_is_no_error_and_another_one_is_a_conflict(inbox: Inbox) -> None:
    item = _waiting(inbox)
    assert inbox.decide(item["id"], {"type": "reject", "note": "not red"}).status == 200
    assert inbox.decide(item["id"], {"type": "reject", "note": "not red"}).status == 200
    other = inbox.decide(item["id"], {"type": "confirm"})
    assert (other.status, other.json["error"]) == (409, "RequirementConflictError")


def test_input_and_results_are_given(inbox: Inbox, start: StartRun) -> None:
    start(ENGRAVE)
    engraving = inbox.get("/api/requirements?kind=user_input").json["items"][0]["id"]
    assert inbox.decide(engraving, {"type": "answer", "values": {"name": "Ann", "copies": "two"}}).status == 422
    assert inbox.decide(engraving, {"type": "answer", "values": {"name": "Ann", "copies": "2"}}).status == 200
    start(DELIVER)
    delivery = inbox.get("/api/requirements?kind=external_tool").json["items"][0]["id"]
    answer = inbox.decide(delivery, {"type": "result", "result": {"left": "at the door"}})
    assert answer.json["decision"] == {"type": "result", "content": '{"left":"at the door"}'}


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ({"type": "confirm", "tool_args": {"colour": "blue"}}, 422),
        ({"type": "confirm", "tool_args": ["blue"]}, 422),
        ({"type": "confirm", "tool_args": None}, 422),
        ({"type": "confirm", "remember_args": None}, 422),
        ({"type": "confirm", "by": "somebody else"}, 422),
        ({"type": "agree"}, 422),
        ({"type": ["confirm"]}, 422),
        ({}, 422),
        ([], 422),
        (None, 422),
        ({"type": "answer"}, 422),
        ({"type": "retry"}, 409),
        ({"type": "result", "result": "done"}, 409),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_and_leaves_no_trace(inbox: Inbox, decision: Any, status: int) -> None:
    item = _waiting(inbox)
    answer = inbox.decide(item["id"], decision)
    assert (answer.status, set(answer.json)) == (status, {"error", "message", "field"})
    assert _waiting(inbox) == item


@pytest.mark.parametrize("said", [{"remember": None}, {"remember": True}, {"remember": 5}, {"tool_args": None}])
def test_a_problem_is_said_once(inbox: Inbox, said: dict[str, Any]) -> None:
    answer = inbox.decide(_waiting(inbox)["id"], {"type": "confirm", **said})
    problems = answer.json["message"].split("; ")
    assert (answer.status, len(problems)) == (422, len(set(problems)))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b'{"type": "reject", "note": "\\ud800"}', 400),
        (b'{"type": "reject", "note": NaN}', 400),
        (b"[" * 100_000, 400),
        (b"9" * 5000, 400),
        (b" " * (5 * 1024 * 1024), 413),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(inbox: Inbox, body: bytes, status: int) -> None:
    path = f"/api/requirements/{_waiting(inbox)['id']}/decision"
    headers = {**inbox.bearer, "Content-Type": "application/json"}
    assert inbox.ask("POST", path, headers=headers, body=body).status == status


def test_a_body_of_another_type_is_refused(inbox: Inbox) -> None:
    requirement_id = _waiting(inbox)["id"]
    for type_ in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert inbox.decide(requirement_id, {"type": "confirm"}, **{"Content-Type": type_}).status == 415


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs/nothing",
        "/api/runs/nothing/audit",
        "/api/requirements/nothing",
        "/api/nothing",
        "/api/runs/%00",
        "/api/requirements/%ff",
        "/api/runs/" + "a" * 5000,
    ],
)
def test_what_is_not_there_is_not_found(inbox: Inbox, path: str) -> None:
    answer = inbox.get(path)
    assert (answer.status, set(answer.json)) == (404, {"error", "message", "field"})


def test_a_decision_on_what_is_not_there_is_not_found(inbox: Inbox) -> None:
    assert inbox.decide("nothing", {"type": "confirm"}).status == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=-1", "kind=x", "open_only=maybe", "x=1"])
def test_a_parameter_that_does_not_fit_is_refused(inbox: Inbox, query: str) -> None:
    answer = inbox.get(f"/api/requirements?{query}")
    assert answer.status == 422
    assert query.partition("=")[0] in answer.json["message"]


def test_lists_are_read_page_by_page(inbox: Inbox, start: StartRun) -> None:
    for _ in range(2):
        start(DELIVER)
    ids = [item["id"] for item in inbox.get("/api/requirements").json["items"]]
    first = inbox.get("/api/requirements?limit=2").json["items"]
    rest = inbox.get(f"/api/requirements?limit=2&before={first[-1]['id']}").json["items"]
    assert [item["id"] for item in first + rest] == ids


def test_decided_requirements_are_listed_when_they_are_asked_for(inbox: Inbox) -> None:
    item = _waiting(inbox)
    inbox.decide(item["id"], {"type": "confirm"})
    (decided,) = inbox.get("/api/requirements?open_only=false").json["items"]
    assert decided["decision"] == {"type": "confirm"}


def test_answers_are_ascii_whatever_a_model_says(inbox: Inbox, start: StartRun) -> None:
    run_id = start(task="\u202e\x1b[2J<b>")
    answer = inbox.get(f"/api/runs/{run_id}")
    assert answer.text.isascii() and answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.text)["run"]["task"] == "\u202e\x1b[2J<b>"


def test_a_wrong_method_says_which_one_is_right(inbox: Inbox) -> None:
    answer = inbox.ask("DELETE", "/api/requirements", headers=inbox.bearer)
    assert (answer.status, answer.json["error"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
