"""Arguments of a call: from the model's JSON to what the function is called with."""

from __future__ import annotations

import copy
import enum
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, SecretStr

from haltpoint.exceptions import ToolArgumentsError
from haltpoint.tools import define_tool, tool


class Unit(enum.Enum):
    KILO = "kg"
    POUND = "lb"


class Address(BaseModel):
    street: str
    zip: int


@dataclass
class Size:
    width: int
    height: int


def ship(
    to: Address,
    size: Size,
    on: date,
    unit: Unit = Unit.KILO,
    weight: Decimal = Decimal(1),
    labels: tuple[str, ...] = (),
    extra: dict[str, Any] | None = None,
) -> str:
    return "shipped"


@tool
def count(number: int, note: str = "") -> str:
    return f"{number} {note}"


@tool
def hold(value: Any) -> str:
    return str(value)


COUNT = define_tool(count)
HOLD = define_tool(hold)
SHIP = define_tool(ship)
SHIPMENT: dict[str, Any] = {
    "to": {"street": "Elm 5", "zip": "12345"},
    "size": {"width": 1, "height": 2},
    "on": "2024-02-29",
    "unit": "lb",
    "weight": "1.50",
    "labels": ["a"],
    "extra": {"deep": [1, {"er": None}]},
}


def refusal(definition: Any, arguments: Any) -> str:
    with pytest.raises(ToolArgumentsError) as caught:
        definition.parse_arguments(arguments)
    assert caught.value.tool_name == definition.name
    return str(caught.value)


def test_valid_arguments_come_back_as_the_model_sent_them() -> None:
    assert COUNT.parse_arguments('{"number": "5"}') == {"number": "5"}
    assert SHIP.parse_arguments(json.dumps(SHIPMENT)) == SHIPMENT
    assert SHIP.parse_arguments(SHIPMENT) == SHIPMENT


def test_binding_builds_the_objects_that_the_function_declares() -> None:
    bound = SHIP.bind(SHIPMENT)
    assert bound["to"] == Address(street="Elm 5", zip=12345)
    assert bound["size"] == Size(1, 2)
    assert bound["on"] == date(2024, 2, 29)
    assert bound["unit"] is Unit.POUND
    assert bound["weight"] == Decimal("1.50")
    assert bound["labels"] == ("a",)


def test_defaults_are_left_to_the_function() -> None:
    assert COUNT.bind({"number": 1}) == {"number": 1}


@pytest.mark.parametrize("nothing", [None, "", "  \n", "{}", "null", {}])
def test_no_arguments_in_every_spelling(nothing: Any) -> None:
    def ping() -> str:
        return "pong"

    definition = define_tool(ping)
    assert definition.parse_arguments(nothing) == {}
    assert definition.bind({}) == {}


def test_what_a_tool_does_to_its_arguments_does_not_reach_the_journal() -> None:
    arguments: dict[str, Any] = {"value": {"list": [1]}}
    parsed = HOLD.parse_arguments(arguments)
    HOLD.bind(parsed)["value"]["list"].append(2)
    assert parsed == {"value": {"list": [1]}}
    arguments["value"]["list"].append(3)
    assert parsed == {"value": {"list": [1]}}


def test_a_refusal_names_argument_expectation_and_what_was_given() -> None:
    message = refusal(COUNT, {"number": "abc"})
    assert 'number: expected int, got "abc"' in message
    assert "count" in message


def test_a_refusal_of_a_nested_value_gives_its_path() -> None:
    message = refusal(SHIP, {**SHIPMENT, "to": {"street": 5}})
    assert "to.street: " in message
    assert "got 5" in message
    assert "to.zip: Field required" in message


def test_a_missing_argument_is_named_with_its_type() -> None:
    assert "number: missing, expected int" in refusal(COUNT, "{}")


def test_an_unknown_argument_is_refused_with_the_known_ones() -> None:
    message = refusal(COUNT, {"number": 1, "nmuber": 2})
    assert "nmuber: there is no such argument; the arguments are: number, note" in message


def test_all_problems_are_told_at_once() -> None:
    message = refusal(COUNT, {"note": 5, "other": 1})
    assert all(f"- {name}:" in message for name in ("number", "note", "other"))


def test_a_long_value_is_shortened_in_the_message() -> None:
    assert len(refusal(COUNT, {"number": "x" * 1_000_000})) < 400


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"value": NaN}', "NaN"),
        ('{"value": -Infinity}', "-Infinity"),
        ('{"value": 1e999}', "inf"),
        ('{"value": "\\ud800"}', "U[+]D800"),
        ('{"\\udfff": 1}', "U[+]DFFF"),
        ('{"value": ' + "[" * 100 + "]" * 100 + "}", "deeper than 100"),
        ('{"value": ' + "[" * 200_000 + "]" * 200_000 + "}", "deeper than 100"),
        ('{"value": 1', "not valid JSON"),
        ('{"value": 1} x', "not valid JSON"),
        ("[1]", "one JSON object"),
        ('"text"', "one JSON object"),
        ('{"value": 18446744073709551616}', "64 bits"),
        ('{"value": ' + "9" * 5000 + "}", "JSON|64 bits"),
    ],
)
def test_json_that_not_every_reader_understands_alike_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ToolArgumentsError, match=reason):
        HOLD.parse_arguments(text)


def test_the_limits_themselves_are_allowed() -> None:
    deepest = '{"value": ' + "[" * 99 + "]" * 99 + "}"
    assert HOLD.parse_arguments(deepest) == json.loads(deepest)
    assert HOLD.parse_arguments({"value": [2**64 - 1, -(2**63)]}) == {"value": [2**64 - 1, -(2**63)]}


def test_a_name_that_occurs_twice_has_its_last_value() -> None:
    assert HOLD.parse_arguments('{"value": 1, "value": 2}') == {"value": 2}


def cyclic() -> dict[str, Any]:
    loop: list[Any] = []
    loop.extend([loop, loop])
    return {"value": loop}


@pytest.mark.parametrize(
    "mapping",
    [
        {"value": b"bytes"},
        {"value": {1: "number as key"}},
        {"value": {1, 2}},
        {1: 2},
        {"value": float("nan")},
        {"value": "\ud800"},
        cyclic(),
    ],
)
def test_a_mapping_that_is_not_json_is_refused(mapping: Any) -> None:
    refusal(HOLD, mapping)


@pytest.mark.parametrize("other", [5, ["value"], b"{}"])
def test_what_is_neither_text_nor_mapping_is_refused(other: Any) -> None:
    refusal(HOLD, other)


def test_a_strict_tool_converts_nothing_but_reads_dates_from_text() -> None:
    @tool(strict=True)
    def book(seats: int, day: date) -> None: ...

    definition = define_tool(book)
    assert definition.bind({"seats": 2, "day": "2024-01-01"})["day"] == date(2024, 1, 1)
    assert "seats" in refusal(definition, {"seats": "2", "day": "2024-01-01"})


def fails(value: str) -> str:
    raise OSError("the validator's own trouble")


def test_a_validator_that_fails_is_a_refusal_and_not_a_crash() -> None:
    def use(value: Annotated[str, AfterValidator(fails)]) -> None: ...

    assert "OSError: the validator's own trouble" in refusal(define_tool(use), {"value": "a"})


def test_parameter_names_that_pydantic_models_would_refuse_work() -> None:
    def odd(_private: int, json: int, model_config: int, schema: int, copy: int) -> None: ...

    arguments = {"_private": 1, "json": 2, "model_config": 3, "schema": 4, "copy": 5}
    definition = define_tool(odd)
    assert definition.parse_arguments(arguments) == arguments
    assert definition.bind(arguments) == arguments


@tool(requires_user_input=True, user_input_fields=["seats"])
def reserve(name: str, seats: int) -> str:
    return f"{seats} for {name}"


def test_fields_of_the_user_may_be_missing_or_guessed() -> None:
    definition = define_tool(reserve)
    assert definition.parse_arguments({"name": "Eve"}) == {"name": "Eve"}
    assert definition.parse_arguments({"name": "Eve", "seats": 2}) == {"name": "Eve", "seats": 2}


def test_a_guess_that_does_not_fit_is_dropped() -> None:
    assert define_tool(reserve).parse_arguments({"name": "Eve", "seats": "a few"}) == {"name": "Eve"}


def test_binding_needs_the_fields_of_the_user() -> None:
    definition = define_tool(reserve)
    with pytest.raises(ToolArgumentsError, match="seats: missing"):
        definition.bind({"name": "Eve"})
    assert definition.bind({"name": "Eve", "seats": 2}) == {"name": "Eve", "seats": 2}


def test_binding_refuses_arguments_of_an_older_signature() -> None:
    with pytest.raises(ToolArgumentsError, match="gone: there is no such argument"):
        COUNT.bind({"number": 1, "gone": 2})


def test_a_secret_argument_is_bound_and_kept_as_it_is() -> None:
    def log_in(password: SecretStr) -> None: ...

    definition = define_tool(log_in)
    assert definition.parse_arguments({"password": "pw"}) == {"password": "pw"}
    assert definition.bind({"password": "pw"})["password"].get_secret_value() == "pw"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), children, max_size=4)
    ),
    max_leaves=20,
)


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_any_json_value_passes_unchanged_as_text_and_as_mapping(value: Any) -> None:
    before = copy.deepcopy(value)
    arguments = {"value": value}
    assert HOLD.parse_arguments(json.dumps(arguments)) == arguments
    assert HOLD.parse_arguments(arguments) == arguments
    assert HOLD.bind(arguments) == arguments
    assert value == before


@given(
    st.text()
    | st.binary()
    | json_values
    | json_values.map(json.dumps)
    | st.fixed_dictionaries({"number": json_values}, optional={"note": json_values})
)
@settings(max_examples=300, deadline=None)
def test_whatever_a_model_sends_is_parsed_or_refused(arguments: Any) -> None:
    try:
        parsed = COUNT.parse_arguments(arguments)
    except ToolArgumentsError:
        return
    assert set(parsed) <= {"number", "note"}
    assert isinstance(COUNT.bind(parsed)["number"], int)
