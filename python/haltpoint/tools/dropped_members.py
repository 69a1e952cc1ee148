"""Members that a person gives and that validation would drop without a word, such as one with a misspelt name.

The member that was meant would then be the type's own default, which the person did not choose.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from .checked_items import CheckedItems
from .field_names import FieldPath, init_only_fields, taken_paths
from .field_schema import schema_at
from .hidden_parts import MISSING
from .json_form import NotJsonError, parse_json
from .json_parts import as_list, as_object, value_at
from .plain_form import plain_form
from .schema_check import value_problems
from .value_problems import Path, ValueProblem

__all__ = ["closed", "dropped_members", "undescribed_members"]

_Schema: TypeAlias = Mapping[str, Any]

# Keywords beside which the properties of a schema may be only some of an object's.
_MORE_PROPERTIES = frozenset(
    {"additionalProperties", "patternProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "if", "$ref"}
    | {"dependentSchemas", "not"}
)
_SCHEMAS_BY_NAME = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
_DATA = frozenset({"default", "const", "enum", "examples", "required", "discriminator"})


def dropped_members(given: Any, made: Any, schema: _Schema, said: Any = MISSING) -> list[ValueProblem]:
    """Return which members of a value are not in what validation made of it.

    Args:
        given: JSON data that fits.
        made: what validation made of it.
        schema: the JSON schema of the type. It says what an object of users' own kinds takes, which can't be looked
            into.
        said: the value that it takes the place of, as the model said it, if it said one. What a dataclass does not keep
            of that would be lost.
    """
    return list(_Walk(schema).dropped(given, made, said, ()))


def undescribed_members(given: Any, schema: _Schema) -> list[ValueProblem]:
    """Return which members of a value its JSON schema does not describe.

    Raises:
        BrokenSchemaError: nothing can be checked with the schema.
    """
    return [problem for problem in value_problems(closed(schema), given) if problem.keyword == "additionalProperties"]


def closed(schema: Any) -> Any:
    """Return a JSON schema in which an object has no members but those that the schema describes.

    Pydantic leaves it open for types that drop the others.
    """
    items, here = as_list(schema), as_object(schema)
    if items is not None:
        return [closed(item) for item in items]
    if here is None:
        return schema
    made = {key: _closed_value(key, value) for key, value in here.items()}
    if "properties" in here and not here.keys() & _MORE_PROPERTIES:
        made["additionalProperties"] = False
    return made


def _closed_value(key: str, value: Any) -> Any:
    if key in _DATA:
        return value
    items, members = as_list(value), as_object(value)
    if key == "allOf" and items is not None and len(items) > 1:
        # Each of them describes a part of the object.
        return items
    if key in _SCHEMAS_BY_NAME and members is not None:
        return {name: closed(item) for name, item in members.items()}
    return closed(value)


class _Walk:
    """One walk through a value and what was made of it."""

    def __init__(self, schema: _Schema) -> None:
        self._schema = schema

    def dropped(self, given: Any, made: Any, said: Any, path: Path) -> Iterator[ValueProblem]:
        if getattr(cast("Any", type(made)), "__pydantic_root_model__", False):
            yield from self.dropped(given, made.root, said, path)
        elif isinstance(given, str) and not isinstance(made, str):
            yield from self._of_text(given, made, path)
        elif (members := as_object(given)) is not None:
            yield from self._of_object(members, made, said, path)
        elif (items := as_list(given)) is not None:
            yield from self._of_list(items, made, said, path)

    def _of_text(self, given: str, made: Any, path: Path) -> Iterator[ValueProblem]:
        """Of JSON within a text, as pydantic's `Json` takes it."""
        try:
            value = parse_json(given)
        except NotJsonError:
            return
        if isinstance(value, (dict, list)):
            yield from self.dropped(value, made, MISSING, path)

    def _of_object(self, given: dict[str, Any], made: Any, said: Any, path: Path) -> Iterator[ValueProblem]:
        if taken_paths(type(made)) is not None:
            yield from self._of_record(given, made, said, path)
        elif issubclass(type(made), Mapping):
            yield from self._of_mapping(given, cast("Mapping[Any, Any]", made), said, path)
        else:
            schema = {**schema_at(self._schema, path), "$defs": self._schema.get("$defs", {})}
            for problem in undescribed_members(given, schema):
                yield problem._replace(path=(*path, *problem.path))

    def _of_list(self, given: list[Any], made: Any, said: Any, path: Path) -> Iterator[ValueProblem]:
        kind = cast("Any", type(made))
        members: Any = made.remaining if kind is CheckedItems else made
        if issubclass(kind, (set, frozenset)):
            # In no order: an item is whole that one of them is made of.
            for index, item in enumerate(given):
                found = [list(self.dropped(item, member, MISSING, (*path, index))) for member in members]
                yield from () if [] in found or not found else found[0]
        elif issubclass(kind, (list, tuple, deque, CheckedItems)) and len(members) == len(given):
            for index, (item, member) in enumerate(zip(given, members, strict=True)):
                yield from self.dropped(item, member, value_at(said, (index,)), (*path, index))

    def _of_record(self, given: dict[str, Any], made: Any, said: Any, path: Path) -> Iterator[ValueProblem]:
        ways = taken_paths(type(made)) or {}
        extra, init_only = _extra(made, ways), init_only_fields(type(made))
        every = [way for taken in ways.values() for way in taken]
        yield from _unknown(given, every, {*extra, *init_only, *_ungivable(ways)}, path)
        for name, taken in ways.items():
            present = [way for way in taken if value_at(given, way) is not MISSING]
            for way in present[:1]:
                part, member = value_at(given, way), getattr(made, name, None)
                yield from self.dropped(part, member, value_at(said, way), (*path, *way))
            for way in present[1:]:
                first = ".".join(map(str, present[0]))
                yield _problem((*path, *way), f"it is another name of {first}: give one of them")
            if not taken and name in given and plain_form(getattr(made, name, None)).data != given[name]:
                yield _problem((*path, name), "it can't be given, since the type sets it by itself")
        for name, member in extra.items():
            yield from self.dropped(given.get(name), member, value_at(said, (name,)), (*path, name))
        for name in init_only:
            if value_at(said, (name,)) is not MISSING and name not in given:
                yield _problem((*path, name), "the call has a value for it: give one for it")

    def _of_mapping(
        self, given: dict[str, Any], made: Mapping[Any, Any], said: Any, path: Path
    ) -> Iterator[ValueProblem]:
        """Of a typed dictionary, members that it lacks; of another one, keys that are the same once they are read.

        A key may be written in another way than the one that is read.
        """
        keys = {str(plain_form(key).data): key for key in made}
        rest = [key for text, key in keys.items() if text not in given]
        for name, item in given.items():
            if name in keys:
                yield from self.dropped(item, made[keys[name]], value_at(said, (name,)), (*path, name))
            elif rest:
                yield from self.dropped(item, made[rest.pop(0)], value_at(said, (name,)), (*path, name))
            else:
                yield _problem((*path, name), f"there is no such field beside the others: {', '.join(keys) or 'none'}")


def _ungivable(ways: Mapping[str, list[FieldPath]]) -> set[str]:
    """The fields that the type sets by itself."""
    return {name for name, taken in ways.items() if not taken}


def _extra(made: Any, ways: Mapping[str, list[FieldPath]]) -> Mapping[str, Any]:
    """What a model or dataclass takes beside its fields."""
    extra: Mapping[str, Any] | None = getattr(made, "__pydantic_extra__", None)
    if extra is not None:
        return extra
    kind = cast("Any", type(made))
    config: Mapping[str, Any] = getattr(kind, "__pydantic_config__", None) or {}
    if config.get("extra") != "allow":
        return {}
    members: dict[str, Any] = made.__dict__
    return {name: value for name, value in members.items() if name not in ways}


def _unknown(
    given: Mapping[str, Any], ways: Sequence[FieldPath], others: set[str], path: Path
) -> Iterator[ValueProblem]:
    """Members that no way leads to or through."""
    for name, item in given.items():
        further = [way[1:] for way in ways if way[:1] == (name,)]
        if not further and name not in others:
            known = dict.fromkeys(str(way[0]) for way in ways)
            yield _problem((*path, name), f"there is no such field; the fields are: {', '.join(known) or 'none'}")
        elif further and () not in further and (members := as_object(item)) is not None:
            yield from _unknown(members, further, set(), (*path, name))


def _problem(path: Path, words: str) -> ValueProblem:
    return ValueProblem(path, "additionalProperties", words)
