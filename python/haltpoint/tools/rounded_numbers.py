"""Whole numbers that the tool would round, where only the schema of its arguments is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from .json_parts import as_list, as_object
from .same_values import number_of
from .schema_marks import DECIMAL
from .value_problems import ValueProblem

if TYPE_CHECKING:
    from .value_problems import Path

__all__ = ["rounded_numbers"]

_WORDS = "must be a number that a float holds with all its digits"


def rounded_numbers(schema: Mapping[str, Any], value: object) -> list[ValueProblem]:
    """Return where a whole number stands in the place of a float that does not hold it: the call would not run.

    Args:
        schema: the JSON schema of the value. It may be broken.
        value: JSON data that fits it.
    """
    found: object = schema.get("$defs")
    definitions: Mapping[str, Any] = cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
    try:
        return list(_found(schema, value, definitions, ()))
    except (AttributeError, TypeError, RecursionError):
        # What else checks the value says that the schema can't be read.
        return []


def _found(schema: Any, value: object, definitions: Mapping[str, Any], path: Path) -> Iterator[ValueProblem]:
    if not isinstance(schema, Mapping) or DECIMAL in schema:
        return
    here = cast("Mapping[str, Any]", schema)
    if here.get("type") == "number" and type(value) is int and _is_rounded(value):
        yield ValueProblem(path, "float", _WORDS, value)
    target = here.get("$ref")
    if isinstance(target, str) and target.startswith("#/$defs/"):
        yield from _found(definitions.get(target.removeprefix("#/$defs/")), value, definitions, path)
    members, items = as_object(value), as_list(value)
    if members is not None:
        known = here.get("properties", {})
        for name, member in members.items():
            described = known.get(name, here.get("additionalProperties"))
            yield from _found(described, member, definitions, (*path, name))
    elif items is not None:
        first = here.get("prefixItems", ())
        for place, item in enumerate(items):
            described = first[place] if place < len(first) else here.get("items")
            yield from _found(described, item, definitions, (*path, place))


def _is_rounded(number: int) -> bool:
    try:
        return number_of(float(number)) != number_of(number)
    except OverflowError:
        return True
