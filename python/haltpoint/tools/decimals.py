"""Decimals keep their digits: a JSON number for one becomes text before a float is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard, cast

from .json_form import LARGEST_INTEGER, MAX_DEPTH, SMALLEST_INTEGER, NotJsonError, WrittenFloat

__all__ = ["DECIMAL", "DecimalPlaces"]

DECIMAL = "haltpoint:decimal"
"""The keyword that marks the places of decimals in a JSON schema. No schema that anybody else sees has it."""

_COMBINATIONS = ("anyOf", "oneOf", "allOf")

_Schemas = list[Mapping[str, Any]]


class DecimalPlaces(NamedTuple):
    """Where the values of a type hold decimals.

    Attributes:
        schema: the type's JSON schema, with `DECIMAL` at the places of decimals.
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
    """Return a number's digits, where the value that would be made of it does not have them."""
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


def _is_schema(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)
