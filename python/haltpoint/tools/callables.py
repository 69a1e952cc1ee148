"""What can be read off a function, method or callable object without building its schema."""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import replace

from haltpoint._concurrency.async_functions import AnyFunction, implementation

from .confirmation_rule import check_rule
from .defaults import nesting_problem
from .options import DEFAULT_OPTIONS, ToolOptions
from .partials import bound_arguments

__all__ = [
    "OPTIONS_ATTRIBUTE",
    "TOOL_ATTRIBUTE",
    "AnyFunction",
    "check_tool",
    "checked_tool_name",
    "is_unbound_method",
    "model_parameters",
    "options_of",
    "qualified_name",
    "tool_name",
]

OPTIONS_ATTRIBUTE = "__haltpoint_tool__"

TOOL_ATTRIBUTE = "__haltpoint_called_as_tool__"
"""Of a function that is not called itself where it is used as a tool: holds the one that is."""

# The narrowest rule among the providers.
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_UNNAMED_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional-only",
    inspect.Parameter.VAR_POSITIONAL: "a *parameter",
    inspect.Parameter.VAR_KEYWORD: "a **parameter",
}


def options_of(function: AnyFunction) -> ToolOptions:
    """Return what the `tool` decorator was told about `function`; the defaults when it is not decorated.

    A partial of a decorated function keeps the function's options: it must not lose its confirmation. What it fills in
    is no sensitive argument any more: no model and no person sees it.
    """
    for candidate in (function, implementation(function)):
        options: object = getattr(candidate, OPTIONS_ATTRIBUTE, None)
        if isinstance(options, ToolOptions):
            return options if candidate is function or not options.sensitive else _of_partial(function, options)
    return DEFAULT_OPTIONS


def _of_partial(function: AnyFunction, options: ToolOptions) -> ToolOptions:
    bound = bound_arguments(function)
    left = tuple(name for name in options.sensitive if name not in bound)
    return options if left == options.sensitive else replace(options, sensitive=left)


def qualified_name(function: AnyFunction) -> str:
    """Return the dotted name inside its module; of a callable object, its class's name."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def tool_name(function: AnyFunction, options: ToolOptions) -> str:
    """Return the model's name for the tool.

    Raises:
        ValueError: no provider would accept that name.
    """
    name = options.name
    if name is None:
        name = qualified_name(function).rpartition(".")[2]
    return checked_tool_name(name, "give another one with @tool(name=...)")


def checked_tool_name(name: str, remedy: str) -> str:
    """Return `name`, where all providers accept it.

    Raises:
        ValueError: one would not; the message ends with the remedy.
    """
    if not _TOOL_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} can't be a tool's name: up to 64 letters of a-z, digits, _ and - are allowed; {remedy}"
        )
    return name


def is_unbound_method(function: AnyFunction) -> bool:
    """Whether `function` is a method that was taken from its class, and lacks the instance."""
    source = function
    while isinstance(source, functools.partial):
        source = source.func
    if not inspect.isfunction(source):
        return False
    owner = source.__qualname__.rpartition(".")[0]
    if not owner or owner.endswith("<locals>"):
        return False
    return next(iter(_open_parameters(function)), None) in ("self", "cls")


def model_parameters(function: AnyFunction) -> list[inspect.Parameter]:
    """Return the parameters that a model has to name, in order; none that a partial has filled in.

    Raises:
        TypeError: the function has no readable signature, or a parameter that can't be passed by its name.
    """
    parameters = list(_open_parameters(function).values())
    if is_unbound_method(function):
        del parameters[0]
    for parameter in parameters:
        if parameter.kind in _UNNAMED_KINDS:
            raise TypeError(
                f"{qualified_name(function)} can't be a tool: its parameter {parameter.name!r} is "
                f"{_UNNAMED_KINDS[parameter.kind]}, and a model passes arguments by name only; "
                "list the parameters one by one"
            )
    return parameters


def _open_parameters(function: AnyFunction) -> dict[str, inspect.Parameter]:
    signature = _signature(function)
    bound = bound_arguments(function)
    # What a partial fills in by name still stands in its signature, as a default that a caller may override.
    return {name: parameter for name, parameter in signature.parameters.items() if name not in bound}


def _signature(function: AnyFunction) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError as error:
        name = qualified_name(function)
        if isinstance(function, functools.partial):
            # Not with the reason, which shows the values.
            raise TypeError(f"{name} can't be a tool: functools.partial gives it arguments that it lacks") from None
        raise TypeError(
            f"{function!r} can't be a tool: its parameters can't be read; wrap it in a function of your own"
        ) from error


def check_tool(function: AnyFunction, options: ToolOptions) -> None:
    """Check what can be checked from the signature alone.

    Raises:
        TypeError: a parameter can't be passed by name.
        ValueError: the name is not acceptable, a default contains itself, `user_input_fields` or `sensitive` names no
            parameter, or the function that says whether a call is confirmed asks for one that there is not.
    """
    tool_name(function, options)
    parameters = model_parameters(function)
    known = [parameter.name for parameter in parameters]
    for parameter in parameters:
        problem = nesting_problem(parameter.default)
        if problem is not None:
            raise ValueError(
                f"the default of parameter {parameter.name!r} of {qualified_name(function)} {problem}, so that nobody "
                "could be shown it; give it a default of plain values, or None"
            )
    bound = bound_arguments(function)
    for option in ("user_input_fields", "sensitive"):
        unknown = [name for name in getattr(options, option) if name not in known]
        if unknown:
            filled_in = [name for name in unknown if name in bound]
            raise ValueError(
                f"{option} of {qualified_name(function)} names {', '.join(unknown)}, "
                f"and the parameters are: {', '.join(known) or 'none'}"
                + (f"; functools.partial gives {', '.join(filled_in)} already" if filled_in else "")
            )
    if options.confirmation_rule is not None:
        check_rule(options.confirmation_rule, [*known, *bound], qualified_name(function))
