"""Decimals that a model sends as JSON numbers keep their digits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from typing_extensions import TypedDict

from haltpoint import Agent, ModelReply, ScriptedModel, ToolCall, tool
from haltpoint.exceptions import ToolArgumentsError
from haltpoint.tools import ToolDefinition, define_tool
from haltpoint.tools.decimals import broken_bound


class Line(BaseModel):
    price: Decimal = Field(alias="unitPrice", gt=0)
    ratio: float = 1.5
    parts: list[Line] = []


class Pair(NamedTuple):
    name: str
    amount: Decimal


class Row(TypedDict):
    amount: Decimal


class Amounts(RootModel[dict[str, Decimal]]):
    pass


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Decimal]


@dataclass
class Cost:
    amount: Decimal | None = None


Half = Annotated[Decimal, BeforeValidator(lambda value: value / 2)]
Rounded = Annotated[Decimal, BeforeValidator(Decimal), WithJsonSchema({"type": "number"})]


def takes(hint: Any) -> ToolDefinition:
    def pay(value: Any) -> None: ...

    pay.__annotations__ = {"value": hint, "return": None}
    return define_tool(pay)


def bound(hint: Any, text: str) -> Any:
    definition = takes(hint)
    return definition.bind(definition.parse_arguments(f'{{"value": {text}}}'))["value"]


@pytest.mark.parametrize(
    "digits", ["12345678901234567.89", "1.10", "1.0", "0.00", "1e400", "1E-400", "-1.50", "9" * 40]
)
@pytest.mark.parametrize(
    ("hint", "before", "after", "place"),
    [
        (Decimal, "", "", lambda value: value),
        (Optional[Decimal], "", "", lambda value: value),  # noqa: UP045 - written in both ways
        (float | Decimal, "", "", lambda value: value),
        (int | Decimal | None, "", "", lambda value: value),
        (Annotated[Decimal, Field(max_digits=900)], "", "", lambda value: value),
        (Rounded, "", "", lambda value: value),
        (list[Decimal | None], "[null, ", ", 1]", lambda value: value[1]),
        (dict[str, list[Decimal]], '{"a": [', "]}", lambda value: value["a"][0]),
        (tuple[str, Decimal], '["a", ', "]", lambda value: value[1]),
        (Pair, '["a", ', "]", lambda value: value.amount),
        (Row, '{"amount": ', "}", lambda value: value["amount"]),
        (Cost, '{"amount": ', "}", lambda value: value.amount),
        (Amounts, '{"a": ', "}", lambda value: value.root["a"]),
        (Open, '{"a": ', "}", lambda value: value.a),
        (list[Row | Cost | str], '["a", {"amount": ', "}]", lambda value: dict(value[1])["amount"]),
    ],
)  # fmt: skip
def test_every_digit_reaches_the_tool(hint: Any, before: str, after: str, place: Any, digits: str) -> None:
    exact = place(bound(hint, f"{before}{digits}{after}"))
    assert (type(exact), str(exact)) in {(Decimal, str(Decimal(digits))), (int, digits)}


def test_nested_models_keep_them_under_their_aliases() -> None:
    text = '{"unitPrice": 1.10, "ratio": 1.10, "parts": [{"unitPrice": 2.0, "parts": [{"unitPrice": 3.30}]}]}'
    line = bound(Line, text)
    assert [str(line.price), str(line.parts[0].price), str(line.parts[0].parts[0].price)] == ["1.10", "2.0", "3.30"]
    assert line.ratio == 1.1
    with pytest.raises(ToolArgumentsError, match="unitPrice"):
        bound(Line, '{"unitPrice": -1.10}')


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (float, "1.10", 1.1),
        (Any, "[1.10, 1.0]", [1.1, 1.0]),
        (dict[str, float], '{"a": 1.10}', {"a": 1.1}),
        (str | float, "1.10", 1.1),
        (Half, "1.10", Decimal("0.55")),
    ],
)
def test_other_numbers_stay_numbers(hint: Any, text: str, expected: object) -> None:
    value = bound(hint, text)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize("number", ["123456789012345678901234567890", "1e999"])
@pytest.mark.parametrize("hint", [int, float, Any])
def test_numbers_beyond_their_type_are_refused(hint: Any, number: str) -> None:
    for wanted, text in ((hint, number), (list[hint], f"[{number}]"), (dict[str, hint | None], f'{{"a": {number}}}')):
        with pytest.raises(ToolArgumentsError):
            bound(wanted, text)


def test_numbers_that_a_float_holds_are_shown_as_numbers() -> None:
    assert takes(Decimal).parse_arguments('{"value": 19.99}') == {"value": 19.99}
    assert takes(Decimal).parse_arguments('{"value": 19.990}') == {"value": "19.990"}
    assert takes(Decimal).parse_arguments({"value": 10**30}) == {"value": str(10**30)}


def test_the_schema_that_a_model_reads_says_nothing_of_it() -> None:
    schema = takes(list[Line] | Decimal).parameters
    assert "haltpoint" not in str(schema)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_any_decimal_survives(amount: Decimal) -> None:
    assert str(bound(Decimal, str(amount))) in {str(amount), str(amount).removeprefix("-") if not amount else ""}


def test_what_is_shown_is_what_runs() -> None:
    @tool(requires_confirmation=True)
    def pay(euros: Decimal, rows: list[Line]) -> str:
        return f"{euros} {[str(row.price) for row in rows]}"

    sent = '{"euros": 12345678901234567.89, "rows": [{"unitPrice": 1.10}]}'
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("pay", sent)]), lambda r: r.messages[-1].content])
    agent = Agent(model, tools=[pay])
    paused = agent.do("x", return_output=True)
    (requirement,) = paused.active_requirements
    shown = requirement.tool_execution.tool_args
    assert (str(shown["euros"]), str(shown["rows"][0]["unitPrice"])) == ("12345678901234567.89", "1.10")
    requirement.confirm()
    assert agent.continue_run(run_id=paused.run_id) == "12345678901234567.89 ['1.10']"


@pytest.mark.parametrize(
    "value", [99999.9, "99999.90", "9999.99", 9999.9, 10000, "1E+4", "1E+3", 0.01, "0.00", -12345, "0012345", 1.105]
)
def test_whole_digits_are_bounded_as_pydantic_bounds_them(value: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[Decimal, Field(max_digits=6, decimal_places=2)])
    try:
        adapter.validate_python(value)
        fits = True
    except ValidationError:
        fits = False
    assert (broken_bound(value, {"maxDigits": "6", "decimalPlaces": "2"}) is None) is fits
