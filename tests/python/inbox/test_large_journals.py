"""Lists of runs with large journals: they read what they show, and no more."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, ModelReply, ScriptedModel, ToolCall, tool
from haltpoint.inbox import create_app
from support.asgi import Told, asked
from support.command import COMMAND
from support.databases import on_files, opened

RUNS = 6
LARGE = 2_000_000
CUT = "… [haltpoint: the rest stands in the journal]"
WORDS = "word "


@tool(requires_confirmation=True)
def pay(euros: int, memo: str = "") -> str:
    """Pay."""
    return f"{euros} paid"


@tool
def read(size: int) -> str:
    """Read."""
    return WORDS * (size // len(WORDS))


def _pause(database: Any, place: str, count: int = RUNS) -> None:
    """Start runs that wait for a confirmation, with two megabytes in their journals."""
    long = WORDS * (LARGE // len(WORDS))
    for number in range(count):
        memo = {"memo": long} if place == "argument" else {}
        replies = [ModelReply(tool_calls=[ToolCall("pay", {"euros": number, **memo})])]
        if place == "result":
            replies.insert(0, ModelReply(tool_calls=[ToolCall("read", {"size": LARGE})]))
        task = long if place == "task" else f"Pay number {number}."
        Agent(ScriptedModel(replies), db=database, tools=[pay, read], name="payer").do(task, return_output=True)


def _get(database: Any, path: str) -> Told:
    told = asked(create_app(database, authenticate=lambda request: "ann"), "GET", path)
    assert told.status == 200, told.text
    return told


def _bytes_read(what: Callable[[], object]) -> int:
    """How many bytes this process reads meanwhile, also of what the system has in memory."""

    def so_far() -> int:
        found = re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())
        assert found is not None
        return int(found[1])

    before = so_far()
    what()
    return so_far() - before


LISTS = ["/", "/runs", "/api/runs", "/api/requirements?preview=true"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("place", ["task", "result", "argument"])
def test_a_list_reads_what_it_shows(tmp_path: Path, place: str, path: str) -> None:
    with opened(tmp_path / "runs.db") as database:
        _pause(database, place)
    # Opened anew, so that nothing is in its memory.
    with opened(tmp_path / "runs.db") as database:
        _get(database, "/history")
        assert _bytes_read(lambda: _get(database, path)) < RUNS * LARGE / 4
        # A few pages of them are in memory by now.
        assert _bytes_read(database.requirements) > RUNS * LARGE * 9 / 10


@pytest.mark.parametrize("place", ["task", "result", "argument"])
def test_a_list_shows_the_beginning_of_what_is_large(tmp_path: Path, place: str) -> None:
    with opened(tmp_path / "runs.db") as database:
        _pause(database, place, 2)
        for path in LISTS:
            text = _get(database, path).text
            assert len(text) < 100_000
        runs = json.loads(_get(database, "/api/runs").text)["items"]
        assert [len(run["open_requirements"]) for run in runs] == [1, 1]
        task = runs[0]["task"]
        assert (task.startswith(WORDS * 800) and task.endswith(CUT)) if place == "task" else task == "Pay number 1."
        items = json.loads(_get(database, "/api/requirements?preview=true").text)["items"]
        assert [item["tool_execution"]["tool_args"]["euros"] for item in items] == [1, 0]
        memo = items[0]["tool_execution"]["tool_args"]["memo"]
        assert memo.endswith(CUT) if place == "argument" else memo == ""


def test_the_whole_is_there_where_it_is_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as database:
        _pause(database, "argument", 1)
        whole = WORDS * (LARGE // len(WORDS))
        assert database.requirements()[0].tool_execution.tool_args["memo"] == whole
        listed = json.loads(_get(database, "/api/requirements").text)["items"][0]
        assert listed["tool_execution"]["tool_args"]["memo"] == whole


def test_a_preview_that_was_cut_decides_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as database:
        _pause(database, "argument", 1)
        item = json.loads(_get(database, "/api/requirements?preview=true").text)["items"][0]
        whole = json.loads(_get(database, f"/api/requirements/{item['id']}").text)
        assert item["digest"] != whole["digest"]
        app = create_app(database, authenticate=lambda request: "ann")
        path, headers = f"/api/requirements/{item['id']}/decision", {"content-type": "application/json"}
        for digest, status in ((item["digest"], 409), (whole["digest"], 200)):
            body = json.dumps({"type": "confirm", "expected_digest": digest}).encode()
            assert asked(app, "POST", path, headers, body).status == status


def test_a_preview_of_what_is_small_is_the_whole(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as database:
        _pause(database, "result", 2)
        assert _get(database, "/api/requirements?preview=true").json == _get(database, "/api/requirements").json


@on_files
@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM outlines",
        "UPDATE outlines SET payload = 'x'",
        "UPDATE outlines SET payload = '{}'",
        "UPDATE outlines SET payload = CAST(x'ff' AS TEXT)",
    ],
)
def test_without_its_outlines_a_run_is_read_whole(tmp_path: Path, damage: str) -> None:
    with opened(tmp_path / "runs.db") as database:
        _pause(database, "result", 2)
        before = {path: _get(database, path).json for path in LISTS if path.startswith("/api")}
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        assert connection.execute(damage).rowcount == 2
    connection.close()
    with opened(tmp_path / "runs.db") as database:
        assert {path: _get(database, path).json for path in before} == before


@on_files
def test_what_was_changed_in_an_outline_is_not_what_runs(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as database:
        _pause(database, "argument", 1)
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        changed = "UPDATE outlines SET payload = replace(payload, '\"euros\":0', '\"euros\":7')"
        assert connection.execute(changed).rowcount == 1
    connection.close()
    with opened(tmp_path / "runs.db") as database:
        requirement = database.requirements()[0]
        assert requirement.tool_execution.tool_args["euros"] == 0
        found = database.verify(requirement.run_id or "").first_bad
        assert "its outline, which lists show in its place, is not that of its content" in str(found)
        listed = json.loads(_get(database, "/api/requirements?preview=true").text)["items"][0]
        assert listed["tool_execution"]["tool_args"]["euros"] == 7
        assert listed["digest"] != requirement.digest


def test_a_database_in_memory_has_previews_as_well() -> None:
    with InMemoryDatabase() as database:
        _pause(database, "argument", 1)
        for path in LISTS:
            _get(database, path)


def test_a_page_of_the_api_ends_where_it_is_large(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as database:
        count = 12
        _pause(database, "argument", count)
        before, sizes, seen = "", [], []
        while True:
            told = _get(database, f"/api/requirements?limit=50{before}")
            page = json.loads(told.text)
            sizes.append(len(told.text))
            seen += [item["tool_execution"]["tool_args"]["euros"] for item in page["items"]]
            assert page["total"] == count
            if page["next"] is None:
                break
            before = f"&before={page['next']}"
        assert seen == list(reversed(range(count)))
        assert len(sizes) > 1
        assert max(sizes) < 16_800_000 + LARGE * 2


def test_a_list_of_large_requirements_takes_the_memory_of_a_few(tmp_path: Path) -> None:
    count = 40
    with opened(tmp_path / "runs.db") as database:
        _pause(database, "argument", count)
    listing = [str(COMMAND), "inbox", "--json", "--db", str(tmp_path / "runs.db")]
    program = f"""
import resource, subprocess, sys
listed = subprocess.Popen({listing!r}, stdout=subprocess.PIPE)
print(sum(1 for line in listed.stdout))
listed.wait()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert int(told[0]) == count
    # In KiB. Each is there several times while it is read: all of them at once would take several times of this.
    assert int(told[1]) * 1024 < 2 * count * LARGE
