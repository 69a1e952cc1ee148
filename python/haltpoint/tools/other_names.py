"""Members of a value that stand in it by another name than the one by which they are shown.

A type may take a field by several names, such as its own beside an alias.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from .json_parts import as_list, as_object
from .schema_marks import NAMES

__all__ = ["as_named"]


def as_named(schema: Mapping[str, Any], value: Any) -> Any:
    """Return a value with each member by the name by which it is shown; as it is where both names stand in it.

    Args:
        schema: the JSON schema of the value, with the marks of `schema_marks`. It may be broken.
        value: JSON data.
    """
    try:
        return _Walk(schema.get("$defs", {})).named([schema], value)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        # A schema out of a journal, which anybody may have changed. What else checks the value says so.
        return value


class _Walk:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def named(self, schemas: Iterable[Any], value: Any) -> Any:
        members, items = as_object(value), as_list(value)
        if members is None and items is None:
            return value
        parts = list(self._parts(schemas))
        if members is not None:
            return self._object(parts, members)
        return [self.named(_of_item(parts, place), item) for place, item in enumerate(items or ())]

    def _object(self, parts: list[Mapping[str, Any]], members: dict[str, Any]) -> dict[str, Any]:
        names = _other_names(parts)
        made: dict[str, Any] = {}
        for name, item in members.items():
            shown = names.get(name, name)
            kept = name if shown in members else shown
            made[kept] = self.named(_of_member(parts, kept), item)
        return made

    def _parts(self, schemas: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
        """The schemas that may hold for a value, each once."""
        pending, seen = list(schemas), set[str]()
        while pending:
            schema = pending.pop()
            if not isinstance(schema, Mapping):
                continue
            here = cast("Mapping[str, Any]", schema)
            yield here
            target: object = here.get("$ref")
            if isinstance(target, str) and target not in seen:
                seen.add(target)
                name = target.removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
                pending.append(self._definitions.get(name))
            pending.extend(branch for key in ("anyOf", "oneOf", "allOf") for branch in here.get(key, ()))


def _other_names(parts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    own: set[str] = set()
    found: dict[str, set[str]] = {}
    for part in parts:
        own.update(part.get("properties", ()))
        for name, shown in part.get(NAMES, ()):
            found.setdefault(name, set()).add(shown)
    # What may mean one field or another is left to the check that follows.
    return {name: next(iter(shown)) for name, shown in found.items() if len(shown) == 1 and name not in own}


def _of_member(parts: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [part.get("properties", {}).get(name, part.get("additionalProperties")) for part in parts]


def _of_item(parts: Iterable[Mapping[str, Any]], place: int) -> Iterator[Any]:
    for part in parts:
        first = part.get("prefixItems", ())
        yield first[place] if place < len(first) else part.get("items")
