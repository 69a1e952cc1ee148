"""The arguments of a tool call: from what the model sent to what the function is called with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from haltpoint.exceptions import ToolArgumentsError
from haltpoint.forking import no_fork

from .json_form import NotJsonError, dump_json, json_text, parse_json, shown
from .validation import InvalidValueError, validated_parameter

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .schema import ToolParameter

__all__ = [
    "CheckedArguments",
    "JournaledCall",
    "argument_problems",
    "bind_arguments",
    "bind_journaled",
    "check_arguments",
]


class CheckedArguments(NamedTuple):
    """The arguments of a call that fit its tool: as JSON data of their own, and as compact JSON text."""

    data: dict[str, Any]
    text: str


def check_arguments(definition: ToolDefinition, arguments: str | Mapping[str, Any] | None) -> CheckedArguments:
    """Return the arguments of a call as the model sent them; see `ToolDefinition.parse_arguments`."""
    given, text = _read_object(definition, arguments)
    count = len(given)
    problems: list[str] = []
    for name, problem in _found_problems(definition, given):
        if name in definition.user_input_fields:
            given.pop(name, None)
        else:
            problems.append(problem)
    _raise_problems(definition, problems)
    if definition.dynamic_user_input:
        _check_requested_fields(definition, given)
    return CheckedArguments(given, text if len(given) == count else dump_json(given))


def argument_problems(definition: ToolDefinition, arguments: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """Do what `ToolDefinition.argument_problems` says."""
    try:
        given = _read_object(definition, arguments).data
    except ToolArgumentsError as error:
        return [(None, str(error))]
    # What a person gives is taken as it stands, as the tool's schema has it: what is shown is what runs.
    return [*_found_problems(definition, given, strict=True)]


def _found_problems(
    definition: ToolDefinition, given: Mapping[str, Any], *, strict: bool = False
) -> list[tuple[str, str]]:
    problems = _unknown(definition, given)
    for parameter in definition.inputs:
        problem = _problem(parameter, given, strict=strict or definition.strict)
        if problem is not None:
            problems.append((parameter.name, problem))
    return problems


def bind_arguments(definition: ToolDefinition, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `ToolDefinition.bind` says."""
    return _bound(definition, _read_object(definition, arguments).data)


class JournaledCall(Protocol):
    """The arguments of a call as the engine hands them over: `StartTool`, `CallToRun`."""

    @property
    def args(self) -> str:
        """What the tool validates, as JSON text."""
        ...

    @property
    def approved(self) -> str | None:
        """Those of the shown values that the tool must get, as JSON text; None where nobody was asked."""
        ...

    @property
    def defaulted(self) -> list[str]:
        """The parameters that the model left out, of those that people are shown."""
        ...


def bind_journaled(definition: ToolDefinition, call: JournaledCall, *, allow_changed: bool = False) -> dict[str, Any]:
    """Return the keyword arguments of a call out of the journal.

    Args:
        definition: the tool.
        call: what the journal holds.
        allow_changed: take what the tool as it is now makes of the arguments, whatever people were shown.

    Raises:
        ToolArgumentsError: an argument is missing or invalid.
        ToolChangedError: the tool would get something else than what people were shown.
    """
    given: dict[str, Any] = json.loads(call.args)
    if call.approved is None:
        return _bound(definition, given)
    if allow_changed:
        return _bound(definition, {name: value for name, value in given.items() if name not in call.defaulted})
    # Loads what shows objects to people, which a call that nobody is asked about does not need.
    with no_fork:
        from .shown_arguments import ApprovedArguments, bind_approved
    return bind_approved(definition, ApprovedArguments(given, json.loads(call.approved), tuple(call.defaulted)))


def _bound(definition: ToolDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
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
    if problems or len(bound) < len(given):
        known = {parameter.name for parameter in definition.inputs}
        problems.extend(f"{name}: there is no such argument" for name in given.keys() - known)
        _raise_problems(definition, problems)
    return bound


def _unknown(definition: ToolDefinition, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    known = [parameter.name for parameter in definition.inputs]
    if all(name in known for name in given):
        return []
    arguments = ", ".join(known) or "none"
    return [
        (name, f"{name}: there is no such argument; the arguments are: {arguments}")
        for name in given
        if name not in known
    ]


def _problem(parameter: ToolParameter, given: Mapping[str, Any], *, strict: bool) -> str | None:
    if parameter.name not in given:
        return next(iter(_missing(parameter)), None)
    try:
        validated_parameter(parameter, given[parameter.name], strict=strict)
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


def _read_object(definition: ToolDefinition, arguments: str | Mapping[str, Any] | None) -> CheckedArguments:
    """Return the arguments as JSON data that nobody else holds, and as text."""
    try:
        value, text = _read(arguments)
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
    return CheckedArguments(cast("dict[str, Any]", value), text)


def _read(arguments: object) -> tuple[Any, str]:
    if arguments is None:
        return {}, "{}"
    if isinstance(arguments, str):
        value = parse_json(arguments) if arguments and not arguments.isspace() else None
        return ({}, "{}") if value is None else (value, json_text(value))
    if isinstance(arguments, Mapping):
        text = json_text(dict(cast("Mapping[object, object]", arguments)))
        return parse_json(text), text
    raise NotJsonError(f"is a value of type {type(arguments).__name__}, not JSON")


def _check_requested_fields(definition: ToolDefinition, arguments: Mapping[str, Any]) -> None:
    with no_fork:
        from .user_input import requested_field_problems
    _raise_problems(definition, requested_field_problems(arguments))
