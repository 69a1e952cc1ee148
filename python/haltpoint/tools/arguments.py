"""The arguments of a tool call: from what the model sent to what the function is called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from haltpoint.exceptions import ToolArgumentsError

from .json_form import NotJsonError, json_text, parse_json, shown
from .user_values import convert_field_value
from .validation import InvalidValueError, validated_parameter

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .schema import ToolParameter

__all__ = ["argument_problems", "bind_arguments", "convert_field_value", "parse_arguments"]


def parse_arguments(definition: ToolDefinition, arguments: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Do what `ToolDefinition.parse_arguments` says."""
    given = _read_object(definition, arguments)
    problems: list[str] = []
    for name, problem in _found_problems(definition, given):
        if name in definition.user_input_fields:
            given.pop(name, None)
        else:
            problems.append(problem)
    _raise_problems(definition, problems)
    if definition.dynamic_user_input:
        _check_requested_fields(definition, given)
    return given


def argument_problems(definition: ToolDefinition, arguments: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """Do what `ToolDefinition.argument_problems` says."""
    try:
        given = _read_object(definition, arguments)
    except ToolArgumentsError as error:
        return [(None, str(error))]
    return [*_found_problems(definition, given)]


def _found_problems(definition: ToolDefinition, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    known = [parameter.name for parameter in definition.inputs]
    problems = [
        (name, f"{name}: there is no such argument; the arguments are: {', '.join(known) or 'none'}")
        for name in given
        if name not in known
    ]
    for parameter in definition.inputs:
        problem = _problem(definition, parameter, given)
        if problem is not None:
            problems.append((parameter.name, problem))
    return problems


def bind_arguments(definition: ToolDefinition, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `ToolDefinition.bind` says."""
    given = _read_object(definition, arguments)
    bound: dict[str, Any] = {}
    problems: list[str] = []
    for parameter in definition.inputs:
        if parameter.name not in given:
            problems.extend(_missing(parameter))
            continue
        try:
            bound[parameter.name] = validated_parameter(parameter, given[parameter.name], strict=definition.strict)
        except InvalidValueError as error:
            problems.append(str(error))
    problems.extend(f"{name}: there is no such argument" for name in given.keys() - _names(definition))
    _raise_problems(definition, problems)
    return bound


def _names(definition: ToolDefinition) -> set[str]:
    return {parameter.name for parameter in definition.inputs}


def _problem(definition: ToolDefinition, parameter: ToolParameter, given: Mapping[str, Any]) -> str | None:
    if parameter.name not in given:
        return next(iter(_missing(parameter)), None)
    try:
        validated_parameter(parameter, given[parameter.name], strict=definition.strict)
    except InvalidValueError as error:
        return str(error)
    return None


def _missing(parameter: ToolParameter) -> list[str]:
    if not parameter.required:
        return []
    return [f"{parameter.name}: missing, expected {parameter.type_name}"]


def _raise_problems(definition: ToolDefinition, problems: list[str]) -> None:
    if problems:
        lines = "\n".join(f"- {problem}" for problem in problems)
        raise ToolArgumentsError(
            f"The arguments of {definition.name} are not valid:\n{lines}", tool_name=definition.name
        )


def _read_object(definition: ToolDefinition, arguments: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arguments as JSON data that nobody else holds."""
    try:
        value = _read(arguments)
    except NotJsonError as error:
        raise ToolArgumentsError(
            f"The arguments of {definition.name} can't be used: the object {error}.",
            tool_name=definition.name,
        ) from error
    if not isinstance(value, dict):
        raise ToolArgumentsError(
            f"The arguments of {definition.name} must be one JSON object, not {shown(value)}.",
            tool_name=definition.name,
        )
    return cast("dict[str, Any]", value)


def _read(arguments: object) -> Any:
    if arguments is None:
        return {}
    if isinstance(arguments, str):
        value = parse_json(arguments) if arguments.strip() else None
        json_text(value)
        return {} if value is None else value
    if isinstance(arguments, Mapping):
        return parse_json(json_text(dict(cast("Mapping[object, object]", arguments))))
    raise NotJsonError(f"is a value of type {type(arguments).__name__}, not JSON")


def _check_requested_fields(definition: ToolDefinition, arguments: Mapping[str, Any]) -> None:
    from .user_input import requested_field_problems

    _raise_problems(definition, requested_field_problems(arguments))
