"""A tool's own rule for asking: a function of a call's arguments that says whether a person confirms the call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .partials import bound_arguments

__all__ = ["check_rule", "rule_arguments"]

_Rule = Callable[..., Any]


def check_rule(rule: _Rule, known: Iterable[str], tool: str) -> None:
    """Check that a rule asks for arguments that its tool has.

    Args:
        rule: the function that was given as `requires_confirmation`.
        known: the names of the tool's parameters.
        tool: the tool's name, for the message.

    Raises:
        ValueError: it names a parameter that the tool lacks, or one that can't be passed by name.
    """
    names = list(known)
    for parameter in _parameters(rule, tool):
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
            raise ValueError(
                f"requires_confirmation of {tool}: the parameter {parameter.name!r} of the function can't be passed by "
                "name, as the arguments of a call are"
            )
        if parameter.name not in names:
            raise ValueError(
                f"requires_confirmation of {tool}: the function asks for {parameter.name!r}, and the tool's parameters "
                f"are: {', '.join(names) or 'none'}"
            )


def rule_arguments(rule: _Rule, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a call's arguments that the rule asks for."""
    parameters = _parameters(rule, "the tool")
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return dict(arguments)
    asked = {parameter.name for parameter in parameters}
    return {name: value for name, value in arguments.items() if name in asked}


def _parameters(rule: _Rule, tool: str) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(rule).parameters.values()
    except ValueError as error:
        raise ValueError(
            f"requires_confirmation of {tool}: the parameters of {rule!r} can't be read; "
            "wrap it in a function of your own"
        ) from error
    # What a partial has filled in already is its own affair.
    filled = bound_arguments(rule)
    return [parameter for parameter in parameters if parameter.name not in filled]
