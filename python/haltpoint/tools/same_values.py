"""Whether two values of JSON data are the same, in whatever way they write a number or a time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from haltpoint.timestamps import parse_time

from .json_form import LARGEST_INTEGER, SMALLEST_INTEGER, dump_json

__all__ = ["is_same_json", "is_same_kind", "number_of"]


def is_same_json(first: Any, second: Any) -> bool:
    """Whether two values of JSON data are the same, in whatever way they write a number or a time.

    True and 1 are not the same, and neither are 5 and "five"; 1.5 and "1.50" are, and so are two ways to write a time.
    """
    return _is_same(first, second, _is_same_scalar)


def is_same_kind(first: Any, second: Any) -> bool:
    """Whether two values of JSON data are the same, and text stands nowhere but in the place of the same text.

    An integer of more than 64 bits is text as well, since JSON can't carry it.
    """
    return _is_same(first, second, _is_same_scalar_kind)


def _is_same(first: Any, second: Any, is_same_scalar: Callable[[Any, Any], bool]) -> bool:
    one, other = _object(first), _object(second)
    if one is not None and other is not None:
        same = (_is_same(item, other[name], is_same_scalar) for name, item in one.items() if name in other)
        return one.keys() == other.keys() and all(same)
    items, others = _list(first), _list(second)
    if items is not None and others is not None:
        pairs = zip(items, others, strict=False)
        return len(items) == len(others) and all(_is_same(item, made, is_same_scalar) for item, made in pairs)
    return is_same_scalar(first, second)


def _is_same_scalar_kind(first: Any, second: Any) -> bool:
    if isinstance(first, str) and isinstance(second, str):
        # Only its type can tell that a text is a time, which may be written in several ways.
        return first == second
    if not isinstance(first, str) and not isinstance(second, str):
        return _is_same_scalar(first, second)
    number, text = (second, first) if isinstance(first, str) else (first, second)
    is_large = type(number) is int and not SMALLEST_INTEGER <= number <= LARGEST_INTEGER
    return is_large and str(number) == text


def _is_same_scalar(first: Any, second: Any) -> bool:
    if type(first) is type(second) and first == second:
        return True
    if isinstance(first, str) and isinstance(second, str):
        return _is_same_time(first, second)
    number = number_of(first)
    return number is not None and number == number_of(second)


def number_of(value: Any) -> Decimal | None:
    """Return the number that a value is, as JSON or as text; None where it is none, or no finite one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = Decimal(value if isinstance(value, str) else dump_json(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def _is_same_time(first: str, second: str) -> bool:
    try:
        return parse_time(first) == parse_time(second)
    except ValueError:
        return False


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]
