"""A person writes a decimal as a number: its digits stay."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

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
