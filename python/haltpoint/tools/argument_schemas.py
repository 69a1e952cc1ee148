"""Pydantic's JSON schemas of the types of a tool's parameters.

This module loads pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError

from .defaults import NO_DEFAULT, plain_default

__all__ = ["ArgumentSchema", "named_schemas", "without_titles"]

# Below these keys stand schemas by names of the user's choice, one of which may well be "title" ...
_SCHEMAS_BY_NAME = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
# ... and below these stand values, not schemas.
_VALUES = frozenset({"default", "const", "enum", "examples", "required", "discriminator"})


class ArgumentSchema(GenerateJsonSchema):
    """Pydantic's generator, less what differs from one process to the next."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 - pydantic declares it so
        "skipped-choice",
        "non-serializable-default",
    }

    def encode_default(self, dft: Any) -> Any:
        """Return a default as JSON data, where it is plain."""
        default = plain_default(dft)
        if default is NO_DEFAULT:
            raise PydanticSerializationError("left out of the schema: not plain data")
        return default


def named_schemas(
    tool: str, adapters: Mapping[str, TypeAdapter[Any]], generator: type[GenerateJsonSchema]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of each parameter, and the definitions that they share.

    Args:
        tool: the tool's name.
        adapters: what validates the values of each.
        generator: makes the schemas.

    Raises:
        TypeError: a type has no JSON schema.
    """
    try:
        schemas, shared = TypeAdapter.json_schemas(
            [(name, "validation", adapter) for name, adapter in adapters.items()], schema_generator=generator
        )
    except PydanticUserError as error:
        raise TypeError(f"tool {tool!r} has a parameter without a JSON schema: {error}") from error
    properties = {name: without_titles(schemas[name, "validation"]) for name in adapters}
    return properties, without_titles(shared).get("$defs", {})


def without_titles(schema: Any) -> Any:
    """Return `schema` without its titles: they repeat the names, at the price of tokens."""
    if isinstance(schema, list):
        return [without_titles(item) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    items = cast("dict[str, Any]", schema).items()
    return {key: _untitled(key, value) for key, value in items if key != "title"}


def _untitled(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _SCHEMAS_BY_NAME:
        return {name: without_titles(schema) for name, schema in value.items()}
    return without_titles(value)
