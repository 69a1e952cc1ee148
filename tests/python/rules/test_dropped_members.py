"""A member that a type does not have, such as a misspelt one, is refused: left out, its type's default would run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import InitVar
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import (
    AliasChoices,
    AliasGenerator,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    RootModel,
    computed_field,
)
from pydantic.alias_generators import to_camel
from typing_extensions import NotRequired, TypedDict

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, SqliteDatabase, tool
from support.editing import Editing, anywhere
from support.replies import wants


def taking(annotation: Any) -> Callable[..., Any]:
    """A tool with one parameter of a type, which tells what it gets."""

    def take(value: Any) -> str:
        """Take."""
        return repr(value)

    take.__annotations__["value"] = annotation
    return take


class Order(BaseModel):
    amount: int = 5
    note: str = "n"


class Basket(BaseModel):
    orders: list[Order] = []
    by_name: dict[str, Order] = {}
    first: Order | None = None


class Orders(RootModel[list[Order]]):
    pass


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    amount: int = 5


class Renamed(BaseModel):
    amount: int = Field(default=5, validation_alias="sum")
    note: str = "n"


class Choices(BaseModel):
    amount: int = Field(default=5, validation_alias=AliasChoices("sum", "total"))


class Within(BaseModel):
    amount: int = Field(default=5, validation_alias=AliasPath("money", "amount"))
    currency: str = Field(default="EUR", validation_alias=AliasPath("money", "currency"))
    note: str = "n"


class Numbered(BaseModel):
    first: int = Field(default=5, validation_alias=AliasPath("numbers", 0))
    note: str = "n"


class Written(BaseModel):
    amount: int = Field(default=5, serialization_alias="betrag")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    amount: int = Field(default=5, serialization_alias="betrag")


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))
    unit_price: int = 5
    max_count: int | None = None


class Computing(BaseModel):
    amount: int = 1

    @computed_field
    def twice(self) -> int:
        return self.amount * 2


@dataclasses.dataclass
class Plain:
    amount: int = 5
    set_by_itself: int = dataclasses.field(default=3, init=False)


@dataclasses.dataclass
class Scaled:
    amount: int = 5
    by: InitVar[int] = 1
    note: str = "n"

    def __post_init__(self, by: int) -> None:
        self.amount *= by


class Typed(TypedDict):
    amount: NotRequired[int]
    note: str


class Opaque:
    """A type of a user's that takes an order and is none."""

    def __init__(self, order: Order) -> None:
        self.order = order

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, handler(Order))


# What the tool takes, what the model said, what the person wants, and where that is refused.
MISSPELT: dict[str, tuple[Any, Any, Any, str]] = {
    "of a model": (Order, {"amount": 1}, {"amout": 9, "note": "n"}, "value.amout"),
    "in a list": (Basket, {"orders": [{"amount": 1}]}, {"orders": [{"amout": 9}]}, "value.orders.0.amout"),
    "in a new item": (Basket, {}, {"orders": [{"amout": 9}]}, "value.orders.0.amout"),
    "in a dictionary": (Basket, {}, {"by_name": {"a": {"amout": 9}}}, "value.by_name.a.amout"),
    "of an optional model": (Basket, {}, {"first": {"amout": 9}}, "value.first.amout"),
    "of a root model": (Orders, [{"amount": 1}], [{"amout": 9}], "value.0.amout"),
    "of a dataclass": (Plain, {"amount": 1}, {"amout": 9}, "value.amout"),
    "of a typed dictionary": (Typed, {"amount": 1, "note": "n"}, {"amout": 9, "note": "n"}, "value.amout"),
    "of a type of a user's own": (Opaque, {"amount": 1}, {"amout": 9}, "value.amout"),
    "the name of a field that has an alias": (Renamed, {"sum": 1}, {"amount": 9, "note": "n"}, "value.amount"),
    "the name by which it is written": (Written, {"amount": 1}, {"betrag": 9}, "value.betrag"),
    "another one's spelling": (Camel, {"unit_price": 1}, {"unitPrice": 9}, "value.unitPrice"),
    "what is computed": (Computing, {"amount": 1}, {"amount": 5, "twice": 50}, "value.twice"),
}


@pytest.mark.parametrize("name", MISSPELT)
@anywhere
def test_a_member_that_is_not_there_is_refused(db_file: Path, name: str, has_code: bool) -> None:
    annotation, said, wanted, path = MISSPELT[name]
    call = Editing(db_file, taking(annotation), value=said)
    # What is shown by its type alone is changed where the code is at hand.
    needs_code = annotation is Opaque and not has_code
    problem = "value: the tool's code is needed" if needs_code else f"{path}: there is no such field"
    with pytest.raises(InvalidResolutionError, match=f"take': {problem}"):
        call.change(has_code=has_code, value=wanted)


# With the code at hand: what its JSON schema does not tell.
REFUSED: dict[str, tuple[Any, Any, Any, str]] = {
    "what the type sets": (Plain, {"amount": 1}, {"amount": 1, "set_by_itself": 9}, "set_by_itself: it can't be given"),
    "two names of one field": (Choices, {"sum": 1}, {"sum": 1, "total": 9}, "total: it is another name of sum"),
    "within a path": (Within, {"money": {"amount": 1}}, {"money": {"amout": 9}}, "money.amout: there is no such field"),
    "what is found by its place": (Numbered, {"numbers": [1]}, {"first": 9, "note": "n"}, "first: there is no such"),
    "what is not kept": (Scaled, {"amount": 1, "by": 7}, {"amount": 2, "note": "n"}, "by: the call has a value for it"),
    "keys that are one": (dict[int, int], {"1": 1}, {"1": 5, "01": 2}, "01: there is no such field beside the others"),
    "in JSON within text": (Json[Order], '{"amount": 1}', '{"amout": 9}', "amout: there is no such field"),
}


def test_beside_what_was_read_freely_it_is_refused_too(db_file: Path) -> None:
    call = Editing(db_file, taking(Order), value={"amount": "7"})
    with pytest.raises(InvalidResolutionError, match=r"value\.nota: there is no such field"):
        call.change(has_code=True, value={"amount": 7, "nota": "z"})


@pytest.mark.parametrize("name", REFUSED)
def test_what_validation_would_drop_is_refused(db_file: Path, name: str) -> None:
    annotation, said, wanted, problem = REFUSED[name]
    call = Editing(db_file, taking(annotation), value=said)
    with pytest.raises(InvalidResolutionError, match=rf"take': value\.{problem}"):
        call.change(has_code=True, value=wanted)


TAKEN: dict[str, tuple[Any, Any, Any, Any, str]] = {
    "what a type takes beside its fields": (
        Open,
        {"amount": 1},
        {"amount": 2, "more": 3},
        None,
        "Open(amount=2, more=3)",
    ),
    "an alias": (Renamed, {"sum": 1}, {"sum": 9, "note": "n"}, None, "Renamed(amount=9, note='n')"),
    "another alias": (Choices, {"sum": 1}, {"total": 9}, {"sum": 9}, "Choices(amount=9)"),
    "a path": (
        Within,
        {"money": {"amount": 1}},
        {"money": {"amount": 9, "currency": "EUR"}, "note": "n"},
        None,
        "Within(amount=9, currency='EUR', note='n')",
    ),
    "what is not written so": (Written, {"amount": 1}, {"amount": 9}, None, "Written(amount=9)"),
    "what the type sets, as it was shown": (
        Plain,
        {"amount": 1},
        {"amount": 9, "set_by_itself": 3},
        None,
        "Plain(amount=9, set_by_itself=3)",
    ),
    "what is not kept, given anew": (
        Scaled,
        {"amount": 1, "by": 7},
        {"amount": 2, "by": 2, "note": "n"},
        {"amount": 4, "by": 2, "note": "n"},
        "Scaled(amount=4, note='n')",
    ),
    "a key written in another way": (dict[int, int], {"1": 1}, {"02": 5}, {"2": 5}, "{2: 5}"),
    "what the model said, too": (
        Order,
        {"amount": 1, "odd": 2},
        {"amount": 9, "odd": 2},
        None,
        "Order(amount=9, note='n')",
    ),
    "what a validator reads": (
        Annotated[Order, BeforeValidator(lambda given: {"note": "n", **given})],
        {"amount": 1},
        {"amount": 9},
        {"amount": 9, "note": "n"},
        "Order(amount=9, note='n')",
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_type_takes_is_taken(db_file: Path, name: str) -> None:
    annotation, said, wanted, after, result = TAKEN[name]
    call = Editing(db_file, taking(annotation), value=said)
    call.change(has_code=True, value=wanted)
    if after is not None:
        assert call.shown["value"] == after
    assert call.run() == result


@anywhere
def test_a_type_that_takes_more_is_taken(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, taking(Open), value={"amount": 1})
    call.change(has_code=has_code, value={"amount": 2, "more": {"a": 3}})
    assert call.shown["value"] == {"amount": 2, "more": {"a": 3}}
    assert call.run() == "Open(amount=2, more={'a': 3})"


def test_what_is_shown_can_be_given(db_file: Path) -> None:
    """All of it, with one member changed."""
    call = Editing(db_file, taking(Within), value={"money": {"amount": 1}})
    assert call.shown["value"] == {"money": {"amount": 1, "currency": "EUR"}, "note": "n"}
    call.change(has_code=True, value={**call.shown["value"], "note": "z"})
    assert call.run() == "Within(amount=1, currency='EUR', note='z')"


def test_a_type_that_shows_what_it_does_not_take_can_be_asked_about(db_file: Path) -> None:
    call = Editing(db_file, taking(Strict), value={})
    assert call.shown["value"] == {"amount": 5}
    call.change(has_code=True)
    assert call.run() == "Strict(amount=5)"


@tool(requires_user_input=True, user_input_fields=["order"])
def fill(order: Order) -> str:
    """Fill in."""
    return repr(order)


@anywhere
def test_so_is_one_in_an_answer(db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, has_code: bool) -> None:
    agent = Agent(ScriptedModel([wants("fill"), "END"]), db=db, tools=[fill])
    output = agent.do("Work.", return_output=True)
    if not has_code:
        monkeypatch.setattr("haltpoint.resolution.answers.tool_at_hand", lambda requirement: None)
        monkeypatch.setattr("haltpoint.resolution.commit.tool_at_hand", lambda requirement: None)
    requirement = db.requirements(run_id=output.run_id)[0]
    with pytest.raises(InvalidResolutionError, match=r"order\.amout: there is no such field") as caught:
        requirement.answer({"order": {"amout": 9}})
    assert caught.value.field_name == "order.amout"
    requirement.answer({"order": {"amount": 9}})
    requirement.commit()
