"""Choices among the members of an enumeration, as pydantic's core reads them from JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, cast

from pydantic_core import SchemaValidator

from .json_form import dump_json
from .plain_form import plain_form

__all__ = ["unreadable_choices"]

# Below these keys of a core schema stand values, not schemas ...
_NO_SCHEMAS = frozenset({"default", "expected", "members", "metadata", "serialization"})
# ... and these call a function first, which may make a member of what JSON has.
_READERS = frozenset({"function-before", "function-plain", "function-wrap"})


def unreadable_choices(core_schema: object) -> Iterator[Enum]:
    """Yield the members of enumerations that no JSON value stands for, such as those whose values are dates.

    Args:
        core_schema: the type, as pydantic's core describes it.
    """
    pending = [core_schema]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            schema = cast("dict[str, Any]", part)
            if schema.get("type") in _READERS:
                continue
            yield from (member for member in _members(schema) if not _is_read(member, schema))
            pending.extend(item for key, item in schema.items() if key not in _NO_SCHEMAS)
        elif isinstance(part, (list, tuple)):
            pending.extend(cast("Iterable[object]", part))


def _members(schema: Mapping[str, Any]) -> Iterator[Enum]:
    if schema.get("type") in ("enum", "literal"):
        choices: Iterable[object] = schema.get("members") or schema.get("expected") or ()
        yield from (choice for choice in choices if isinstance(choice, Enum))


def _is_read(member: Enum, schema: Any) -> bool:
    try:
        return SchemaValidator(schema).validate_json(dump_json(plain_form(member).data)) is member
    except Exception:  # noqa: BLE001 - the enumeration may have a `_missing_` of its own, which may raise anything
        return False
