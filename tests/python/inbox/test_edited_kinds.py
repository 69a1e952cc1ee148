"""On the page of an edit, the tool's schema says what a text means: not the value that happens to stand there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, Task, tool
from support.replies import wants


class Address(BaseModel):
    """Where somebody lives."""

    street: str


@tool(requires_confirmation=True)
def book(
    seat: Literal["window", "aisle", 12] = 12,
    row: int | None = None,
    note: str | None = None,
    when: int | str = 5,
    upgrade: bool | None = None,
    day: date | None = None,
    price: Decimal = Decimal("1.10"),
    to: Address | str = "Bergen",
    extra: Any = 1,
) -> str:
    """Book."""
    return "booked"


NAMES = ["seat", "row", "note", "when", "upgrade", "day", "price", "to", "extra"]


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _editing(db: InMemoryDatabase, **said: Any) -> Visitor:
    agent = Agent(ScriptedModel([wants("book", **said), "finished"]), db=db, tools=[book])
    visitor = Visitor(db, agent.do(Task("Book."), return_output=True).run_id, "ann")
    visitor.edit()
    return visitor


def _stored(db: InMemoryDatabase) -> RunRequirement:
    (requirement,) = db.requirements(open_only=False)
    return requirement


@pytest.mark.parametrize(
    ("name", "said", "typed", "value"),
    [
        ("seat", 12, "window", "window"),
        ("seat", 12, '"window"', "window"),
        ("seat", "window", "12", 12),
        ("seat", "window", "aisle", "aisle"),
        ("row", 3, "", None),
        ("row", 3, "null", None),
        ("row", 3, " null ", None),
        ("row", None, "4", 4),
        ("note", "hi", "null", None),
        ("note", "hi", "", None),
        ("note", None, "hello", "hello"),
        ("note", None, "12", "12"),
        ("note", "hi", "12", "12"),
        ("when", 5, "noon", "noon"),
        ("when", 5, "6", 6),
        ("when", "noon", "6", "6"),
        ("when", "noon", "", ""),
        ("when", "noon", "null", "null"),
        ("upgrade", True, "", None),
        ("upgrade", None, "true", True),
        ("upgrade", True, "false", False),
        ("day", "2024-02-29", "", None),
        ("day", None, "2024-02-29", "2024-02-29"),
        ("price", "2.50", "3.50", "3.50"),
        ("to", {"street": "A"}, "Oslo", "Oslo"),
        ("to", "Oslo", '{"street": "A"}', '{"street": "A"}'),
        ("to", {"street": "A"}, '{"street": "B"}', {"street": "B"}),
        ("extra", 1, "null", None),
        ("extra", 1, '{"a": 1}', {"a": 1}),
        ("extra", 1, "text", "text"),
    ],
)
def test_a_text_means_what_the_schema_takes(db: InMemoryDatabase, name: str, said: Any, typed: str, value: Any) -> None:
    sent = _editing(db, **{name: said}).send("approve_changed", **{f"argument-{NAMES.index(name)}": typed})
    assert sent.status == 303, words(sent)
    given = _stored(db).tool_execution.tool_args[name]
    assert (given, type(given)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "said", "typed", "complaint"),
    [
        ("seat", 12, "roof", "seat must be 'window', 'aisle' or 12"),
        ("seat", "window", "", "seat must be 'window', 'aisle' or 12"),
        ("row", 3, "many", "row must be a whole number or null"),
        ("row", 3, "1.5", "row must be a whole number or null"),
        ("upgrade", True, "maybe", "upgrade must be yes or no or null"),
        ("day", None, "soon", "day must be a date such as 2024-02-29"),
        ("to", {"street": "A"}, '{"street": "A", "street": "B"}', "holds the name"),
        ("to", {"street": "A"}, '{"street": ', "is not valid JSON"),
        ("extra", 1, '{"a": 1, "a": 2}', "holds the name"),
    ],
)
def test_what_no_reading_fits_is_refused_in_words(
    db: InMemoryDatabase, name: str, said: Any, typed: str, complaint: str
) -> None:
    refused = _editing(db, **{name: said}).send("approve_changed", **{f"argument-{NAMES.index(name)}": typed})
    assert refused.status == 422
    assert complaint in words(refused)
    assert _stored(db).decision is None


def test_the_page_says_what_each_argument_takes_and_how_to_give_null(db: InMemoryDatabase) -> None:
    visitor = _editing(db, row=3)
    for said in ("row whole number, null if left empty", "note text, null if left empty", "when whole number or text"):
        assert said in visitor.words
    # What is null stands there as an empty field, and is not changed by being sent back.
    sent = visitor.send("approve_changed", **{"argument-1": "4", "argument-2": "", "argument-4": ""})
    assert sent.status == 303
    assert _stored(db).tool_execution.tool_args == {
        "seat": 12,
        "row": 4,
        "note": None,
        "when": 5,
        "upgrade": None,
        "day": None,
        "price": "1.10",
        "to": "Bergen",
        "extra": 1,
    }
