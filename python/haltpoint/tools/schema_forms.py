"""How a tool writes a value out, as far as the JSON schema of its arguments tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from haltpoint.timestamps import format_time, parse_time

from .formats import byte_size, written
from .hidden_parts import MISSING
from .json_form import NotJsonError, WrittenFloat, dump_json, parse_json
from .plain_form import HIDDEN
from .schema_check import BrokenSchemaError, value_problems
from .schema_marks import BYTE_SIZE, DECIMAL, IGNORES, KEYS, NEEDS_CODE, TEXT, UNION, key_readings, made_text
from .value_problems import ValueProblem

__all__ = ["compared_forms", "same_keys", "schema_form"]

_Schema = Mapping[str, Any]
# Writes a text of a format.
_Writer = Callable[[str, str], str]

_WITH_ZONE = re.compile(r"T.*(?:Z|[+-]\d\d:\d\d)\Z")

_SAME_KEY = "it is the same key as another one once it is read: give one of them"


def schema_form(schema: Any, name: str, value: Any, *, completed: bool = False, like: Any = MISSING) -> Any:
    """Return what people are shown of an argument, like `plain_form` of the object that the tool makes of it.

    Args:
        schema: the JSON schema of the tool's arguments, which may be broken.
        name: the argument.
        value: JSON data that fits.
        completed: whether the defaults of an object's members are added to it.
        like: a form whose members are added to an object, where the object may have them.
    """
    return _form(schema, name, value, like, completed=completed)


def compared_forms(schema: Any, name: str, given: Any, made: Any, *, adds: bool = False) -> tuple[Any, Any]:
    """Return two values of an argument, written alike where they are the same.

    Args:
        schema: the JSON schema of the tool's arguments, which may be broken.
        name: the argument.
        given: JSON data that fits, in any writing.
        made: what people are shown of the object that the tool makes. Its texts stay as they are, whatever type they
            may be of, but for the zone of a moment.
        adds: whether members that only `made` has may come of the type's own defaults.
    """
    form = _form(schema, name, made, write=_moment)
    return _form(schema, name, given, form if adds else MISSING, write=_moment_of), form


def _form(
    schema: Any, name: str, value: Any, like: Any = MISSING, *, completed: bool = False, write: _Writer | None = None
) -> Any:
    if not isinstance(schema, Mapping):
        return value
    root = cast("_Schema", schema)
    try:
        forms = _Forms(root.get("$defs", {}), completed=completed, write=write)
        return forms.of(root["properties"][name], value, like)
    except (BrokenSchemaError, KeyError, TypeError, AttributeError, RecursionError):
        # A schema out of a journal, which anybody may have changed.
        return value


def same_keys(schema: Any, value: Any) -> list[ValueProblem]:
    """Return which keys within a value are others' once they are read, such as "01" beside "1" of whole numbers.

    Args:
        schema: the JSON schema of the value, which may be broken.
        value: JSON data that fits.
    """
    if not isinstance(value, (dict, list)) or not isinstance(schema, Mapping):
        return []
    here = cast("_Schema", schema)
    try:
        forms = _Forms(here.get("$defs", {}), completed=False)
        forms.of(here, value)
    except (BrokenSchemaError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return forms.same_keys


class _Forms:
    """The forms of the values of one argument.

    Attributes:
        same_keys: which keys were others' once they were read.
    """

    def __init__(self, definitions: _Schema, *, completed: bool, write: _Writer | None = None) -> None:
        self.same_keys: list[ValueProblem] = []
        self._definitions = definitions
        self._completed = completed
        self._write = write or written
        self._is_made = write is _moment
        # Where the walk is.
        self._path: list[str | int] = []

    def of(self, schema: Any, value: Any, like: Any = MISSING) -> Any:
        if not isinstance(schema, Mapping):
            return value
        here = cast("_Schema", schema)
        if NEEDS_CODE in here:
            return value
        if DECIMAL in here:
            return _decimal(value)
        if isinstance(value, WrittenFloat) and self._may_be_decimal(here):
            value = str(Decimal(value.text))
        for part in self._parts(here):
            value = self.of(part, value, like)
        for keyword in ("anyOf", "oneOf"):
            value = self._of_one(here.get(keyword, ()), value, like)
        if isinstance(value, str):
            return self._text(here, value)
        if isinstance(value, list):
            return self._list(here, value, like)  # pyright: ignore[reportUnknownArgumentType]
        return self._object(here, cast("dict[str, Any]", value), like) if isinstance(value, dict) else value

    def _of_one(self, branches: Iterable[Any], value: Any, like: Any) -> Any:
        """The form of a value that is of one of several types; the value itself where it may be of two that differ.

        Which of them the tool takes is its own affair: the first, or the one that most of the value fits.
        """
        forms = [self.of(branch, value, like) for branch in branches if self._fits(branch, value)]
        texts = {dump_json(form) for form in forms}
        return forms[0] if len(texts) == 1 else value

    def _parts(self, schema: _Schema) -> Iterable[Any]:
        """The schemas that hold for the value, too."""
        if "$ref" in schema:
            name = str(schema["$ref"]).removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
            yield self._definitions.get(name)
        yield from schema.get("allOf", ())

    def _may_be_decimal(self, schema: _Schema) -> bool:
        """Whether a number may be one whose digits the tool writes out as text: a decimal is a number or text."""
        branches: list[Any] = [branch for branch in schema.get("anyOf", ()) if isinstance(branch, Mapping)]
        kinds = [branch.get("type") for branch in branches]
        return UNION not in schema and "number" in kinds and "string" in kinds

    def _fits(self, schema: _Schema, value: Any) -> bool:
        return not value_problems({**schema, "$defs": self._definitions}, value)

    def _text(self, schema: _Schema, text: str) -> Any:
        if schema.get("writeOnly") and schema.get("format") == "password":
            return HIDDEN
        kind = schema.get("format")
        if self._is_made:
            return self._write(kind, text) if isinstance(kind, str) else text
        if schema.get(BYTE_SIZE) is True:
            return byte_size(text)
        if schema.get("contentMediaType") == "application/json" and "contentSchema" in schema:
            return self.of(schema["contentSchema"], _parsed(text))
        changed = made_text(text, schema.get(TEXT))
        return self._write(kind, changed) if isinstance(kind, str) else changed

    def _list(self, schema: _Schema, items: list[Any], like: Any) -> list[Any]:
        first = schema.get("prefixItems", ())
        if self._completed:
            items = [*items, *_defaults(first[len(items) :])]
        likes: list[Any] = like if isinstance(like, list) else []  # pyright: ignore[reportUnknownVariableType]
        made = [
            self._part(
                first[place] if place < len(first) else schema.get("items"),
                item,
                likes[place] if place < len(likes) else MISSING,
                place,
            )
            for place, item in enumerate(items)
        ]
        if not schema.get("uniqueItems"):
            return [*made, *likes[len(made) : len(first)]]
        by_text = {dump_json(item): item for item in made}
        return [by_text[text] for text in sorted(by_text)]

    def _object(self, schema: _Schema, members: dict[str, Any], like: Any) -> dict[str, Any]:
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        likes: dict[str, Any] = like if isinstance(like, dict) else {}  # pyright: ignore[reportUnknownVariableType]
        drops = schema.get(IGNORES) is True
        made: dict[str, Any] = {}
        for name, item in members.items():
            if name in known or not drops:
                key = self._key(schema, name)
                if key in made:
                    self.same_keys.append(ValueProblem((*self._path, name), "keys", _SAME_KEY))
                made[key] = self._part(known.get(name, others), item, likes.get(name, MISSING), name)
        for name, described in known.items():
            if name in made:
                continue
            if name in likes:
                made[name] = likes[name]
            elif self._completed and "default" in described:
                made[name] = self.of(described, described["default"])
        return made

    def _part(self, schema: Any, value: Any, like: Any, step: str | int) -> Any:
        """The form of what stands one step further."""
        self._path.append(step)
        made = self.of(schema, value, like)
        self._path.pop()
        return made

    def _key(self, schema: _Schema, key: str) -> str:
        keys = schema.get(KEYS)
        if not isinstance(keys, Mapping):
            return key
        kind = cast("_Schema", keys)
        fitting = (reading for reading in key_readings(key) if self._fits(kind, reading))
        form = self.of(kind, next(fitting, key))
        return form if isinstance(form, str) else dump_json(form)


def _moment_of(kind: str, text: str) -> str:
    """A text of a format in the writing of its type, a moment in UTC."""
    return _moment(kind, written(kind, text))


def _moment(kind: str, text: str) -> str:
    """A moment in UTC, whatever zone it is written in; any other text, such as a time without a zone, as it is."""
    if kind != "date-time" or _WITH_ZONE.search(text) is None:
        return text
    try:
        return format_time(parse_time(text))
    except (ValueError, OverflowError):
        return text


def _defaults(schemas: Sequence[_Schema]) -> Iterator[Any]:
    """Yield the defaults of the last items of a list, where all of them have one."""
    if all("default" in schema for schema in schemas):
        yield from (schema["default"] for schema in schemas)


def _decimal(value: Any) -> Any:
    """A decimal as it writes itself; a number that is written as its float is stays one."""
    text = value.text if isinstance(value, WrittenFloat) else value
    if not isinstance(text, str):
        return value
    try:
        return str(Decimal(text))
    except InvalidOperation:
        return value


def _parsed(text: str) -> Any:
    try:
        return parse_json(text)
    except NotJsonError:
        return text
