"""A person gives a decimal where the tool's code is not at hand: it is held against what the form says of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, Field

from haltpoint import Agent, ScriptedModel, tool
from haltpoint.db import Database
from haltpoint.tools import define_tool
from support.command import CommandLine
from support.databases import opened
from support.replies import results_in, wants

Price = Annotated[Decimal, Field(gt=0, le=100, max_digits=5, decimal_places=2)]
Euros = Annotated[Decimal, BeforeValidator(lambda given: str(given).removeprefix("EUR "))]


class Line(BaseModel):
    price: Price
    parts: list[Decimal] = []


def asking(annotation: Any) -> Callable[..., Any]:
    """A tool that a person gives a value of a type."""

    def pay(amount: Any) -> str:
        """Pay."""
        return f"paid {amount!r}"

    pay.__annotations__["amount"] = annotation
    return tool(requires_user_input=True, user_input_fields=["amount"])(pay)


def _agent(db: Database, function: Any) -> Agent:
    return Agent(ScriptedModel([wants("pay"), lambda request: str(results_in(request)[-1])]), db=db, tools=[function])


def _asked(db_file: Path, function: Any) -> tuple[str, str]:
    with opened(db_file) as db:
        requirement = _agent(db, function).do("Pay.", return_output=True).active_requirements[0]
        assert requirement.run_id is not None
        return requirement.id, requirement.run_id


@pytest.mark.parametrize(
    ("annotation", "typed", "complaint"),
    [
        (Decimal, "abc", 'amount: must be a decimal number such as 12.50, got "abc"'),
        (Decimal, "1,10", "must be a decimal number such as 12.50"),
        (Decimal, "NaN", "must be a decimal number such as 12.50"),
        (Decimal, "Infinity", "must be a decimal number such as 12.50"),
        (Decimal, "true", "must be a decimal number such as 12.50"),
        (Decimal | None, "abc", "must be a decimal number such as 12.50"),
        (list[Decimal], '["1.10", "1,10"]', "amount.1: must be a decimal number such as 12.50"),
        (dict[str, Decimal], '{"a": "x"}', "amount.a: must be a decimal number such as 12.50"),
        (Line, '{"price": "x"}', "amount.price: must be a decimal number such as 12.50"),
        (Price, "0", "must be greater than 0"),
        (Price, "0.00", "must be greater than 0"),
        (Price, "100.01", "must be less than or equal to 100"),
        (Price, "1.234", "must have at most 2 decimal places"),
        (Line, '{"price": 1.234}', "amount.price: must have at most 2 decimal places"),
        (Annotated[Decimal, Field(max_digits=3)], "1234", "must have at most 3 digits"),
        (Annotated[Decimal, Field(multiple_of=Decimal("0.05"))], "0.12", "must be a multiple of 0.05"),
        (Annotated[Decimal, Field(ge=Decimal("0.1"), lt=5)], "0.09999999999999999999", "greater than or equal to 0.1"),
        (Annotated[Decimal, Field(ge=Decimal("0.1"), lt=5)], "5", "must be less than 5"),
    ],
)
def test_what_is_no_such_decimal_is_refused(cli: CommandLine, annotation: Any, typed: str, complaint: str) -> None:
    requirement_id, _ = _asked(cli.db_file, asking(annotation))
    refused = cli("answer", requirement_id, f"amount={typed}")
    assert refused.code != 0
    assert complaint in refused.err
    with opened(cli.db_file) as db:
        assert db.requirement(requirement_id).decision is None


@pytest.mark.parametrize(
    ("annotation", "typed", "paid"),
    [
        (Decimal, "12345678901234567.89", "Decimal('12345678901234567.89')"),
        (Decimal, "-1e2", "Decimal('-1E+2')"),
        (Decimal, ".5", "Decimal('0.5')"),
        (Decimal | None, "null", "None"),
        (Decimal | str, "abc", "'abc'"),
        (Euros, "EUR 5", "Decimal('5')"),
        (Price, "100.00", "Decimal('100.00')"),
        (Price, "1.500", "Decimal('1.500')"),
        (
            Line,
            '{"price": "1.10", "parts": [1, "2.50"]}',
            "Line(price=Decimal('1.10'), parts=[Decimal('1'), Decimal('2.50')])",
        ),
        (Annotated[Decimal, Field(allow_inf_nan=True)], "NaN", "Decimal('NaN')"),
        (Annotated[Decimal, Field(multiple_of=Decimal("0.05"))], "0.15", "Decimal('0.15')"),
    ],
)
def test_what_the_tool_takes_is_taken_and_keeps_its_digits(
    cli: CommandLine, annotation: Any, typed: str, paid: str
) -> None:
    function = asking(annotation)
    requirement_id, run_id = _asked(cli.db_file, function)
    answered = cli("answer", requirement_id, f"amount={typed}")
    assert answered.code == 0, answered.err
    with opened(cli.db_file) as db:
        assert _agent(db, function).continue_run(run_id=run_id) == f"paid {paid}"


def test_the_form_says_what_a_decimal_is_and_the_tool_stays_as_models_know_it(cli: CommandLine) -> None:
    function = asking(Price)
    _asked(cli.db_file, function)
    with opened(cli.db_file) as db:
        (field,) = db.requirements()[0].user_input_schema or ()
    schema = field["json_schema"]
    number, text = schema["anyOf"]
    assert number == {"type": "number", "exclusiveMinimum": 0.0, "maximum": 100.0}
    assert text["type"] == "string" and text["pattern"]
    assert "decimal" not in str(define_tool(function).parameters)
