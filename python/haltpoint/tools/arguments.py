"""The arguments of a tool call: from what the model sent to what the function is called with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import ToolArgumentsError

from .failing_validators import failures_apart, failures_logged
from .json_form import NotJsonError, dump_json, json_text, parse_exact, parse_json, shown
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


_NAME = frozenset([str])
_PLAIN = frozenset([str, int, float, bool, type(None)])


class CheckedArguments(NamedTuple):
    """The arguments of a call that fit its tool.

    Attributes:
        data: as JSON data of their own.
        text: as compact JSON text.
        bound: the keyword arguments to call the function with, once: it may change them.
    """

    data: dict[str, Any]
    text: str
    bound: dict[str, Any]


def check_arguments(definition: ToolDefinition, arguments: str | Mapping[str, Any] | None) -> CheckedArguments:
    """Return the arguments of a call as the model sent them; see `ToolDefinition.parse_arguments`."""
    if not definition.calls_foreign_code:
        # Nothing is called that could fail.
        return _checked(definition, arguments)
    with failures_logged(_arguments_of(definition)):
        return _checked(definition, arguments)


def _checked(definition: ToolDefinition, arguments: str | Mapping[str, Any] | None) -> CheckedArguments:
    given, text = _read_object(definition, arguments)
    count = len(given)
    bound, found = _validated(definition, given)
    problems: list[str] = []
    for name, problem in found:
        if name in definition.user_input_fields:
            given.pop(name, None)
        else:
            problems.append(problem)
    _raise_problems(definition, problems)
    if definition.user_input_fields:
        _take_out_guesses(definition, given)
    if definition.dynamic_user_input:
        _check_requested_fields(definition, given)
    return CheckedArguments(given, text if len(given) == count else dump_json(given), bound)


def _take_out_guesses(definition: ToolDefinition, given: dict[str, Any]) -> None:
    """Where a person leaves a field empty, the function's own default applies, and no guess of the model's."""
    for parameter in definition.inputs:
        if parameter.name in definition.user_input_fields and not parameter.required:
            given.pop(parameter.name, None)


def argument_problems(definition: ToolDefinition, arguments: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """Do what `ToolDefinition.argument_problems` says."""
    try:
        given, _ = _read_object(definition, arguments)
    except ToolArgumentsError as error:
        return [(None, str(error))]
    # What a person gives is taken as it stands, as the tool's schema has it: what is shown is what runs.
    with failures_logged(_arguments_of(definition)):
        return [*_validated(definition, given, strict=True)[1]]


def _arguments_of(definition: ToolDefinition) -> str:
    return f"the arguments of {definition.name}"


def _validated(
    definition: ToolDefinition, given: Mapping[str, Any], *, strict: bool = False
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the Python objects by the parameters' names, and what is wrong with which argument."""
    bound: dict[str, Any] = {}
    problems: list[tuple[str, str]] = []
    known = 0
    for parameter in definition.inputs:
        name = parameter.name
        if name not in given:
            problems.extend((name, problem) for problem in _missing(parameter))
            continue
        known += 1
        try:
            bound[name] = validated_parameter(parameter, given[name], strict=strict or definition.strict)
        except InvalidValueError as error:
            problems.append((name, str(error)))
    if known < len(given):
        problems = _unknown(definition, given) + problems
    return bound, problems


def bind_arguments(definition: ToolDefinition, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `ToolDefinition.bind` says."""
    with failures_logged(_arguments_of(definition)):
        return _bound(definition, _read_object(definition, arguments)[0])


class JournaledCall(Protocol):
    """The arguments of a call as the engine hands them over: `StartTool`, `CallToRun`."""

    @property
    def args(self) -> str:
        """What the tool validates, as JSON text."""
        ...

    @property
    def approved(self) -> str | None:
        """The shown values, which the tool must get, as JSON text; None where nobody was asked."""
        ...

    @property
    def unchecked(self) -> list[str]:
        """Those of these values that a person gave where no code of the tool checked them."""
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
        allow_changed: take what the tool as it is now makes of the arguments, whatever people were shown. Defaults
            stay as they were when the call was planned.

    Raises:
        ToolArgumentsError: an argument is missing or invalid.
        ToolChangedError: the tool would get something else than what people were shown.
    """
    if not definition.calls_foreign_code:
        return _bind_journaled(definition, call, allow_changed=allow_changed)
    with failures_logged(_arguments_of(definition)):
        return _bind_journaled(definition, call, allow_changed=allow_changed)


def _bind_journaled(definition: ToolDefinition, call: JournaledCall, *, allow_changed: bool) -> dict[str, Any]:
    given = _journaled(definition, call.args)
    if call.approved is None:
        return _bound(definition, given)
    # Loads what shows objects to people, which a call that nobody is asked about does not need.
    with no_fork:
        from .shown_arguments import ApprovedArguments, bind_anew, bind_approved
    approved: dict[str, Any] = json.loads(call.approved)
    arguments = ApprovedArguments(given, approved, tuple(call.unchecked), tuple(call.defaulted))
    if not allow_changed:
        return bind_approved(definition, arguments)
    said, defaults = bind_anew(definition, arguments)
    return _bound(definition, said, defaults)


def _journaled(definition: ToolDefinition, text: str) -> dict[str, Any]:
    """Return arguments out of the journal: there, decimals that were given without the tool at hand are numbers."""
    decimals = [parameter for parameter in definition.inputs if parameter.decimals is not None]
    given: dict[str, Any] = _with_digits(definition, decimals, parse_exact(text)) if decimals else json.loads(text)
    return given


def _bound(
    definition: ToolDefinition, given: Mapping[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the keyword arguments that are made of given values, and those that are made already: shown defaults."""
    bound, problems = _validated(definition, given)
    _raise_problems(definition, [problem for name, problem in problems if name not in defaults])
    return {**bound, **defaults} if defaults else bound


def _unknown(definition: ToolDefinition, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    known = [parameter.name for parameter in definition.inputs]
    arguments = ", ".join(known) or "none"
    return [
        (name, f"{name}: there is no such argument; the arguments are: {arguments}")
        for name in given
        if name not in known
    ]


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


def _read_object(definition: ToolDefinition, arguments: str | Mapping[str, Any] | None) -> tuple[dict[str, Any], str]:
    """Return the arguments as JSON data that nobody else holds, and as text."""
    try:
        value, text = _read(definition, arguments)
    except NotJsonError as error:
        raise ToolArgumentsError(
            f"The arguments of {definition.name} can't be used: the object {error}.",
            tool_name=definition.name,
        ) from error
    if not isinstance(value, dict):
        raise ToolArgumentsError(
            f"The arguments of {definition.name} must be one JSON object, "
            f"not {'another value' if definition.sensitive else shown(value)}.",
            tool_name=definition.name,
        )
    return cast("dict[str, Any]", value), text


def _read(definition: ToolDefinition, arguments: object) -> tuple[Any, str]:
    decimals = [parameter for parameter in definition.inputs if parameter.decimals is not None]
    value = _json_value(arguments, exact=bool(decimals))
    if value is None:
        return {}, "{}"
    if decimals:
        value = _with_digits(definition, decimals, value)
    text = json_text(value)
    is_own = isinstance(arguments, str) and not decimals
    return value if is_own or _is_flat(value) else parse_json(text), text


def _is_flat(value: Any) -> bool:
    """Whether it is an object of names and of values that nobody can change, which JSON brings back as they are."""
    if type(value) is not dict:
        return False
    members = cast("dict[str, Any]", value)
    return _NAME.issuperset(map(type, members)) and _PLAIN.issuperset(map(type, members.values()))


def _json_value(arguments: Any, *, exact: bool) -> Any:
    if arguments is None:
        return None
    if isinstance(arguments, str):
        parse = parse_exact if exact else parse_json
        return parse(arguments) if arguments and not arguments.isspace() else None
    given: Mapping[Any, Any] = arguments
    # A dict is asked first: an abstract class takes its time.
    if isinstance(arguments, (dict, Mapping)):
        return dict(given)
    raise NotJsonError(f"is a value of type {type(arguments).__name__}, not JSON")


def _with_digits(definition: ToolDefinition, decimals: Iterable[ToolParameter], arguments: object) -> Any:
    if not isinstance(arguments, dict):
        return arguments
    given = cast("dict[str, Any]", arguments)
    for parameter in decimals:
        value = given.get(parameter.name)
        exact = value if parameter.decimals is None else parameter.decimals.as_text(value)
        # A validator of the type may work on numbers alone; it gets a number then.
        if exact != value and (_fits(definition, parameter, exact) or not _fits(definition, parameter, value)):
            given[parameter.name] = exact
    return given


def _fits(definition: ToolDefinition, parameter: ToolParameter, value: object) -> bool:
    try:
        # What is taken in its place is checked for good afterwards.
        with failures_apart():
            validated_parameter(parameter, value, strict=definition.strict)
    except InvalidValueError:
        return False
    return True


def _check_requested_fields(definition: ToolDefinition, arguments: Mapping[str, Any]) -> None:
    with no_fork:
        from .requested_fields import requested_field_problems
    _raise_problems(definition, requested_field_problems(arguments))
