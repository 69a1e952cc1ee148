"""Values that are long, or of characters that nobody sees, hold up neither their page nor other visitors."""

from __future__ import annotations

import threading
import time

import pytest

from haltpoint import ModelReply, ToolCall
from support.command import CommandLine, StartRun
from support.inbox import Inbox

_VALUES = {
    "long": "x" * 8_000_000,
    "unseen": "\u200b" * 1_000_000,
    "unseen in between": "a\u200b" * 1_000_000,
    "from right to left": "\u05d0, " * 1_000_000,
    "lines": "a\n" * 1_000_000,
}


def _cookie(inbox: Inbox) -> dict[str, str]:
    answer = inbox.ask("GET", f"/?token={inbox.token}")
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


@pytest.mark.parametrize("value", _VALUES.values(), ids=_VALUES)
def test_a_page_shows_the_beginning_and_where_all_of_it_is(cli: CommandLine, start: StartRun, value: str) -> None:
    run_id = start(ModelReply(text=value, tool_calls=[ToolCall("paint", {"color": value})]))
    with Inbox(cli) as inbox:
        cookie = _cookie(inbox)
        page = inbox.ask("GET", f"/runs/{run_id}", headers=cookie)
        assert page.status == 200
        assert len(page.text) < 1_500_000
        assert f'href="/api/runs/{run_id}"' in page.text
        assert f"{len(value) - 10_000:,} more characters" in page.text
        assert len(inbox.ask("GET", "/", headers=cookie).text) < 100_000
        (requirement,) = inbox.ask("GET", f"/api/runs/{run_id}", headers=cookie).json["requirements"]
        assert requirement["tool_execution"]["tool_args"] == {"color": value}


def test_a_long_argument_is_approved_as_it_is_and_not_offered_for_changes(cli: CommandLine, start: StartRun) -> None:
    run_id = start(ModelReply(tool_calls=[ToolCall("paint", {"color": "x" * 20_000})]))
    with Inbox(cli) as inbox:
        page = inbox.ask("GET", f"/runs/{run_id}", headers=_cookie(inbox)).text
    assert 'value="approve"' in page
    assert 'name="argument-0"' not in page


def test_pages_are_written_beside_other_answers(cli: CommandLine, start: StartRun) -> None:
    text = "a\u200b" * 5_000
    run_id = start(*(ModelReply(text=text, tool_calls=[ToolCall("note_down", {"text": text})]) for _ in range(20)))
    with Inbox(cli) as inbox:
        cookie = _cookie(inbox)
        page = threading.Thread(target=inbox.ask, args=("GET", f"/runs/{run_id}"), kwargs={"headers": cookie})
        page.start()
        longest = 0.0
        while page.is_alive():
            began = time.monotonic()
            assert inbox.get("/api/requirements?limit=1").status == 200
            longest = max(longest, time.monotonic() - began)
    assert longest < 5
