"""An edit that leaves out a member that the model left out, too: what its default made and people were shown stays."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from haltpoint import Agent, ScriptedModel, SqliteDatabase, tool
from support.editing import Editing, anywhere
from support.replies import wants

confirmed = tool(requires_confirmation=True)

numbers = itertools.count(1)


class Order(BaseModel):
    note: str = "n"
    number: int = Field(default_factory=lambda: next(numbers))


class Basket(BaseModel):
    first: Order = Field(default_factory=Order)
    orders: list[Order] = []


@dataclass
class Parcel:
    to: str = "Ann"
    number: int = field(default_factory=lambda: next(numbers))


class Total(BaseModel):
    euros: int
    total: int = 0

    def model_post_init(self, context: Any) -> None:
        self.total += self.euros


class Login(BaseModel):
    name: str = "a"
    key: SecretStr = SecretStr("k")


def taking(kind: Any, *default: Any) -> Callable[..., Any]:
    def take(value) -> str:  # type: ignore[no-untyped-def]
        """Take."""
        return repr(value)

    def take_or_not(value=default[0] if default else None) -> str:  # type: ignore[no-untyped-def]
        """Take."""
        return repr(value)

    function = take_or_not if default else take
    function.__annotations__["value"] = kind
    return function


# The type, what the model says, what the person wants, and what is shown then, of what was shown before.
EDITS: dict[str, tuple[Any, Any, Any, Callable[[Any], Any]]] = {
    "nothing": (Order, {}, {}, lambda shown: shown),
    "what it said": (Order, {"note": "n"}, {"note": "n"}, lambda shown: shown),
    "a default": (Order, {}, {"note": "n"}, lambda shown: shown),
    "another member": (Order, {}, {"note": "z"}, lambda shown: {**shown, "note": "z"}),
    "the member itself": (Order, {}, {"number": 77}, lambda shown: {**shown, "number": 77}),
    "of a dataclass": (Parcel, {"to": "Bob"}, {"to": "Eve"}, lambda shown: {**shown, "to": "Eve"}),
    "in a list": (
        list[Order],
        [{"note": "a"}, {"note": "b"}],
        [{"note": "a"}, {"note": "z"}],
        lambda shown: [shown[0], {**shown[1], "note": "z"}],
    ),
    "in a dict": (dict[str, Order], {"a": {}}, {"a": {"note": "z"}}, lambda shown: {"a": {**shown["a"], "note": "z"}}),
    "deeper": (
        Basket,
        {"orders": [{}]},
        {"orders": [{"note": "z"}]},
        lambda shown: {**shown, "orders": [{**shown["orders"][0], "note": "z"}]},
    ),
    "within what was left out": (
        Basket,
        {},
        {"first": {"note": "z"}},
        lambda shown: {**shown, "first": {**shown["first"], "note": "z"}},
    ),
    "or nothing": (Order | None, {}, {"note": "z"}, lambda shown: {**shown, "note": "z"}),
}


@pytest.mark.parametrize("name", EDITS)
@anywhere
def test_it_runs_as_it_was_shown(db_file: Path, name: str, has_code: bool) -> None:
    kind, said, wanted, after = EDITS[name]
    call = Editing(db_file, taking(kind), value=said)
    shown = after(call.shown["value"])
    call.change(has_code=has_code, value=wanted)
    assert call.shown["value"] == shown
    result = call.run()
    numbers_shown = [item for item in str(shown).replace("}", ",").split(",") if "number" in item]
    assert all(item.rpartition(":")[2].strip() in result for item in numbers_shown)


def test_so_it_does_within_a_default_of_the_parameter(db_file: Path) -> None:
    call = Editing(db_file, taking(Order, Order(note="special", number=5)))
    call.change(has_code=True, value={"number": 6})
    assert call.shown["value"] == {"note": "special", "number": 6}
    assert call.run() == "Order(note='special', number=6)"


def test_what_the_model_said_and_the_person_takes_out_has_its_default(db_file: Path) -> None:
    call = Editing(db_file, taking(Order), value={"note": "said", "number": 5})
    call.change(has_code=True, value={"number": 5})
    assert call.shown["value"] == {"note": "n", "number": 5}


def test_what_follows_from_what_was_changed_is_made_anew(db_file: Path) -> None:
    call = Editing(db_file, taking(Total), value={"euros": 5})
    call.change(has_code=True, value={"euros": 7})
    assert call.shown["value"] == {"euros": 7, "total": 7}


@anywhere
def test_keys_that_a_person_takes_out_stay_out(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, taking(dict[int, int]), value={"01": 1, "2": 2})
    call.change(has_code=has_code, value={"2": 2})
    assert call.run() == "{2: 2}"


def test_a_secret_is_not_made_of_its_mask(db_file: Path) -> None:
    call = Editing(db_file, taking(Login), value={})
    call.change(has_code=True, value={"name": "b"})
    assert call.run() == repr(Login(name="b"))
    assert Login(name="b").key.get_secret_value() == "k"


def test_an_edit_that_changes_nothing_is_a_plain_confirmation(db: SqliteDatabase) -> None:
    agent = Agent(ScriptedModel([wants("take", value={}), "END"]), db=db, tools=[confirmed(taking(Order))])
    requirement = agent.do("Take.", return_output=True).active_requirements[0]
    requirement.confirm(tool_args={"value": {}})
    requirement.commit()
    assert requirement.decision == {"type": "confirm"}
    assert requirement.tool_execution.changed_by_person is False
