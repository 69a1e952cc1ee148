"""Filling in a form through the JSON API, where nobody has the tool's code, and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from visiting import Visitor, words

from support.command import CommandLine
from support.databases import opened
from support.inbox import Inbox
from support.travel import FILLED_IN, REFUSED, finish_booking, start_booking

PLACES = {"nights": "value-1", "room": "value-2", "day": "value-3", "breakfast": "value-4", "address": "value-5"}


@pytest.fixture
def booking(cli: CommandLine) -> str:
    """A run that waits for a form to be filled in."""
    return start_booking(cli.db_file)


@pytest.fixture
def served(cli: CommandLine, booking: str) -> Iterator[Inbox]:
    """The inbox of a database in which it waits."""
    with Inbox(cli) as inbox:
        yield inbox


def waiting(served: Inbox) -> Any:
    (item,) = served.get("/api/requirements").json["items"]
    return item


def typed(**changed: str) -> dict[str, str]:
    return {PLACES[name]: value for name, value in {**FILLED_IN, **changed}.items()}


def test_the_api_refuses_what_does_not_fit_in_words_and_takes_the_corrected_answer(
    cli: CommandLine, booking: str, served: Inbox
) -> None:
    item = waiting(served)
    for name, value, complaint in REFUSED:
        refused = served.decide(item["id"], {"type": "answer", "values": {**FILLED_IN, name: value}})
        assert (refused.status, complaint in refused.json["message"]) == (422, True), refused.json
    empty = served.decide(item["id"], {"type": "answer", "values": {}})
    assert (empty.status, "nights: Field required" in empty.json["message"]) == (422, True)
    assert waiting(served)["decision"] is None
    values = {**FILLED_IN, "nights": 2, "address": {"street": "A", "code": 7}, "cc": None, "tone": None}
    assert served.decide(item["id"], {"type": "answer", "values": values}).status == 200
    assert finish_booking(cli.db_file, booking) == "Ritz 2 double 29.02. True A 7 None None"


def test_the_api_shows_what_each_field_takes(served: Inbox) -> None:
    form = {field["name"]: field for field in waiting(served)["user_input_schema"]}
    assert form["room"]["json_schema"]["enum"] == ["single", "double"]
    assert form["address"]["json_schema"]["properties"]["code"] == {"type": "integer"}
    assert (form["cc"]["required"], form["cc"]["default"], form["nights"]["required"]) == (False, None, True)


@pytest.mark.parametrize(("name", "value", "complaint"), REFUSED)
def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(
    cli: CommandLine, booking: str, name: str, value: str, complaint: str
) -> None:
    with opened(cli.db_file) as db:
        visitor = Visitor(db, booking, "ann")
        refused = visitor.send("answer", **typed(**{name: value}))
        assert (refused.status, complaint in words(refused)) == (422, True)
        assert f'id="field-{db.requirements()[0].id}-{PLACES[name]}-error"' in refused.text
        assert 'value="2024-02-29"' in refused.text or name == "day"
        assert visitor.send("answer", **typed()).status == 303
    assert finish_booking(cli.db_file, booking) == "Ritz 2 double 29.02. True A 7 None warm"


def test_the_page_says_what_each_field_takes_and_what_it_is_if_left_empty(cli: CommandLine, booking: str) -> None:
    with opened(cli.db_file) as db:
        page = Visitor(db, booking, "ann").words
    for said in (
        "nights whole number",
        "room 'single' or 'double'",
        "day date such as 2024-02-29",
        "breakfast yes or no",
        "address JSON object with street, code",
        "cc text, may stay empty",
        'tone text, "warm" if left empty',
    ):
        assert said in page
