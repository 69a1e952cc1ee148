"""The values that a person gives for a tool call: the form to fill in, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import PydanticSerializationError, ValidationError

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.forking import no_fork

from .defaults import NO_DEFAULT
from .json_form import NotJsonError, dump_json, json_text, parse_json, shown
from .validation import InvalidValueError, validated, validated_parameter

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .plain_types import Adapter
    from .schema import ToolParameter

__all__ = ["check_user_input", "convert_field_value", "user_input_schema"]

# How models and people name the types of a form's fields.
_BASIC_TYPES: dict[str, Any] = {
    "str": str,
    "string": str,
    "text": str,
    "int": int,
    "integer": int,
    "float": float,
    "number": int | float,
    "bool": bool,
    "boolean": bool,
    "list": list[Any],
    "array": list[Any],
    "dict": dict[str, Any],
    "object": dict[str, Any],
}


# All the ways in which a value can fail to become one of the declared type.
_REFUSALS = (InvalidValueError, NotJsonError, PydanticSerializationError, ValidationError)


def user_input_schema(definition: ToolDefinition, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Do what `ToolDefinition.user_input_schema` says."""
    form: list[dict[str, Any]] = []
    for parameter in definition.inputs:
        value = _presented_value(definition, parameter, arguments)
        # An optional parameter that the model left out is nobody's to fill: shown empty, it would look like a question.
        if value is not None or parameter.name in definition.user_input_fields:
            form.append(_form_field(parameter, value))
    return form


def _form_field(parameter: ToolParameter, value: Any) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "field_type": parameter.type_name,
        "description": parameter.description,
        "value": value,
    }


def _presented_value(definition: ToolDefinition, parameter: ToolParameter, arguments: Mapping[str, Any]) -> Any:
    if parameter.name in definition.user_input_fields:
        return None
    if parameter.name in arguments:
        return arguments[parameter.name]
    return None if parameter.default is NO_DEFAULT else parameter.default


def check_user_input(
    definition: ToolDefinition, arguments: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Do what `ToolDefinition.check_user_input` says."""
    parameters = {parameter.name: parameter for parameter in definition.inputs}
    for name in values:
        if name not in parameters:
            raise InvalidResolutionError(
                f"{definition.name} has no field {name!r}; its fields are: {', '.join(parameters)}",
                field_name=name,
            )
    checked: dict[str, Any] = {}
    for name, parameter in parameters.items():
        value = values.get(name)
        if value is not None:
            checked[name] = _checked_value(definition, parameter, value)
        elif _must_be_given(definition, parameter, arguments, values):
            raise InvalidResolutionError(
                f"{definition.name} needs a value for {name!r} ({parameter.type_name})",
                field_name=name,
            )
    return checked


def _must_be_given(
    definition: ToolDefinition,
    parameter: ToolParameter,
    arguments: Mapping[str, Any],
    values: Mapping[str, Any],
) -> bool:
    """Whether a field that has no value, or None for one, must have another."""
    if parameter.name in definition.user_input_fields:
        return True
    if parameter.name in arguments:
        # An emptied field does not fall back to what the model said, which the person just took out.
        return parameter.name in values and arguments[parameter.name] is not None
    return parameter.required


def _checked_value(definition: ToolDefinition, parameter: ToolParameter, value: object) -> Any:
    try:
        converted = _converted(parameter.adapter, value, strict=definition.strict)
        validated_parameter(parameter, converted, strict=definition.strict)
    except _REFUSALS as error:
        raise _invalid(parameter.name, parameter.type_name, value, error) from error
    return converted


def convert_field_value(value: object, field_type: str, *, field_name: str) -> Any:
    """Return a person's value for a form's field, converted to the type that the form names.

    Args:
        value: what was given. None, for a field that was left empty, stays None.
        field_type: the name of a basic type, such as "int", "boolean", "list[str]" or "str | None". Under any other
            name the value is kept as it is.
        field_name: the field, for the error.

    Raises:
        InvalidResolutionError: the value does not fit the type, or has no JSON form.
    """
    if value is None:
        return None
    try:
        json_text(value)
        adapter = _basic_adapter(_basic_name(field_type))
        return value if adapter is None else _converted(adapter, value)
    except _REFUSALS as error:
        raise _invalid(field_name, field_type, value, error) from error


def _basic_name(field_type: str) -> str:
    name = field_type.strip().lower().removesuffix("| none")
    return name.partition("[")[0].strip()


@cache
def _adapter(name: str) -> Adapter:
    with no_fork:
        from pydantic import TypeAdapter

        return TypeAdapter(_BASIC_TYPES[name])


def _basic_adapter(name: str) -> Adapter | None:
    return _adapter(name) if name in _BASIC_TYPES else None


def _invalid(field_name: str, type_name: str, value: object, error: Exception) -> InvalidResolutionError:
    problem = f"it {error}" if isinstance(error, NotJsonError) else f"got {shown(value)}"
    advice = ""
    if isinstance(value, str) and type_name.lower().startswith(("list", "dict", "array", "object")):
        advice = '; as text it has to be JSON, such as ["a", "b"] or {"key": "value"}'
    return InvalidResolutionError(
        f"the field {field_name!r} expects {type_name}, {problem}{advice}", field_name=field_name
    )


def _converted(adapter: Adapter, value: object, *, strict: bool = False) -> Any:
    """Return the JSON data closest to `value` that the type takes.

    Raises:
        NotJsonError: the value, or what it converts to, has no JSON form.
        PydanticSerializationError: what it converts to can't be written out.
        ValidationError: the type takes it in no form.
        InvalidValueError: likewise, and a validator of the type failed in a way of its own.
    """
    json_text(value)
    candidates = list(_candidates(value))
    for candidate in candidates:
        if _fits(adapter, candidate, strict=True):
            return candidate
    for candidate in candidates:
        if _fits(adapter, candidate, strict=strict):
            return _normalised(adapter, candidate)
    return validated(adapter, value, strict=strict)


def _candidates(value: object) -> Iterator[object]:
    """Yield the readings of `value`, the most literal one first."""
    yield value
    if isinstance(value, str):
        try:
            parsed = parse_json(value)
            json_text(parsed)
        except NotJsonError:
            return
        yield parsed
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield dump_json(value)


def _fits(adapter: Adapter, value: object, *, strict: bool) -> bool:
    try:
        validated(adapter, value, strict=strict)
    except (ValidationError, InvalidValueError):
        return False
    return True


def _normalised(adapter: Adapter, value: object) -> Any:
    """Return the JSON form of what a scalar was converted to: True for "yes".

    Containers stay as they are and are converted when the tool is called: their types may hide values, such as a
    password, when they are written out.
    """
    if isinstance(value, (dict, list)):
        return cast("Any", value)
    plain = adapter.dump_python(validated(adapter, value), mode="json")
    json_text(plain)
    return plain
