"""Numbers that users give."""

from __future__ import annotations

import math

__all__ = ["is_finite"]


def is_finite(number: float) -> bool:
    """Whether a number is one that a float can hold: no infinity, no NaN, and no integer of hundreds of digits."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
