"""The form that a person fills in before a tool's call goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from haltpoint.tools.field_words import takes_null

from .bytes_notation import as_shown
from .callables import model_parameters
from .decimals import decimal_form
from .defaults import NO_DEFAULT
from .failing_validators import failures_apart
from .field_schema import field_schema
from .json_form import json_text
from .json_parts import as_list, as_object
from .schema_marks import BOUNDS, BYTE_SIZE, IGNORES, KEYS, NEEDS_CODE, TEXT, UNION, UNKNOWN_DEFAULT
from .validation import InvalidValueError, validated

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .schema import ToolParameter

__all__ = ["fits_form", "form_schema", "input_field", "shown_parameters", "user_input_schema"]


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
    schema = form_schema(definition, parameter)
    field = {
        "name": parameter.name,
        "field_type": parameter.type_name,
        "description": parameter.description,
        "json_schema": schema,
        "required": parameter.required and not takes_null(schema),
    }
    default = _default(definition, parameter, schema)
    return field if default is NO_DEFAULT else {**field, "default": default}


def form_schema(definition: ToolDefinition, parameter: ToolParameter) -> dict[str, Any]:
    """Return the schema of a parameter as a form has it, which says more than the one for models."""
    if definition.marked is None:
        return field_schema(definition.parameters, parameter.name)
    properties, definitions = definition.marked.parameters
    form = field_schema({"properties": properties, "$defs": definitions}, parameter.name)
    kept: dict[str, Any] = _without_marks(decimal_form(form), _OF_WRITING)
    return kept


def shown_parameters(definition: ToolDefinition) -> dict[str, Any]:
    """The schema of the tool's arguments for people who change them, which says the same and more."""
    parameters = definition.parameters
    if definition.marked is None:
        return parameters
    properties, definitions = definition.marked.parameters
    described = {name: _described(schema, parameters["properties"][name]) for name, schema in properties.items()}
    shown: dict[str, Any] = decimal_form({**parameters, "properties": described})
    return {**shown, "$defs": decimal_form(definitions)} if definitions else shown


def _described(schema: Mapping[str, Any], for_models: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with what the signature and the docstring say of the parameter."""
    return {**schema, **{key: for_models[key] for key in ("description", "default") if key in for_models}}


# Marks that say nothing about which values fit.
_OF_WRITING = frozenset({BYTE_SIZE, IGNORES, UNION})


def _without_marks(schema: Any, marks: frozenset[str]) -> Any:
    if isinstance(schema, list):
        return [_without_marks(item, marks) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    members = cast("dict[str, Any]", schema).items()
    return {key: _without_marks(value, marks) for key, value in members if key not in marks}


def _default(definition: ToolDefinition, parameter: ToolParameter, schema: Mapping[str, Any]) -> Any:
    """The default as JSON data that stands for no other value; NO_DEFAULT where there is none."""
    if parameter.required or parameter.default is not NO_DEFAULT:
        return parameter.default
    default = next(item.default for item in model_parameters(definition.function) if item.name == parameter.name)
    try:
        data = parameter.adapter.dump_python(default, mode="json")
        json_text(data)
        with failures_apart():
            read = validated(parameter.adapter, data)
        return as_shown(schema, data) if read == default else NO_DEFAULT
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
        now = form_schema(definition, known[name])
        # Forms of older journals say less.
        plain = _unmarked(schema)
        return schema == now or plain in (
            _unmarked(now),
            _unmarked(_less_defaults(now, schema)),
            field_schema(definition.parameters, name),
        )

    return all(map(fits, form))


def _less_defaults(schema: Any, older: Any) -> Any:
    """A schema without the defaults of members that an older one has as unknown."""
    items, others = as_list(schema), as_list(older)
    if items is not None and others is not None:
        return [_less_defaults(item, other) for item, other in zip(items, others, strict=False)]
    members, known = as_object(schema), as_object(older)
    if members is None or known is None:
        return schema
    is_unknown = UNKNOWN_DEFAULT in known and "default" not in known
    return {
        key: _less_defaults(value, known.get(key))
        for key, value in members.items()
        if not (is_unknown and key == "default")
    }


def _unmarked(schema: Any) -> Any:
    return _without_marks(schema, _OF_FITTING)


# DECIMAL is none of them: forms have it for as long as there are marks.
_OF_FITTING = frozenset({BOUNDS, KEYS, NEEDS_CODE, TEXT, UNKNOWN_DEFAULT})
