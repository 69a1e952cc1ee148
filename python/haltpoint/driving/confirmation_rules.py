"""Asking a tool's own rule whether a person confirms a call: once, when the call is planned."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint.driving.threads import in_thread
from haltpoint.tools.callables import is_async, model_parameters
from haltpoint.tools.confirmation_rule import rule_arguments
from haltpoint.tools.partials import bound_arguments

if TYPE_CHECKING:
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["RuleAnswer", "ask_rule"]


class RuleAnswer(NamedTuple):
    """What a rule said.

    Attributes:
        ask: whether a person is asked.
        failure: why the rule could not tell; a person is asked then.
    """

    ask: bool
    failure: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as the journal keeps it."""
        return {"ask": self.ask} if self.failure is None else {"ask": self.ask, "failure": self.failure}


async def ask_rule(definition: ToolDefinition, arguments: Mapping[str, Any]) -> RuleAnswer | None:
    """Return what the tool's rule says about a call with these arguments; None for a tool without a rule.

    A rule that raises, cancels itself or returns something else than a bool can't tell: a person is asked.
    """
    if definition.confirmation_rule is None:
        return None
    # A task of its own: a rule that cancels itself must not take the model request along.
    task = asyncio.ensure_future(_asked(definition, arguments))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        raise
    return _failed("it cancelled itself") if task.cancelled() else task.result()


async def _asked(definition: ToolDefinition, arguments: Mapping[str, Any]) -> RuleAnswer:
    try:
        answer = await _called(definition, arguments)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises means that it could not tell
        return _failed(f"{type(error).__name__}: {error}")
    if isinstance(answer, bool):
        return RuleAnswer(answer)
    return _failed(f"it returned {type(answer).__name__}, not True or False")


async def _called(definition: ToolDefinition, arguments: Mapping[str, Any]) -> object:
    rule: Any = definition.confirmation_rule
    given = rule_arguments(rule, _as_the_tool_gets_them(definition, arguments))
    answer = rule(**given) if is_async(rule) else await in_thread(lambda: rule(**given))
    return await answer if inspect.isawaitable(answer) else answer


def _as_the_tool_gets_them(definition: ToolDefinition, arguments: Mapping[str, Any]) -> dict[str, Any]:
    parameters = model_parameters(definition.function)
    defaults = {item.name: item.default for item in parameters if item.default is not inspect.Parameter.empty}
    return {**defaults, **definition.bind(arguments), **bound_arguments(definition.function)}


def _failed(reason: str) -> RuleAnswer:
    return RuleAnswer(ask=True, failure=reason.encode("utf-8", "replace").decode())
