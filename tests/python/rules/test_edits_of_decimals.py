"""A person writes a decimal as a number: its digits stay."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from haltpoint import InvalidResolutionError
from haltpoint.tools.json_form import parse_said
from support.editing import Editing


def pay(cents: Decimal, parts: list[Decimal], rate: float = 1.5) -> str:
    """Pay."""
    return f"{cents} {parts} {rate}"


@pytest.mark.parametrize(
    ("cents", "paid"),
    [("12345678901234567.89", "12345678901234567.89"), ("2.50", "2.50"), ("1e2", "1E+2"), ("0.1", "0.1"), ("7", "7")],
)
def test_a_number_for_a_decimal_keeps_its_digits(db_file: Path, cents: str, paid: str) -> None:
    call = Editing(db_file, pay, cents="1.10", parts=[])
    wanted: Any = parse_said(f'{{"cents":{cents},"parts":[{cents}],"rate":2.50}}')
    call.change(has_code=True, **wanted)
    assert call.run() == f"{paid} [Decimal('{paid}')] 2.5"


def charge(euros: Annotated[Decimal, Field(gt=0, decimal_places=2)], tip: Decimal | None = None) -> str:
    """Charge."""
    return f"{euros!r} {tip!r}"


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"euros": "abc"}, "euros: must be a decimal number such as 12.50"),
        ({"euros": "1,10"}, "euros: must be a decimal number such as 12.50"),
        ({"euros": True}, "euros: must be a decimal number such as 12.50"),
        ({"euros": "0"}, "euros: must be greater than 0"),
        ({"euros": 1.234}, "euros: must have at most 2 decimal places"),
        ({"tip": "much"}, "tip: must be a decimal number such as 12.50"),
    ],
)
def test_what_is_no_such_decimal_is_refused_without_the_code_too(
    db_file: Path, wanted: dict[str, Any], complaint: str
) -> None:
    call = Editing(db_file, charge, euros="1.10", tip=1)
    with pytest.raises(InvalidResolutionError, match=complaint):
        call.change(has_code=False, **wanted)
    call.change(has_code=False, euros="2.50", tip=None)
    assert call.run() == "Decimal('2.50') None"
