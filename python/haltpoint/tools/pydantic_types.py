"""What pydantic makes of the types of a tool's parameters: their JSON schemas, and what validates their values.

This module loads pydantic. Tools of plain types do without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError, SchemaError

from .defaults import NO_DEFAULT, plain_default

__all__ = ["adapter_of", "property_schemas"]

# Below these keys stand schemas by names of the user's choice, one of which may well be "title" ...
_SCHEMAS_BY_NAME = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
# ... and below these stand values, not schemas.
_VALUES = frozenset({"default", "const", "enum", "examples", "required", "discriminator"})


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
