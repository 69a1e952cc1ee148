"""Decimals keep their digits: a JSON number for one becomes text before a float is made of it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple, TypeGuard, cast

from haltpoint.tools.field_words import DECIMAL

from .json_form import LARGEST_INTEGER, MAX_DEPTH, SMALLEST_INTEGER, NotJsonError, WrittenFloat, dump_json, parse_exact

__all__ = ["DecimalPlaces", "broken_bound", "decimal_form"]

_TEXT = r"^\s*[+-]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)([eE][+-]?[0-9]+)?\s*$"

_COMBINATIONS = ("anyOf", "oneOf", "allOf")

_MOST_DIGITS = 1000

_Schemas = list[Mapping[str, Any]]


class DecimalPlaces(NamedTuple):
    """Where the values of a type hold decimals.

    Attributes:
        schema: the type's JSON schema, with `DECIMAL` at the places of decimals: their bounds, by keywords of JSON
            Schema, or None where text may be read in another way.
        definitions: the schemas that its references name.
    """

    schema: Mapping[str, Any]
    definitions: Mapping[str, Any]

    def as_text(self, value: Any) -> Any:
        """Return JSON data in which text stands for each decimal whose digits a float or a 64-bit integer would lose.

        Args:
            value: what `parse_exact` returned. It is not changed.

        Raises:
            NotJsonError: it is nested too deep.
        """
        try:
            return self._as_text(value, [self.schema])
        except RecursionError as error:
            raise NotJsonError(f"is nested deeper than {MAX_DEPTH} levels") from error

    def _as_text(self, value: Any, schemas: _Schemas) -> Any:
        if isinstance(value, dict):
            members, known = cast("dict[str, Any]", value).items(), self._alternatives(schemas)
            return {name: self._as_text(member, [*_of_member(known, name)]) for name, member in members}
        if isinstance(value, list):
            items, known = cast("Sequence[Any]", value), self._alternatives(schemas)
            return [self._as_text(item, [*_of_item(known, index)]) for index, item in enumerate(items)]
        return self._number_as_text(value, schemas)

    def written_as(self, value: Any, like: Any) -> Any:
        """Return JSON data in which decimals are written as text or as numbers, as equal ones are in other JSON data.

        Args:
            value: JSON data. It is not changed.
            like: the other JSON data.

        Raises:
            NotJsonError: it is nested too deep.
        """
        try:
            return self._written_as(value, like, [self.schema])
        except RecursionError as error:
            raise NotJsonError(f"is nested deeper than {MAX_DEPTH} levels") from error

    def _written_as(self, value: Any, like: Any, schemas: _Schemas) -> Any:
        if isinstance(value, dict) and isinstance(like, dict):
            members, others = cast("dict[str, Any]", value), cast("dict[str, Any]", like)
            known = self._alternatives(schemas)
            return {
                name: self._written_as(member, others.get(name), [*_of_member(known, name)])
                for name, member in members.items()
            }
        if isinstance(value, list) and isinstance(like, list):
            items, written = cast("Sequence[Any]", value), cast("Sequence[Any]", like)
            known = self._alternatives(schemas)
            return [
                self._written_as(item, written[index] if index < len(written) else None, [*_of_item(known, index)])
                for index, item in enumerate(items)
            ]
        return self._scalar_written_as(cast("object", value), like, schemas)

    def _scalar_written_as(self, value: object, like: Any, schemas: _Schemas) -> Any:
        number = _decimal(value)
        is_equal = number is not None and number == _decimal(like)
        return like if is_equal and any(DECIMAL in schema for schema in self._alternatives(schemas)) else value

    def _number_as_text(self, value: Any, schemas: _Schemas) -> Any:
        digits = _lost_digits(value)
        is_decimal = digits is not None and any(DECIMAL in schema for schema in self._alternatives(schemas))
        return digits if is_decimal else value

    def _alternatives(self, schemas: _Schemas) -> _Schemas:
        """Return the schemas, and those that they refer to or are made of."""
        found: _Schemas = []
        pending, seen = list(schemas), set[str]()
        while pending:
            schema = pending.pop()
            found.append(schema)
            parts = [part for keyword in _COMBINATIONS for part in schema.get(keyword, ())]
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                parts.append(self.definitions.get(reference.rpartition("/")[2]))
            pending.extend(filter(_is_schema, parts))
        return found


def _lost_digits(value: object) -> str | None:
    """Return a number's digits, where the value that would be made of it does not have them.

    A float that comes from no text is written as the journal has it: what is read there is a decimal of these digits.
    """
    if type(value) is float and math.isfinite(value):
        value = parse_exact(dump_json(value))
    if isinstance(value, WrittenFloat):
        return value.text
    if isinstance(value, int) and not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
        return str(value)
    return None


def _of_member(schemas: _Schemas, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield what the schemas say about an object's member."""
    for schema in schemas:
        properties = schema.get("properties", {})
        if name in properties:
            found = [properties[name]]
        else:
            patterns = schema.get("patternProperties", {}).values()
            found = [*patterns, schema.get("additionalProperties")]
        yield from filter(_is_schema, found)


def _of_item(schemas: _Schemas, index: int) -> Iterator[Mapping[str, Any]]:
    """Yield what the schemas say about a list's item."""
    for schema in schemas:
        first = schema.get("prefixItems", ())
        item = first[index] if index < len(first) else schema.get("items")
        if _is_schema(item):
            yield item


def broken_bound(value: object, bounds: Mapping[str, str]) -> tuple[str, Any] | None:
    """Return the first of a decimal's bounds that a number or text does not keep: its keyword and what it says.

    Text that is not a decimal number, and what is neither, breaks "type".
    """
    number = _decimal(value)
    if number is None:
        return "type", "decimal"
    for keyword, text in bounds.items():
        bound = Decimal(text)
        if not _KEEPS[keyword](number, bound):
            return keyword, int(text) if keyword in ("maxDigits", "decimalPlaces") else text
    return _broken_whole_digits(number, bounds)


def _broken_whole_digits(number: Decimal, bounds: Mapping[str, str]) -> tuple[str, Any] | None:
    """What is left of the digits where those behind the point are reserved, used or not."""
    if "maxDigits" not in bounds or "decimalPlaces" not in bounds:
        return None
    most = int(bounds["maxDigits"]) - int(bounds["decimalPlaces"])
    digits, places = _digits(number)
    return ("wholeDigits", most) if digits - places > most else None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = Decimal(value.strip() if isinstance(value, str) else _written(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _written(number: float) -> str:
    return number.text if isinstance(number, WrittenFloat) else dump_json(number)


def _digits(number: Decimal) -> tuple[int, int]:
    """How many digits a number has, and how many of them stand behind the point, without zeros at its end."""
    _, digits, exponent = number.as_tuple()
    places = -int(exponent)
    written = "".join(map(str, digits))
    kept = written.rstrip("0") if places > 0 else written
    places = max(places - (len(written) - len(kept)), 0)
    return max(len(kept) + max(int(exponent), 0), places), places


def _is_multiple(number: Decimal, step: Decimal) -> bool:
    # As fractions: a remainder of decimals is rounded, or refused where the numbers are far apart. One of a million
    # digits is left to the tool.
    return abs(number.adjusted()) > _MOST_DIGITS or (Fraction(number) / Fraction(step)).denominator == 1


_KEEPS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
    "multipleOf": _is_multiple,
    "maxDigits": lambda number, most: _digits(number)[0] <= most,
    "decimalPlaces": lambda number, most: _digits(number)[1] <= most,
}


def decimal_form(schema: Any) -> Any:
    """Return a schema of `DecimalPlaces` for people who are asked: it says what the text of a decimal looks like."""
    if isinstance(schema, list):
        return [decimal_form(item) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    members = cast("dict[str, Any]", schema)
    if DECIMAL not in members:
        return {key: decimal_form(value) for key, value in members.items()}
    if members[DECIMAL] is None or "anyOf" not in members:
        return {key: value for key, value in members.items() if key != DECIMAL}
    branches = [
        {**branch, "pattern": _TEXT} if branch.get("type") == "string" else branch for branch in members["anyOf"]
    ]
    return {**members, "anyOf": branches}


def _is_schema(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)
