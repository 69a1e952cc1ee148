"""How a tool writes a value out, as far as the JSON schema of its arguments tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from .formats import written
from .json_form import WrittenFloat, dump_json
from .plain_form import HIDDEN
from .schema_check import BrokenSchemaError, value_problems

__all__ = ["schema_form"]

_Schema = Mapping[str, Any]


def schema_form(schema: Any, name: str, value: Any, *, completed: bool) -> Any:
    """Return what people are shown of an argument, like `plain_form` of the object that the tool makes of it.

    Args:
        schema: the JSON schema of the tool's arguments, which may be broken.
        name: the argument.
        value: JSON data that fits.
        completed: whether the defaults of an object's members are added to it.
    """
    if not isinstance(schema, Mapping):
        return value
    root = cast("_Schema", schema)
    try:
        return _Forms(root.get("$defs", {}), completed=completed).of(root["properties"][name], value)
    except (BrokenSchemaError, KeyError, TypeError, AttributeError, RecursionError):
        # A schema out of a journal, which anybody may have changed.
        return value


class _Forms:
    """The forms of the values of one argument."""

    def __init__(self, definitions: _Schema, *, completed: bool) -> None:
        self._definitions = definitions
        self._completed = completed

    def of(self, schema: Any, value: Any) -> Any:
        if not isinstance(schema, Mapping):
            return value
        here = cast("_Schema", schema)
        if isinstance(value, WrittenFloat) and self._may_be_decimal(here):
            value = str(Decimal(value.text))
        for part in self._parts(here, value):
            value = self.of(part, value)
        if isinstance(value, str):
            return HIDDEN if here.get("writeOnly") and here.get("format") == "password" else _text(here, value)
        if isinstance(value, list):
            return self._list(here, value)  # pyright: ignore[reportUnknownArgumentType]
        return self._object(here, cast("dict[str, Any]", value)) if isinstance(value, dict) else value

    def _parts(self, schema: _Schema, value: Any) -> Iterable[Any]:
        """The schemas that hold for the value, too."""
        if "$ref" in schema:
            name = str(schema["$ref"]).removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
            yield self._definitions.get(name)
        yield from schema.get("allOf", ())
        for keyword in ("anyOf", "oneOf"):
            fitting = (branch for branch in schema.get(keyword, ()) if self._fits(branch, value))
            yield next(fitting, None)

    def _may_be_decimal(self, schema: _Schema) -> bool:
        """Whether a number may be one whose digits the tool writes out as text: a decimal is a number or text."""
        branches: list[Any] = [branch for branch in schema.get("anyOf", ()) if isinstance(branch, Mapping)]
        kinds = [branch.get("type") for branch in branches]
        return "number" in kinds and "string" in kinds

    def _fits(self, schema: _Schema, value: Any) -> bool:
        return not value_problems({**schema, "$defs": self._definitions}, value)

    def _list(self, schema: _Schema, items: list[Any]) -> list[Any]:
        first = schema.get("prefixItems", ())
        made = [
            self.of(first[place] if place < len(first) else schema.get("items"), item)
            for place, item in enumerate(items)
        ]
        if not schema.get("uniqueItems"):
            return made
        by_text = {dump_json(item): item for item in made}
        return [by_text[text] for text in sorted(by_text)]

    def _object(self, schema: _Schema, members: dict[str, Any]) -> dict[str, Any]:
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        made = {name: self.of(known.get(name, others), item) for name, item in members.items()}
        if self._completed:
            for name, described in known.items():
                if name not in made and "default" in described:
                    made[name] = self.of(described, described["default"])
        return made


def _text(schema: _Schema, text: str) -> str:
    kind = schema.get("format")
    return written(kind, text) if isinstance(kind, str) else text
