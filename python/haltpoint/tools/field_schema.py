"""The JSON schema of one field of a form, which stands by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from .json_form import dump_json

__all__ = ["argument_schema", "field_schema", "hides_argument", "is_secret", "names_in", "schema_at"]

# What a form says beside the schema of a field.
_SAID_ELSEWHERE = ("description", "default")
# Keywords that say nothing about which values fit.
_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"})
# Keywords whose value is data, and no schema ...
_DATA = frozenset({"default", "const", "enum", "examples", "required"})
# ... and those whose value maps names to schemas.
_NAMED_SCHEMAS = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
# A schema whose definitions refer to each other many times grows without bound where they are put in.
_MOST_NODES = 2000


def field_schema(parameters: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the schema of one argument, with the definitions that it refers to put in their places.

    Definitions that refer to themselves, and those that would make it very large, stand in its own `$defs`.

    Args:
        parameters: the JSON schema of a tool's arguments.
        name: the argument.
    """
    schema = {key: value for key, value in parameters["properties"][name].items() if key not in _SAID_ELSEWHERE}
    definitions: Mapping[str, Any] = parameters.get("$defs", {})
    try:
        return _Inlining(definitions, _recursive(definitions)).schema(schema)
    except _TooLargeError:
        return _Inlining(definitions, frozenset(definitions)).schema(schema)


def argument_schema(parameters: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the same of parameters that may be broken, out of a journal; an empty one where it can't be told."""
    try:
        return field_schema(parameters, name)
    except (AttributeError, KeyError, TypeError, RecursionError):
        return {}


def is_secret(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema holds a part that is not to be shown, such as a password."""
    return '"writeOnly":true' in dump_json(schema)


def hides_argument(parameters: Mapping[str, Any], name: str) -> bool:
    """Return whether an argument holds a part that is not to be shown.

    Args:
        parameters: the JSON schema of a tool's arguments, which may be broken where it comes from a journal.
        name: the argument.
    """
    if not is_secret(parameters):
        return False
    try:
        return is_secret(field_schema(parameters, name))
    except (AttributeError, KeyError, TypeError, RecursionError):
        # Nothing is known about it.
        return True


def names_in(schema: object, *, is_sensitive: bool) -> Callable[[str], bool]:
    """Return whether a name within a value may be shown; of a sensitive one, those that the schema has, however deep.

    Of a value that only holds a secret, such as a password, all names may be.
    """
    if not is_sensitive:
        return _is_any
    names: set[str] = set()
    pending: list[object] = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending.extend(cast("list[object]", part))
        elif isinstance(part, dict):
            described = cast("dict[str, Any]", part)
            properties: object = described.get("properties")
            names.update(cast("dict[str, Any]", properties) if isinstance(properties, dict) else ())
            pending.extend(described.values())
    return names.__contains__


def _is_any(name: str) -> bool:
    return True


def schema_at(schema: Mapping[str, Any], path: Iterable[str | int]) -> dict[str, Any]:
    """Return the schema of what stands at a place within a value, as far as it can be told; else an empty one."""
    here = dict(schema)
    nothing: dict[str, Any] = {}
    for step in path:
        here = next(_steps(schema, here, step), nothing)
    return here if "$ref" not in here else _referred(schema, here)


def _steps(root: Mapping[str, Any], schema: Mapping[str, Any], step: str | int) -> Iterator[dict[str, Any]]:
    """Yield the schemas that may hold for what stands one step further."""
    if "$ref" in schema:
        yield from _steps(root, _referred(root, schema), step)
    if isinstance(step, int):
        prefix = schema.get("prefixItems", ())
        found: Any = prefix[step] if 0 <= step < len(prefix) else schema.get("items")
    else:
        found = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
    if isinstance(found, dict):
        yield cast("dict[str, Any]", found)
    for key in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(key, ()):
            yield from _steps(root, branch, step)


def _referred(root: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = root.get("$defs", {}).get(_target(schema), {})
    return found


class _TooLargeError(Exception):
    """The schema is too large with all definitions in their places."""


class _Inlining:
    """Puts definitions in the places where they are referred to, except those that are kept."""

    def __init__(self, definitions: Mapping[str, Any], kept: frozenset[str]) -> None:
        self._definitions = definitions
        self._kept = kept
        self._used: dict[str, Any] = {}
        self._nodes = 0

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        inlined = self._inlined(schema)
        return {**inlined, "$defs": self._used} if self._used else inlined

    def _inlined(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        target = _target(schema)
        rest = {key: self._value(key, value) for key, value in schema.items() if key != "$ref"}
        if target is None:
            return rest
        if target not in self._definitions:
            return {"$ref": schema["$ref"], **rest}
        if target in self._kept:
            self._keep(target)
            return {"$ref": f"#/$defs/{target}", **rest}
        return _both(self._inlined(self._definitions[target]), rest)

    def _keep(self, name: str) -> None:
        if name not in self._used:
            self._used[name] = {}
            self._used[name] = self._inlined(self._definitions[name])

    def _value(self, key: str, value: Any) -> Any:
        if key in _DATA:
            return value
        if key == "discriminator":
            # Its mapping names definitions that are not there any more; what it maps stands in each branch, too.
            return {name: item for name, item in value.items() if name != "mapping"}
        if key in _NAMED_SCHEMAS:
            return {name: self._any(item) for name, item in value.items()}
        return self._any(value)

    def _any(self, value: Any) -> Any:
        # Without definitions kept in place of others, which bound it, the number of nodes is what the schema has.
        self._nodes += 1
        if self._nodes > _MOST_NODES and self._kept != frozenset(self._definitions):
            raise _TooLargeError
        if isinstance(value, list):
            return [self._any(item) for item in cast("list[object]", value)]
        return self._inlined(cast("dict[str, Any]", value)) if isinstance(value, dict) else value


def _both(schema: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    if (schema.keys() & rest.keys()) <= _ANNOTATIONS:
        return {**schema, **rest}
    return {"allOf": [schema], **rest}


def _target(schema: Mapping[str, Any]) -> str | None:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return None
    return reference.removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")


def _recursive(definitions: Mapping[str, Any]) -> frozenset[str]:
    """The definitions that come back to themselves."""
    direct = {name: frozenset(_references(schema)) for name, schema in definitions.items()}
    return frozenset(name for name in definitions if name in _reached(name, direct))


def _reached(name: str, direct: Mapping[str, frozenset[str]]) -> set[str]:
    reached: set[str] = set()
    pending = list(direct[name])
    while pending:
        found = pending.pop()
        if found not in reached:
            reached.add(found)
            pending.extend(direct.get(found, ()))
    return reached


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in cast("list[object]", schema):
            yield from _references(item)
    elif isinstance(schema, dict):
        members = cast("dict[str, Any]", schema)
        target = _target(members)
        if target is not None:
            yield target
        for key, value in members.items():
            if key not in _DATA and key != "discriminator":
                yield from _references(list(value.values()) if key in _NAMED_SCHEMAS else value)
