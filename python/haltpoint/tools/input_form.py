"""The form that a person fills in before a tool's call goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from haltpoint.tools.field_words import takes_null

from .callables import model_parameters
from .decimals import decimal_form
from .defaults import NO_DEFAULT
from .field_schema import field_schema
from .json_form import json_text
from .validation import InvalidValueError, validated

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .schema import ToolParameter

__all__ = ["fits_form", "input_field", "shown_parameters", "user_input_schema"]


def user_input_schema(definition: ToolDefinition, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Do what `ToolDefinition.user_input_schema` says."""
    form: list[dict[str, Any]] = []
    for parameter in definition.inputs:
        value = _presented_value(definition, parameter, arguments)
        # An optional parameter that the model left out is nobody's to fill: shown empty, it would look like a question.
        if value is not None or parameter.name in definition.user_input_fields:
            form.append({**input_field(definition, parameter), "value": value})
    return form


def input_field(definition: ToolDefinition, parameter: ToolParameter) -> dict[str, Any]:
    """Return what a form says of a parameter, all but its value."""
    schema = _form_schema(definition, parameter)
    field = {
        "name": parameter.name,
        "field_type": parameter.type_name,
        "description": parameter.description,
        "json_schema": schema,
        "required": parameter.required and not takes_null(schema),
    }
    default = _default(definition, parameter)
    return field if default is NO_DEFAULT else {**field, "default": default}


def _form_schema(definition: ToolDefinition, parameter: ToolParameter) -> dict[str, Any]:
    """The schema of the parameter, which says of decimals what the one for models does not."""
    name, decimals = parameter.name, parameter.decimals
    if decimals is None:
        return field_schema(definition.parameters, name)
    schema = {key: value for key, value in decimals.schema.items() if key != "$defs"}
    marked = {"properties": {name: schema}, "$defs": decimals.definitions}
    form: dict[str, Any] = decimal_form(field_schema(marked, name))
    return form


def shown_parameters(definition: ToolDefinition) -> dict[str, Any]:
    """The schema of the tool's arguments for people who change them, which says the same of decimals."""
    parameters = definition.parameters
    properties = {
        item.name: _with_decimals(parameters["properties"][item.name], _form_schema(definition, item))
        for item in definition.inputs
        if item.decimals is not None
    }
    return {**parameters, "properties": {**parameters["properties"], **properties}} if properties else parameters


def _with_decimals(schema: Mapping[str, Any], form: dict[str, Any]) -> Mapping[str, Any]:
    if "$defs" in form:
        # It refers to itself, and its definitions stand beside those of the others.
        return schema
    return {**form, **{key: schema[key] for key in ("description", "default") if key in schema}}


def _default(definition: ToolDefinition, parameter: ToolParameter) -> Any:
    """The default as JSON data that stands for no other value; NO_DEFAULT where there is none."""
    if parameter.required or parameter.default is not NO_DEFAULT:
        return parameter.default
    default = next(item.default for item in model_parameters(definition.function) if item.name == parameter.name)
    try:
        data = parameter.adapter.dump_python(default, mode="json")
        json_text(data)
        return data if validated(parameter.adapter, data) == default else NO_DEFAULT
    except (InvalidValueError, TypeError, ValueError):
        return NO_DEFAULT


def _presented_value(definition: ToolDefinition, parameter: ToolParameter, arguments: Mapping[str, Any]) -> Any:
    if parameter.name in definition.user_input_fields:
        return None
    if parameter.name in arguments:
        return arguments[parameter.name]
    return None if parameter.default is NO_DEFAULT else parameter.default


def fits_form(definition: ToolDefinition, form: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a form asks for the values that a tool takes, so that the tool can check them."""
    known = {parameter.name: parameter for parameter in definition.inputs}

    def fits(field: Mapping[str, Any]) -> bool:
        name, schema = field["name"], field.get("json_schema")
        if name not in known:
            return False
        # Forms of older journals say less of decimals.
        return schema in (_form_schema(definition, known[name]), field_schema(definition.parameters, name))

    return all(map(fits, form))
