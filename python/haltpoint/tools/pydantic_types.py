"""What pydantic makes of the types of a tool's parameters: their JSON schemas, and what validates their values.

This module loads pydantic. Tools of plain types do without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError, SchemaError

from haltpoint.tools.field_words import DECIMAL

from .decimals import DecimalPlaces
from .defaults import NO_DEFAULT, plain_default
from .lazy_values import EagerAdapter

if TYPE_CHECKING:
    from .plain_types import Adapter

__all__ = ["adapter_of", "decimal_places", "eager", "property_schemas"]

# Below these keys stand schemas by names of the user's choice, one of which may well be "title" ...
_SCHEMAS_BY_NAME = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
# ... and below these stand values, not schemas.
_VALUES = frozenset({"default", "const", "enum", "examples", "required", "discriminator"})

# Below these keys of a core schema stand values, not schemas.
_NO_CORE_SCHEMAS = frozenset({"default", "expected", "metadata", "serialization"})


def adapter_of(tool: str, parameter: str, hint: Any) -> TypeAdapter[Any]:
    """Return what validates the values of a type.

    Raises:
        TypeError: nothing can.
    """
    try:
        return TypeAdapter(hint)
    except (PydanticUserError, SchemaError, TypeError) as error:
        raise TypeError(
            f"parameter {parameter!r} of tool {tool!r} has a type that can't be validated: {error}"
        ) from error


class _ArgumentSchema(GenerateJsonSchema):
    """Pydantic's generator, less what differs from one process to the next."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 - pydantic declares it so
        "skipped-choice",
        "non-serializable-default",
    }

    def encode_default(self, dft: Any) -> Any:
        default = plain_default(dft)
        if default is NO_DEFAULT:
            raise PydanticSerializationError("left out of the schema: not plain data")
        return default


def property_schemas(tool: str, adapters: Mapping[str, TypeAdapter[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of each parameter, and the definitions that they share.

    Raises:
        TypeError: a type has no JSON schema.
    """
    try:
        schemas, shared = TypeAdapter.json_schemas(
            [(name, "validation", adapter) for name, adapter in adapters.items()],
            schema_generator=_ArgumentSchema,
        )
    except PydanticUserError as error:
        raise TypeError(f"tool {tool!r} has a parameter without a JSON schema: {error}") from error
    properties = {name: _without_titles(schemas[name, "validation"]) for name in adapters}
    return properties, _without_titles(shared).get("$defs", {})


def eager(adapter: TypeAdapter[Any], hint: Any) -> Adapter:
    """Return an adapter that checks at once what pydantic would check late."""
    return EagerAdapter(adapter, hint) if _mentions(adapter.core_schema, "generator") else adapter


class _MarkedSchema(_ArgumentSchema):
    """The same, which also marks the places of decimals."""

    def generate_inner(self, schema: Any) -> dict[str, Any]:
        found = super().generate_inner(schema)
        return {**found, DECIMAL: _decimal_bounds(schema)} if _is_decimal(schema) else found


def _is_decimal(core_schema: Any) -> bool:
    """Whether a schema is that of a decimal, or a validator's around it."""
    while "schema" in core_schema and core_schema["type"].startswith("function-"):
        core_schema = core_schema["schema"]
    return bool(core_schema["type"] == "decimal")


# How pydantic names the bounds of a decimal, and JSON Schema, where it knows them.
_DECIMAL_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "max_digits": "maxDigits",
    "decimal_places": "decimalPlaces",
}


def _decimal_bounds(core_schema: Any) -> dict[str, str] | None:
    """Return the bounds of a decimal with all their digits; None where text may be read in another way."""
    while core_schema["type"] == "function-after":
        core_schema = core_schema["schema"]
    if core_schema["type"] != "decimal" or core_schema.get("allow_inf_nan"):
        return None
    return {keyword: str(core_schema[name]) for name, keyword in _DECIMAL_BOUNDS.items() if name in core_schema}


def decimal_places(adapter: TypeAdapter[Any]) -> DecimalPlaces | None:
    """Return where the values of a type hold decimals, None if they hold none."""
    if not _mentions(adapter.core_schema, "decimal"):
        return None
    schema = _without_titles(adapter.json_schema(schema_generator=_MarkedSchema))
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


def _without_titles(schema: Any) -> Any:
    """Return `schema` without its titles: they repeat the names, at the price of tokens."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    items = cast("dict[str, Any]", schema).items()
    return {key: _untitled(key, value) for key, value in items if key != "title"}


def _untitled(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _SCHEMAS_BY_NAME:
        return {name: _without_titles(schema) for name, schema in value.items()}
    return _without_titles(value)
