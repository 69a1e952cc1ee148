"""Values that are long, or of characters that nobody sees, hold up neither their page nor other visitors."""

from __future__ import annotations

import threading
import time

import pytest
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, ModelReply, ScriptedModel, Task, ToolCall, tool
from support.command import CommandLine, StartRun
from support.inbox import Inbox
from support.replies import wants

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


LONG = "first" + "x" * 20_000 + "last"
# What a person types is theirs.
TYPED = "typed" + "y" * 20_000 + "ended"


@tool(requires_confirmation=True)
def send(to: str, body: str) -> str:
    """Send."""
    return f"{to}: {body}"


@tool(requires_user_input=True, user_input_fields=["name"])
def engrave(text: str, name: str) -> str:
    """Engrave."""
    return f"{name}: {text}"


def _visited(db: InMemoryDatabase, name: str, **arguments: str) -> tuple[Agent, Visitor, str]:
    agent = Agent(ScriptedModel([wants(name, **arguments), "finished"]), db=db, tools=[send, engrave])
    run_id: str = agent.do(Task("Work."), return_output=True).run_id
    return agent, Visitor(db, run_id, "ann"), run_id


def test_what_stands_beside_a_long_argument_is_changed_and_the_long_one_runs_whole() -> None:
    with InMemoryDatabase() as db:
        agent, visitor, run_id = _visited(db, "send", to="bob", body=LONG)
        visitor.edit()
        assert 'name="argument-0"' in visitor.page.text
        assert 'name="argument-1"' not in visitor.page.text
        assert "What is too long to be changed here stays as it is." in visitor.words
        assert visitor.send("approve_changed", **{"argument-0": "ann"}).status == 303
        run = agent.continue_run(run_id=run_id, return_output=True)
        assert run.tools[0].result == f"ann: {LONG}"


def test_a_long_value_that_the_model_filled_in_is_shown_and_not_offered() -> None:
    with InMemoryDatabase() as db:
        agent, visitor, run_id = _visited(db, "engrave", text=LONG)
        assert 'name="value-0"' not in visitor.page.text
        assert "first" in visitor.page.text and "last" not in visitor.page.text.replace("latest", "")
        assert "Too long to be changed here: it stays as it is." in visitor.words
        assert visitor.send("answer", **{"value-1": "Ann"}).status == 303
        run = agent.continue_run(run_id=run_id, return_output=True)
        assert run.tools[0].result == f"Ann: {LONG}"


def test_a_form_that_is_refused_comes_back_with_all_that_was_typed_however_long() -> None:
    with InMemoryDatabase() as db:
        _, visitor, _ = _visited(db, "send", to="bob", body="hello")
        visitor.edit()
        refused = visitor.send("approve_changed", without="digest", **{"argument-0": TYPED})
        assert refused.status == 400 and f'value="{TYPED}"' in refused.text

    with InMemoryDatabase() as db:
        _, visitor, _ = _visited(db, "engrave", text="word")
        refused = visitor.send("answer", without="digest", **{"value-1": TYPED})
        assert refused.status == 400 and f"{TYPED}</textarea>" in refused.text


def test_what_was_typed_into_a_form_that_is_gone_is_shown_whole() -> None:
    with InMemoryDatabase() as db:
        _, visitor, _ = _visited(db, "send", to="bob", body="hello")
        visitor.edit()
        page = visitor.page
        (requirement,) = db.requirements()
        requirement.reject("no", by="bob")
        requirement.commit()
        refused = visitor.send("approve_changed", page=page, **{"argument-0": TYPED})
        assert refused.status == 409 and "What you typed was not sent:" in words(refused)
        assert f'<pre class="typed">{TYPED}</pre>' in refused.text
