"""The schemas of a tool's arguments that are kept for people: pydantic's, with the marks of `schema_marks`.

This module loads pydantic.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import date, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pydantic import EncodedBytes, EncodedStr
from pydantic_core import to_jsonable_python

from .argument_schemas import ArgumentSchema, named_schemas
from .defaults import NO_DEFAULT
from .member_defaults import readable_default
from .schema_marks import BOUNDS, BYTE_SIZE, DECIMAL, IGNORES, KEYS, NAMES, NEEDS_CODE, TEXT, UNION, UNKNOWN_DEFAULT

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["MarkedSchema", "MarkedSchemas"]

# How pydantic names bounds, and JSON Schema.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_DECIMAL_BOUNDS = {**_BOUNDS, "multiple_of": "multipleOf", "max_digits": "maxDigits", "decimal_places": "decimalPlaces"}
_CONFIGURED = frozenset({"model", "dataclass", "typed-dict"})


class MarkedSchemas:
    """The schemas of a tool's parameters with marks, made when they are first asked for: few tools ask people.

    Args:
        tool: the tool's name.
        adapters: what validates the values of each parameter.
    """

    def __init__(self, tool: str, adapters: Mapping[str, TypeAdapter[Any]]) -> None:
        self._tool = tool
        self._adapters = adapters

    @cached_property
    def parameters(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The schema of each parameter, and the definitions that they share."""
        return named_schemas(self._tool, self._adapters, MarkedSchema)


class MarkedSchema(ArgumentSchema):
    """Pydantic's generator, which marks places."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._configs: list[Mapping[str, Any]] = [{}]
        self._core_definitions: dict[str, Any] = {}

    def generate_inner(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a part of a type, with its marks."""
        with self._configured(schema):
            found = super().generate_inner(schema)
        if _is_decimal(schema):
            return {**found, DECIMAL: _decimal_bounds(schema)}
        encoded = _encoded(schema)
        if encoded is not None:
            return {**found, NEEDS_CODE: encoded}
        return {**found, BYTE_SIZE: True} if _is_byte_size(schema) else found

    @contextmanager
    def _configured(self, schema: Mapping[str, Any]) -> Generator[None]:
        if schema["type"] not in _CONFIGURED:
            yield
            return
        self._configs.append(cast("Mapping[str, Any]", schema.get("config") or {}))
        try:
            yield
        finally:
            self._configs.pop()

    def definitions_schema(self, schema: Any) -> dict[str, Any]:
        """Keep what the schemas of members may refer to."""
        self._core_definitions.update({item["ref"]: item for item in schema["definitions"]})
        return super().definitions_schema(schema)

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """Say the default of a member as people are shown it; mark one whose default only the tool knows."""
        found = super().default_schema(schema)
        if "default" in found:
            return found
        default = readable_default(schema, self._configs[-1], self._core_definitions.values())
        return {**found, UNKNOWN_DEFAULT: True} if default is NO_DEFAULT else {**found, "default": default}

    def union_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a union, which looks like a decimal where it is of a number and text."""
        found = super().union_schema(schema)
        return {**found, UNION: True} if "anyOf" in found else found

    def str_schema(self, schema: Any) -> dict[str, Any]:
        """Mark text that is changed."""
        config = self._configs[-1]
        mark: dict[str, Any] = {}
        if schema.get("strip_whitespace", config.get("str_strip_whitespace")):
            mark["strip"] = True
        for case in ("lower", "upper"):
            if schema.get(f"to_{case}", config.get(f"str_to_{case}")):
                mark["case"] = case
        found = super().str_schema(schema)
        return {**found, TEXT: mark} if mark else found

    def date_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a date that has bounds."""
        return _with_bounds(super().date_schema(schema), schema)

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a point in time that has bounds."""
        return _with_bounds(super().datetime_schema(schema), schema)

    def time_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a time of the day that has bounds."""
        return _with_bounds(super().time_schema(schema), schema)

    def timedelta_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a duration that has bounds."""
        return _with_bounds(super().timedelta_schema(schema), schema)

    def url_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a URL of some schemes."""
        return _with_schemes(super().url_schema(schema), schema)

    def multi_host_url_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a URL of several hosts of some schemes."""
        return _with_schemes(super().multi_host_url_schema(schema), schema)

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a dict whose keys are not any text."""
        found = super().dict_schema(schema)
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        said = {key: value for key, value in keys.items() if key != "title"}
        return found if said in ({}, {"type": "string"}) else {**found, KEYS: said}

    def complex_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a complex number, which may be written in several ways."""
        return {**super().complex_schema(schema), NEEDS_CODE: "complex"}

    def model_fields_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a model with a field that is not taken by its name."""
        return self._with_paths(super().model_fields_schema(schema), schema["fields"].items())

    def dataclass_args_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a dataclass with a field that is not taken by its name."""
        fields = [(field["name"], field) for field in schema["fields"]]
        found = self._with_paths(super().dataclass_args_schema(schema), fields)
        for name, field in fields:
            described = found.get("properties", {}).get(name, {})
            if field.get("init") is False and UNKNOWN_DEFAULT in described:
                described[UNKNOWN_DEFAULT] = "set"
        return found

    def _with_paths(self, found: dict[str, Any], fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        config = self._configs[-1]
        by_name = config.get("validate_by_name") or config.get("populate_by_name")
        by_alias = config.get("validate_by_alias") is not False
        known = list(fields)
        others = (
            [pair for name, field in known for pair in _other_names(name, field, bool(by_name))] if by_alias else []
        )
        found = {**found, NAMES: others} if others and "properties" in found else found
        taken = (by_name or not by_alias or _has_name(field) for _, field in known)
        return found if all(taken) else {**found, NEEDS_CODE: "paths"}

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a model that drops members."""
        return _with_dropping(super().model_schema(schema))

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a dataclass that drops members."""
        return _with_dropping(super().dataclass_schema(schema))

    def typed_dict_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a typed dict that drops members, or that has one which is not taken by its name."""
        return _with_dropping(self._with_paths(super().typed_dict_schema(schema), schema["fields"].items()))


def _with_dropping(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, IGNORES: True} if "properties" in found and "additionalProperties" not in found else found


def _with_bounds(found: dict[str, Any], core_schema: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {keyword: core_schema[name] for name, keyword in _BOUNDS.items() if name in core_schema}
    said: dict[str, Any] = {keyword: _text(bound) for keyword, bound in bounds.items()}
    if "now_op" in core_schema:
        said["now"] = core_schema["now_op"]
    if core_schema.get("tz_constraint") in ("aware", "naive"):
        said["zone"] = core_schema["tz_constraint"]
    return {**found, BOUNDS: said} if said and "format" in found else found


def _with_schemes(found: dict[str, Any], core_schema: Mapping[str, Any]) -> dict[str, Any]:
    schemes = core_schema.get("allowed_schemes")
    return {**found, BOUNDS: {"schemes": list(schemes)}} if schemes else found


def _text(bound: date | time | timedelta) -> Any:
    return to_jsonable_python(bound)


def _is_byte_size(core_schema: Any) -> bool:
    return bool(core_schema.get("schema", {}).get("custom_error_type") == "byte_size")


def _has_name(field: Mapping[str, Any]) -> bool:
    """Whether validation takes a field by one name: its own one or another, but no way through other members."""
    alias = field.get("validation_alias", "")
    return isinstance(alias, str) or any(isinstance(path, list) and len(path) == 1 for path in alias)  # pyright: ignore[reportUnknownArgumentType]


def _other_names(name: str, field: Mapping[str, Any], by_name: bool) -> list[list[str]]:
    """The names by which validation takes a field beside the first one, which is that of the JSON schema: in pairs."""
    alias = field.get("validation_alias", name)
    ways: list[Any] = [[alias]] if isinstance(alias, str) else list(alias)
    names = [str(way[0]) for way in ways if isinstance(way, list) and len(way) == 1]  # pyright: ignore[reportUnknownArgumentType]
    names += [name] if by_name else []
    return [[other, names[0]] for other in names[1:] if other != names[0]]


def _encoded(core_schema: Any) -> str | None:
    """Return what a text encodes, as pydantic's `Base64Bytes` does: bytes or text; None where it is no such text."""
    decode = core_schema["function"].get("function") if core_schema["type"] == "function-after" else None
    owner = getattr(decode, "__self__", None)
    if isinstance(owner, EncodedBytes):
        return "bytes"
    return "text" if isinstance(owner, EncodedStr) else None


def _is_decimal(core_schema: Any) -> bool:
    """Whether a schema is that of a decimal, or a validator's around it."""
    while "schema" in core_schema and core_schema["type"].startswith("function-"):
        core_schema = core_schema["schema"]
    return bool(core_schema["type"] == "decimal")


def _decimal_bounds(core_schema: Any) -> dict[str, str] | None:
    """Return the bounds of a decimal with all their digits; None where text may be read in another way."""
    while core_schema["type"] == "function-after":
        core_schema = core_schema["schema"]
    if core_schema["type"] != "decimal" or core_schema.get("allow_inf_nan"):
        return None
    return {keyword: str(core_schema[name]) for name, keyword in _DECIMAL_BOUNDS.items() if name in core_schema}
