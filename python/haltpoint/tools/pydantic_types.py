"""What pydantic makes of the types of a tool's parameters: their JSON schemas, and what validates their values.

This module loads pydantic. Tools of plain types do without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from .argument_schemas import ArgumentSchema, named_schemas, without_titles
from .choices import unreadable_choices
from .decimals import DecimalPlaces
from .lazy_values import EagerAdapter
from .marked_schemas import MarkedSchema, MarkedSchemas

if TYPE_CHECKING:
    from .plain_types import Adapter

__all__ = ["adapter_of", "decimal_places", "eager", "marked_schemas", "property_schemas"]

# Below these keys of a core schema stand values, not schemas.
_NO_CORE_SCHEMAS = frozenset({"default", "expected", "metadata", "serialization"})


def adapter_of(tool: str, parameter: str, hint: Any) -> TypeAdapter[Any]:
    """Return what validates the values of a type.

    Raises:
        TypeError: nothing can, or the type has a choice that no JSON value stands for.
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
    except (PydanticUserError, SchemaError, TypeError) as error:
        raise TypeError(
            f"parameter {parameter!r} of tool {tool!r} has a type that can't be validated: {error}"
        ) from error
    for member in unreadable_choices(adapter.core_schema):
        raise _unreadable(tool, parameter, member)
    return adapter


def _unreadable(tool: str, parameter: str, member: Enum) -> TypeError:
    kind, value = type(member).__qualname__, type(cast("object", member.value))
    is_plain = value in (str, int)
    advice = (
        f"in a Literal, {kind} must derive from {value.__name__}: class {kind}({value.__name__}, Enum)"
        if is_plain
        else f"its value is of type {value.__qualname__}; give the members of {kind} values that are text or numbers"
    )
    return TypeError(
        f"parameter {parameter!r} of tool {tool!r} takes {kind}.{member.name}, which can't be read from JSON, so that "
        f"nobody could choose it: {advice}"
    )


def property_schemas(tool: str, adapters: Mapping[str, TypeAdapter[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of each parameter, and the definitions that they share.

    Raises:
        TypeError: a type has no JSON schema.
    """
    return named_schemas(tool, adapters, ArgumentSchema)


def marked_schemas(tool: str, adapters: Mapping[str, TypeAdapter[Any]]) -> MarkedSchemas:
    """Return the schemas of parameters as they are kept for people."""
    return MarkedSchemas(tool, adapters)


def eager(adapter: TypeAdapter[Any], hint: Any) -> Adapter:
    """Return an adapter that checks at once what pydantic would check late."""
    return EagerAdapter(adapter, hint) if _mentions(adapter.core_schema, "generator") else adapter


def decimal_places(adapter: TypeAdapter[Any]) -> DecimalPlaces | None:
    """Return where the values of a type hold decimals, None if they hold none."""
    if not _mentions(adapter.core_schema, "decimal"):
        return None
    schema = without_titles(adapter.json_schema(schema_generator=MarkedSchema))
    return DecimalPlaces(schema, schema.get("$defs", {}))


def _mentions(core_schema: object, kind: str) -> bool:
    """Return whether a type is made of types of that kind, by the names of pydantic's core."""
    pending = [core_schema]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            members = cast("dict[str, object]", part)
            if members.get("type") == kind:
                return True
            pending.extend(member for key, member in members.items() if key not in _NO_CORE_SCHEMAS)
        elif isinstance(part, (list, tuple)):
            pending.extend(cast("Iterable[object]", part))
    return False
