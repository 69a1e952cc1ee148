"""The defaults of parameters, as JSON data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, cast

from .json_form import MAX_DEPTH, NotJsonError, json_text

__all__ = ["NO_DEFAULT", "nesting_problem", "plain_default"]


class _NoDefault(Enum):
    NO_DEFAULT = "NO_DEFAULT"


NO_DEFAULT: Final = _NoDefault.NO_DEFAULT
"""Stands for a default value that does not exist, or has no JSON form."""


def plain_default(value: Any) -> Any:
    """Return the JSON form of a default that is plain data, else NO_DEFAULT.

    Anything else, such as a time or a random id, may be another value in the next process.
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (set, frozenset)):
        value = sorted(cast("set[Any]", value), key=repr)
    try:
        return json.loads(json_text(value))
    except NotJsonError:
        return NO_DEFAULT


def nesting_problem(value: object) -> str | None:
    """Return why people could not be shown a default of lists, tuples and dicts; None where nothing hinders it."""
    return _nesting_problem(value, (), set())


def _nesting_problem(value: object, above: tuple[int, ...], seen: set[int]) -> str | None:
    members = _members(value)
    if members is None:
        return None
    key = id(value)
    if key in above:
        return "contains itself"
    if len(above) > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if key in seen:
        return None
    seen.add(key)
    problems = (_nesting_problem(member, (*above, key), seen) for member in members)
    return next((problem for problem in problems if problem is not None), None)


def _members(value: object) -> Iterable[object] | None:
    if isinstance(value, dict):
        return cast("dict[object, object]", value).values()
    return cast("Iterable[object]", value) if isinstance(value, (list, tuple)) else None
