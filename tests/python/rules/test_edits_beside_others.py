"""A person changes a part of a nested value: what was left as it was shown runs as it was shown, or nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from haltpoint import InvalidResolutionError
from support.editing import Editing, anywhere

Cents = Annotated[int, AfterValidator(lambda euros: euros * 100)]
SmallCents = Annotated[int, Field(le=10), AfterValidator(lambda euros: euros * 100)]
Clamped = Annotated[int, AfterValidator(lambda euros: min(euros, 100))]


class Order(BaseModel):
    price: Cents
    note: str = ""
    most: Clamped = 10


class Basket(BaseModel):
    orders: list[Order]
    tags: set[str] = set()
    by_name: dict[str, SmallCents] = {}


class Defaulted(BaseModel):
    price: Cents = 5
    note: str = ""


class Loose(BaseModel):
    count: int
    price: Cents
    note: str = ""


class Total(BaseModel):
    euros: int
    total: int = 0

    def model_post_init(self, context: Any) -> None:
        self.total += self.euros


class Either(BaseModel):
    number: Annotated[int | str, BeforeValidator(lambda given: given if isinstance(given, int) else f"<{given}>")]
    note: str = ""


def taking(annotation: Any) -> Callable[..., Any]:
    """A tool with one parameter of a type, which tells what it gets."""

    def take(value: Any) -> str:
        """Take."""
        return repr(value)

    take.__annotations__["value"] = annotation
    return take


BASKET = {
    "orders": [{"price": 1}, {"price": 2, "note": "two"}],
    "tags": ["c", "a", "b"],
    "by_name": {"x": 3, "y": 4},
}

# What the tool takes, what the model said, how the person changes what is shown, and what is shown then.
EDITS: dict[str, tuple[Any, Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "a member": (Order, {"price": 5}, lambda it: {**it, "note": "n"}, lambda it: {**it, "note": "n"}),
    "a member beside one that was converted": (
        Loose,
        {"count": "7", "price": 5},
        lambda it: {**it, "note": "n"},
        lambda it: {**it, "note": "n"},
    ),
    "beside a default that is not validated": (
        Defaulted,
        {},
        lambda it: {**it, "note": "n"},
        lambda it: {**it, "note": "n"},
    ),
    "an item": (list[Cents], [1, 2, 3], lambda it: [it[0], 7, it[2]], lambda it: [it[0], 700, it[2]]),
    "an item is added": (list[Cents], [1, 2], lambda it: [*it, 7], lambda it: [*it, 700]),
    "an item is added in front": (list[Cents], [1, 2], lambda it: [7, *it], lambda it: [700, *it]),
    "an item is taken out": (list[Cents], [1, 2], lambda it: it[1:], lambda it: it[1:]),
    "items change places": (list[Cents], [1, 2], lambda it: it[::-1], lambda it: it[::-1]),
    "a tuple": (tuple[Cents, str], [1, "a"], lambda it: [it[0], "b"], lambda it: [it[0], "b"]),
    "a value by its name": (dict[str, Cents], {"a": 1}, lambda it: {**it, "b": 7}, lambda it: {**it, "b": 700}),
    "within a list": (
        Basket,
        BASKET,
        lambda it: {**it, "orders": [{**it["orders"][0], "note": "n"}, it["orders"][1]]},
        lambda it: {**it, "orders": [{**it["orders"][0], "note": "n"}, it["orders"][1]]},
    ),
    "within a list that gets shorter": (
        Basket,
        BASKET,
        lambda it: {**it, "orders": [{**it["orders"][1], "note": "n"}]},
        lambda it: {**it, "orders": [{**it["orders"][1], "note": "n"}]},
    ),
    "a set": (Basket, BASKET, lambda it: {**it, "tags": ["b", "d"]}, lambda it: {**it, "tags": ["b", "d"]}),
    "beside what a validator does not take again": (
        Basket,
        BASKET,
        lambda it: {**it, "by_name": {"y": it["by_name"]["y"]}},
        lambda it: {**it, "by_name": {"y": it["by_name"]["y"]}},
    ),
    "what comes out as another type": (
        Either,
        {"number": "5"},
        lambda it: {**it, "note": "n"},
        lambda it: {**it, "note": "n"},
    ),
}


@pytest.mark.parametrize("name", EDITS)
@anywhere
def test_what_was_left_as_it_was_shown_runs_as_it_was_shown(db_file: Path, name: str, has_code: bool) -> None:
    annotation, said, change, after = EDITS[name]
    call = Editing(db_file, taking(annotation), value=said)
    before = call.shown["value"]
    if not has_code and (after(before) != change(before) or annotation is Defaulted):
        pytest.skip("what validators make of values is not known without the tool's code")
    call.change(has_code=has_code, value=change(before))
    assert call.shown["value"] == after(before)
    call.run()


def test_the_tool_gets_what_the_person_saw(db_file: Path) -> None:
    call = Editing(db_file, taking(Basket), value=BASKET)
    wanted = {**call.shown["value"], "tags": ["new"]}
    call.change(has_code=True, value=wanted)
    assert call.shown["value"] == wanted
    assert call.run() == (
        "Basket(orders=[Order(price=100, note='', most=10), Order(price=200, note='two', most=10)], tags={'new'}, "
        "by_name={'x': 300, 'y': 400})"
    )


def test_a_clamp_of_what_the_person_changed_is_shown_and_runs(db_file: Path) -> None:
    call = Editing(db_file, taking(Order), value={"price": 5})
    call.change(has_code=True, value={**call.shown["value"], "most": 5000})
    assert call.shown["value"] == {"price": 500, "note": "", "most": 100}
    assert call.run() == "Order(price=500, note='', most=100)"


def test_what_does_not_come_out_as_it_was_shown_is_refused_by_its_path(db_file: Path) -> None:
    call = Editing(db_file, taking(dict[str, list[Total]]), value={"a": [{"euros": 5}]})
    shown = call.shown["value"]
    assert shown == {"a": [{"euros": 5, "total": 5}]}
    with pytest.raises(InvalidResolutionError, match=r"value\.a\.0\.total: .* as it was shown, 5, .* would be 12"):
        call.change(has_code=True, value={"a": [{"euros": 7, "total": 5}]})
    call.change(has_code=True, value={"a": [{"euros": 7}]})
    assert call.shown["value"] == {"a": [{"euros": 7, "total": 7}]}


def test_without_code_it_is_refused_where_the_call_runs(db_file: Path) -> None:
    call = Editing(db_file, taking(Total), value={"euros": 5})
    call.change(has_code=False, value={"euros": 7, "total": 5})
    assert 'of which the tool would make {"euros":7,"total":12}' in call.run()


@anywhere
def test_what_was_changed_is_still_held_against_its_type(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, taking(Loose), value={"count": "7", "price": 5})
    for wrong in ({"count": True}, {"note": 5}, {"price": None}):
        with pytest.raises(InvalidResolutionError, match=f"value.{next(iter(wrong))}: "):
            call.change(has_code=has_code, value={**call.shown["value"], **wrong})


def test_a_whole_number_written_as_a_float_is_left_as_it_was_shown(db_file: Path) -> None:
    def take(rate: Annotated[float, AfterValidator(lambda given: given * 100)], note: str) -> str:
        """Take."""
        return f"{rate} {note}"

    call = Editing(db_file, take, rate=1.5, note="a")
    assert call.shown == {"rate": 150.0, "note": "a"}
    # Browsers write it so.
    call.change(has_code=True, rate=150, note="b")
    assert call.run() == "150.0 b"
