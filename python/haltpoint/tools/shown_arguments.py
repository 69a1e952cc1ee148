"""The arguments of a call that asks people: what they are shown, and that the tool gets just that.

What the model said is validated when the call is planned, and people are shown what came of it, with the defaults of
parameters that the model left out. Where the call runs, the same is validated once more. Whatever then differs from
what was shown keeps the call from running.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import ToolArgumentsError, ToolChangedError
from haltpoint.sensitive import MASK

from .failing_validators import failures_apart, failures_logged
from .field_schema import field_schema
from .given_form import completed, given_form
from .hidden_parts import MISSING, holds_stand_in, is_stand_in, stand_ins_in
from .json_form import dump_json, with_whole_numbers
from .plain_form import BASE64, HIDDEN, plain_form
from .same_objects import is_same_object
from .same_values import is_same_json, is_same_kind
from .validation import CALL_AGAIN, InvalidValueError, validated, validated_parameter

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .schema import ToolParameter

__all__ = [
    "ApprovedArguments",
    "ShownArguments",
    "bind_anew",
    "bind_approved",
    "default_form",
    "is_plain",
    "shown_answers",
    "shown_arguments",
    "shown_value",
]

_ASK_AGAIN: Final = f"a person gave it where no code of the tool could check it; {CALL_AGAIN}"
"""What a model is told of a value of a person's that the tool does not take."""

_AS_IT_IS: Final = "pass allow_changed_tools=True to run the call with the tool as it is"
# Nobody approved another default.
_AS_IT_WAS: Final = "cancel the run: allow_changed_tools=True does not change a default that a person was shown"

_STAND_INS = frozenset({HIDDEN})
# Modules of types whose text says all that their values are.
_WRITTEN_OUT = frozenset({"datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid"})
_PLAIN_SCALARS = (str, int, float, bool, type(None))


class ShownArguments(NamedTuple):
    """The arguments of a call as people are shown them.

    Attributes:
        shown: the value that the tool gets for each parameter, as JSON data. One without a JSON form is shown by its
            type, as in "<Connection>".
        given: what the tool validates where the call runs, as JSON data. Parameters whose default is shown by its type
            are not in it.
        defaulted: the parameters that the model left out.
    """

    shown: dict[str, Any]
    given: dict[str, Any]
    defaulted: tuple[str, ...]


class ApprovedArguments(NamedTuple):
    """The arguments of a call that people decided on.

    Attributes:
        given: as in `ShownArguments`, with what people gave.
        approved: the shown values, which the tool must get.
        unchecked: those of them that a person gave where no code of the tool checked them.
        defaulted: as in `ShownArguments`, without those that people gave.
    """

    given: dict[str, Any]
    approved: dict[str, Any]
    unchecked: tuple[str, ...]
    defaulted: tuple[str, ...]


def shown_arguments(definition: ToolDefinition, arguments: Mapping[str, Any]) -> ShownArguments:
    """Return what people are shown of a call with these arguments, which must be valid.

    Raises:
        ToolArgumentsError: a validator does not accept what it accepted before.
    """
    with failures_logged(f"the arguments of {definition.name}"):
        return _shown_arguments(definition, arguments)


def _shown_arguments(definition: ToolDefinition, arguments: Mapping[str, Any]) -> ShownArguments:
    shown: dict[str, Any] = {}
    given: dict[str, Any] = {}
    defaulted: list[str] = []
    for parameter in definition.inputs:
        name = parameter.name
        # The model's guess at what a person is asked for is not used.
        if name in arguments and name not in definition.user_input_fields:
            shown[name], given[name] = shown_value(definition, parameter, arguments[name])
        elif not parameter.required:
            defaulted.append(name)
            shown[name], is_pinned = default_form(parameter)
            if is_pinned or _looks_hidden(parameter):
                given[name] = shown[name]
    return ShownArguments(shown, given, tuple(defaulted))


def _looks_hidden(parameter: ToolParameter) -> bool:
    """Whether a default is text that reads like what stands for an object or a secret."""
    return is_plain(parameter.default_value) and holds_stand_in(parameter.default_value)


def shown_value(
    definition: ToolDefinition, parameter: ToolParameter, value: Any, *, strict: bool = False
) -> tuple[Any, Any]:
    """Return what people are shown of a value, and what the tool validates where the call runs.

    That is the value itself, completed by what its type's own defaults added, so that these stay the same, too.

    Raises:
        ToolArgumentsError: the value is not valid.
    """
    strict = strict or definition.strict
    try:
        form = _form(definition, parameter, value, validated_parameter(parameter, value, strict=strict))
        # What is not shown, such as a secret, stays the type's own default.
        whole = completed(value, form, holds_stand_in)
        if is_same_json(whole, value):
            return form, value
    except InvalidValueError as error:
        raise _invalid(definition, str(error)) from error
    return (form, whole) if _is_shown_as(definition, parameter, whole, form, strict=strict) else (form, value)


def _form(definition: ToolDefinition, parameter: ToolParameter, given: Any, value: object) -> Any:
    """What people are shown of the object that validation made of what was given."""
    return given_form(value, given, functools.partial(field_schema, definition.parameters, parameter.name)).data


def _is_shown_as(definition: ToolDefinition, parameter: ToolParameter, value: Any, form: Any, *, strict: bool) -> bool:
    try:
        with failures_apart():
            made = validated_parameter(parameter, value, strict=strict)
            return is_same_json(_form(definition, parameter, value, made), form)
    except InvalidValueError:
        # A type may show more than it takes, such as what it computes. Then its own defaults are made anew.
        return False


def shown_answers(definition: ToolDefinition, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the tool gets for a person's answers, which must be valid."""
    parameters = {parameter.name: parameter for parameter in definition.inputs}
    with failures_logged(f"the answers to {definition.name}"):
        return {name: shown_value(definition, parameters[name], value)[0] for name, value in values.items()}


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]


def default_form(parameter: ToolParameter) -> tuple[Any, bool]:
    """Return what people are shown of a parameter's default, and whether that reads back as the same default.

    Of one that does not, such as one that holds a secret, it is compared with what is shown once the call runs.
    """
    default = parameter.default_value
    if is_plain(default):
        return deepcopy(default), _reads_back(parameter, default, default)
    form = given_form(default, MISSING, dict)
    if form.is_whole and _reads_back(parameter, form.data, default):
        return form.data, True
    if (form.is_whole and _is_written_out(default)) or _tells(default, form.data):
        return form.data, False
    return f"<{type(default).__qualname__}>", False


def _is_written_out(value: object) -> bool:
    """Whether the form of a value, and of all that it holds, says what it is: that of other objects says less."""
    kind = type(value)
    if kind in (list, tuple, set, frozenset):
        return all(map(_is_written_out, cast("Iterable[object]", value)))
    if kind is dict:
        members = cast("dict[object, object]", value)
        return all(map(_is_written_out, (*members, *members.values())))
    return kind in (*_PLAIN_SCALARS, complex, bytes, bytearray) or kind.__module__.partition(".")[0] in _WRITTEN_OUT


def _tells(default: object, form: Any) -> bool:
    """Whether the form of a default that does not read back says what it is, all but its secrets.

    Of other objects no more than their type is shown: what they hold besides may be a secret that is not marked as one.
    """
    if _object(form) is None and _list(form) is None:
        return False
    plain = plain_form(default)
    if plain.is_whole and dump_json(plain.data) != dump_json(form):
        # What the object holds beside its fields is not in it.
        return True
    # JSON, in which only secrets and bytes do not read back.
    return _STAND_INS.issuperset(stand_ins_in(form)) and (holds_stand_in(form) or f'"{BASE64}' in dump_json(form))


def is_plain(value: Any) -> bool:
    """Whether a value is its own JSON form. Subclasses, such as enumerations of text, are not."""
    if type(value) in _PLAIN_SCALARS:
        return bool(plain_form(value).data == value)
    if type(value) is list:
        return all(is_plain(item) for item in cast("list[object]", value))
    if type(value) is dict:
        items = cast("dict[object, object]", value).items()
        return all(type(key) is str and is_plain(item) for key, item in items)
    return False


def _reads_back(parameter: ToolParameter, data: Any, default: object) -> bool:
    try:
        with failures_apart():
            read = validated(parameter.adapter, data)
        return _is_same_data(read, data) if is_plain(default) else is_same_object(read, default)
    except Exception:  # noqa: BLE001 - validators and comparisons of users' types may raise anything: then it does not
        return False


def _is_same_data(made: object, data: Any) -> bool:
    """Whether validation makes plain data of the same plain data; 5 and 5.0 are alike."""
    return is_plain(made) and dump_json(with_whole_numbers(made)) == dump_json(with_whole_numbers(data))


# Where the call runs


def bind_approved(definition: ToolDefinition, arguments: ApprovedArguments) -> dict[str, Any]:
    """Return the keyword arguments to call the tool with: those that were shown.

    Raises:
        ToolArgumentsError: what a person gave, and no code checked until now, is not valid, or the tool would make
            another value of it.
        ToolChangedError: the tool as it is now would get something else than what was shown.
    """
    bound: dict[str, Any] = {}
    problems: list[str] = []
    arguments = arguments._replace(given={**arguments.given})
    for parameter in definition.inputs:
        try:
            bound.update(_bound(definition, parameter, arguments))
        except InvalidValueError as error:
            if parameter.name in arguments.approved and parameter.name not in arguments.unchecked:
                raise _not_as_decided(definition, str(error)) from error
            is_given = parameter.name in arguments.unchecked
            problems.append(f"{error}; {_ASK_AGAIN}" if is_given else str(error))
        else:
            problems.extend(_answer_problems(definition, parameter, arguments, bound))
    if problems:
        raise _invalid(definition, *problems)
    parameters = {parameter.name: parameter for parameter in definition.inputs}
    for name, shown in arguments.approved.items():
        if name in bound:
            given = arguments.given.get(name, MISSING)
            form = _form(definition, parameters[name], given, bound[name])
            if name not in arguments.unchecked and not _is_as_shown(definition, name, form, shown):
                was, would_be = (_said(definition, name, value) for value in (shown, form))
                raise _not_as_decided(definition, f"{name} was shown as {was} and would be {would_be}")
        elif name not in arguments.defaulted:
            raise _changed(definition, f"it has no parameter {name}")
    return bound


def _answer_problems(
    definition: ToolDefinition, parameter: ToolParameter, arguments: ApprovedArguments, bound: Mapping[str, Any]
) -> list[str]:
    """What is wrong where the tool makes another value of what a person gave than they were shown."""
    name = parameter.name
    if name not in arguments.unchecked or name not in arguments.given:
        return []
    seen = arguments.approved[name]
    if _is_as_shown(definition, name, _form(definition, parameter, arguments.given[name], bound[name]), seen):
        return []
    with no_fork:
        from .answered_values import answer_problem
    problem = answer_problem(definition, parameter, arguments.given[name], seen, bound[name])
    return [] if problem is None else [problem]


def _bound(definition: ToolDefinition, parameter: ToolParameter, arguments: ApprovedArguments) -> dict[str, Any]:
    name = parameter.name
    if name in arguments.defaulted:
        return default_as_shown(definition, parameter, arguments)
    if name in arguments.given:
        arguments.given[name], value = _as_approved(definition, parameter, arguments)
        return {name: value}
    if parameter.required:
        raise InvalidValueError(f"{name}: missing, expected {parameter.type_name}")
    return {}


def _as_approved(
    definition: ToolDefinition, parameter: ToolParameter, arguments: ApprovedArguments
) -> tuple[Any, object]:
    """Return what the tool validates of an argument, and what comes of it.

    Where that is not what was shown, but is with the members that were shown beside it, these are added: the defaults
    of its type have changed since.

    Raises:
        InvalidValueError: the value is not valid.
    """
    given, shown = arguments.given[parameter.name], arguments.approved.get(parameter.name, MISSING)
    whole = given if shown is MISSING else completed(given, shown, holds_stand_in)
    if is_same_json(whole, given):
        return given, validated_parameter(parameter, given, strict=definition.strict)
    made, problem = _made(definition, parameter, given)
    if problem is None and _is_as_shown(definition, parameter.name, _form(definition, parameter, given, made), shown):
        return given, made
    with failures_apart():
        now, misfit = _made(definition, parameter, whole)
    if misfit is None and _is_as_shown(definition, parameter.name, _form(definition, parameter, whole, now), shown):
        return whole, now
    if problem is not None:
        raise problem
    return given, made


def _made(definition: ToolDefinition, parameter: ToolParameter, given: Any) -> tuple[object, InvalidValueError | None]:
    try:
        return validated_parameter(parameter, given, strict=definition.strict), None
    except InvalidValueError as error:
        return None, error


def bind_anew(definition: ToolDefinition, arguments: ApprovedArguments) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the tool as it is now validates, and keyword arguments that are as they were shown.

    Defaults stay as they were when the call was planned, those of parameters and those within values.

    Raises:
        ToolChangedError: a default that was shown can't be made again.
    """
    bound: dict[str, Any] = {}
    given = {name: value for name, value in arguments.given.items() if name not in arguments.defaulted}
    for parameter in definition.inputs:
        if parameter.name in arguments.defaulted:
            bound.update(default_as_shown(definition, parameter, arguments, allow_changed=True))
        elif parameter.name in given:
            try:
                given[parameter.name], _ = _as_approved(definition, parameter, arguments)
            except InvalidValueError:
                # The model is told of it, and of what else is not valid.
                continue
    return given, bound


def default_as_shown(
    definition: ToolDefinition, parameter: ToolParameter, arguments: ApprovedArguments, *, allow_changed: bool = False
) -> dict[str, Any]:
    """Return the keyword argument of a parameter's default as it was shown, whatever it is now; none for its own.

    Args:
        definition: the tool.
        parameter: the parameter.
        arguments: what people decided on.
        allow_changed: whether an object that is shown by its type may be of another type now.

    Raises:
        ToolChangedError: it can't be made of its JSON form, and is another one now.
    """
    name = parameter.name
    if name in arguments.given:
        return {name: _pinned_default(definition, parameter, arguments.given[name])}
    was = arguments.approved.get(name)
    form, is_pinned = (None, False) if parameter.required else default_form(parameter)
    # Text that reads like what an object was shown by would have been pinned.
    is_same = not parameter.required and is_same_kind(form, was) and not (is_pinned and holds_stand_in(was))
    if is_same or (allow_changed and is_stand_in(was) and is_stand_in(form) and not is_pinned):
        return {}
    raise _default_changed(definition, parameter, was, form, is_text=is_pinned)


def _pinned_default(definition: ToolDefinition, parameter: ToolParameter, value: Any) -> Any:
    """Return the default that a plan has the JSON form of.

    Raises:
        ToolChangedError: the parameter does not make it of that form any more.
    """
    try:
        made = validated_parameter(parameter, value)
        if _is_same_data(made, value):
            return deepcopy(value)
        form = _form(definition, parameter, value, made)
        if _is_as_shown(definition, parameter.name, form, value):
            return made
        problem = _default_changed(definition, parameter, value, form)
    except InvalidValueError as error:
        problem = _changed(definition, f"its parameter does not take the default that was shown, {error}", _AS_IT_WAS)
        problem.__cause__ = error
    if not parameter.required and _is_same_data(parameter.default_value, value):
        # Older journals have such defaults, too, of which their types make something else.
        return deepcopy(value)
    raise problem


def _is_as_shown(definition: ToolDefinition, name: str, form: Any, shown: Any) -> bool:
    """Whether what the tool would get is what was shown.

    Text is no number, and a number no text, but for decimals: those that were given without the code are as given.
    """
    decimals = next((item.decimals for item in definition.inputs if item.name == name), None)
    known = shown if decimals is None else decimals.written_as(shown, form)
    return is_same_kind(form, known) or _is_same_by_schema(definition, name, form, known)


def _is_same_by_schema(definition: ToolDefinition, name: str, form: Any, shown: Any) -> bool:
    """Whether what was shown is written in another way: a set in another order, or a moment in another zone."""
    # Loads what knows JSON Schema, which few values need.
    with no_fork:
        from .schema_forms import compared_forms
    return is_same_kind(*compared_forms(definition.parameters, name, shown, form))


def _said(definition: ToolDefinition, name: str, value: Any) -> str:
    """A value for an error, as long as it may be shown there."""
    if name in definition.sensitive:
        return MASK
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _invalid(definition: ToolDefinition, *problems: str) -> ToolArgumentsError:
    lines = "\n".join(f"- {problem}" for problem in problems)
    return ToolArgumentsError(f"The arguments of {definition.name} are not valid:\n{lines}", tool_name=definition.name)


def _not_as_decided(definition: ToolDefinition, difference: str) -> ToolChangedError:
    return ToolChangedError(
        f"the tool {definition.name!r} does not take what a person decided on: {difference}; the call was not run. The "
        "tool has changed since, or its code was not at hand where the person gave the value. Continue the run with "
        "the tool as it was; or pass allow_changed_tools=True to run the call with the tool as it is, which tells the "
        "model of a value that is not valid; or cancel the run",
        tool_name=definition.name,
    )


def _changed(definition: ToolDefinition, difference: str, advice: str = _AS_IT_IS) -> ToolChangedError:
    return ToolChangedError(
        f"the tool {definition.name!r} has changed since a person decided on a call of it: {difference}; the call was "
        f"not run. Continue the run with the tool as it was, or {advice}",
        tool_name=definition.name,
    )


def _default_changed(
    definition: ToolDefinition, parameter: ToolParameter, was: Any, form: Any, *, is_text: bool = False
) -> ToolChangedError:
    said = functools.partial(_said, definition, parameter.name)
    present = "none" if parameter.required else said(form)
    # It may read like what was shown in the place of an object.
    kind = "the text " if is_text and isinstance(form, str) and is_stand_in(was) else ""
    difference = f"the default of {parameter.name} was shown as {said(was)} and would be {kind}{present}"
    is_value = bool(kind) or not (is_stand_in(was) and is_stand_in(form))
    return _changed(definition, difference, _AS_IT_WAS if is_value else _AS_IT_IS)
