"""Nothing empty is sent by one click: that it is meant takes a word of its own, also without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, Task, tool
from haltpoint.models.scripted import ScriptedReply
from support.command import DELIVER
from support.databases import opened
from support.programs import Program, run_program
from support.replies import wants
from support.worker import WORKER
from support.workshop import TOOLS


@tool(requires_user_input=True, user_input_fields=["cc", "tone"])
def write(to: str, cc: str | None = None, tone: str = "warm") -> str:
    """Write."""
    return f"{to} {cc} {tone}"


@tool(requires_user_input=True, user_input_fields=["title", "count", "note"])
def post(title: str | None = "news", count: int | None = 3, note: str = "-") -> str:
    """Post."""
    return f"{title!r} {count!r} {note!r}"


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _started(db: Any, *replies: ScriptedReply) -> str:
    agent = Agent(ScriptedModel([*replies, "finished"]), db=db, tools=[*TOOLS, write, post])
    run_id: str = agent.do(Task("Work."), return_output=True).run_id
    return run_id


def _decision(db: Any) -> Any:
    return db.requirements(open_only=False)[0].decision


def _has_check(text: str) -> bool:
    return re.search(r'<input type="checkbox" name="empty"', text) is not None


@pytest.mark.parametrize("text", ["", " ", "\r\n"])
def test_an_empty_result_is_asked_about_first(db: InMemoryDatabase, text: str) -> None:
    visitor = Visitor(db, _started(db, DELIVER), "ann")
    assert not _has_check(visitor.page.text)
    refused = visitor.send("result", result=text)
    assert refused.status == 422 and "the result is empty" in words(refused)
    assert _has_check(refused.text) and "Send an empty result" in words(refused)
    assert _decision(db) is None
    assert visitor.send("result", page=refused, result=text).status == 422
    assert visitor.send("result", page=refused, result=text, empty="yes").status == 303
    assert _decision(db) == {"type": "result", "content": text.replace("\r\n", "\n")}


def test_what_is_typed_after_all_is_sent(db: InMemoryDatabase) -> None:
    visitor = Visitor(db, _started(db, DELIVER), "ann")
    refused = visitor.send("result")
    assert visitor.send("result", page=refused, result="left at the door").status == 303
    assert _decision(db) == {"type": "result", "content": "left at the door"}


def test_an_empty_result_of_a_call_in_doubt_is_asked_about(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with Program(WORKER, "start", str(db_file), "saw", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        assert program.hear()["started"] == "saw"
        program.kill()
    run_program(WORKER, "proceed", str(db_file), "saw", run_id, cwd=tmp_path)
    with opened(db_file) as db:
        visitor = Visitor(db, run_id, "ann")
        refused = visitor.send("supply")
        assert refused.status == 422 and _has_check(refused.text)
        assert _decision(db) is None
        assert visitor.send("supply", page=refused, empty="yes").status == 303
        assert _decision(db) == {"type": "supply", "content": ""}


_ASKED = wants("get_user_input", fields=[{"field_name": "name", "field_type": "str", "field_description": "whose"}])


@pytest.mark.parametrize("reply", [wants("write", to="ann"), _ASKED])
def test_a_form_of_which_nothing_is_filled_in_is_asked_about(db: InMemoryDatabase, reply: ScriptedReply) -> None:
    visitor = Visitor(db, _started(db, reply), "ann")
    assert not _has_check(visitor.page.text)
    refused = visitor.send("answer", **{"value-0": "ann" if reply is not _ASKED else ""})
    assert refused.status == 422 and "no field is filled in" in words(refused)
    assert _has_check(refused.text) and _decision(db) is None
    assert visitor.send("answer", page=refused, empty="yes").status == 303
    assert _decision(db)["type"] == "input"


def test_what_the_fields_are_if_left_empty_is_said(db: InMemoryDatabase) -> None:
    visitor = Visitor(db, _started(db, wants("write", to="ann")), "ann")
    assert 'tone text, "warm" if left empty' in visitor.words and "cc text, may stay empty" in visitor.words
    sent = visitor.send("answer", **{"value-1": "bob"})
    assert sent.status == 303
    visitor.open("?" + (sent.header("location") or "").partition("?")[2])
    assert "cc bob" in visitor.words.partition("What runs is")[2]


@pytest.mark.parametrize(
    ("typed", "posted"),
    [
        ({"value-0": "null"}, {"title": None, "count": 3, "note": "-"}),
        ({"value-0": " null ", "value-1": "null"}, {"title": None, "count": None, "note": "-"}),
        ({"value-0": "", "value-1": "5"}, {"title": "news", "count": 5, "note": "-"}),
        ({"value-0": "nullify"}, {"title": "nullify", "count": 3, "note": "-"}),
        ({"value-2": "null"}, {"title": "news", "count": 3, "note": "null"}),
    ],
)
def test_null_is_given_by_its_name_where_a_field_takes_it(
    db: InMemoryDatabase, typed: dict[str, str], posted: dict[str, Any]
) -> None:
    visitor = Visitor(db, _started(db, wants("post")), "ann")
    assert 'title text, "news" if left empty, null for no value' in visitor.words
    assert 'note text, "-" if left empty' in visitor.words
    assert 'note text, "-" if left empty, null' not in visitor.words
    assert visitor.send("answer", **typed).status == 303
    assert db.requirements(open_only=False)[0].tool_execution.tool_args == posted


def test_a_value_that_was_taken_out_is_not_sent_all_the_same(db: InMemoryDatabase) -> None:
    visitor = Visitor(db, _started(db, wants("write", to="ann")), "ann")
    refused = visitor.send("answer", **{"value-0": "", "value-1": "bob"})
    assert refused.status == 422 and "to: Field required" in words(refused)
    assert _decision(db) is None


def test_an_empty_note_is_no_empty_answer(db: InMemoryDatabase) -> None:
    visitor = Visitor(db, _started(db, wants("paint", color="red")), "ann")
    assert visitor.send("reject").status == 303
