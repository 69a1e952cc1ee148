"""How long a provider may ask a run to wait."""

from __future__ import annotations

from typing import Any

import pytest

from haltpoint.runtime.model_request import retry_delay


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(0, 0.0), (-5, 0.0), (7, 7.0), (1.5, 1.5), (600, 600.0), (601, 600.0), (1e300, 600.0), (10**400, 600.0)],
)
def test_it_is_ten_minutes_at_most(asked: Any, waited: float) -> None:
    assert retry_delay(1, asked) == waited


@pytest.mark.parametrize("asked", [None, float("inf"), float("nan"), "soon"])
def test_what_is_no_time_asks_for_none(asked: Any) -> None:
    assert 0 < retry_delay(1, asked) < 1
