"""Numbers that users give."""

from __future__ import annotations

import math

__all__ = ["is_finite", "is_number"]


def is_finite(number: float) -> bool:
    """Whether a number is one that a float can hold: no infinity, no NaN, and no integer of hundreds of digits."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def is_number(value: object) -> bool:
    """Whether something that was given is a finite number: True and texts are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and is_finite(value)
