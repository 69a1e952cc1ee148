"""Asking a tool's own rule whether a person confirms a call: once, when the call is planned."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint._concurrency.user_code import Answer, answer_of, read_texts
from haltpoint.logs import log_failure, logger
from haltpoint.sensitive import Masking
from haltpoint.tools.callables import model_parameters
from haltpoint.tools.confirmation_rule import rule_arguments
from haltpoint.tools.partials import bound_arguments

if TYPE_CHECKING:
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["RuleAnswer", "ask_rule"]

_log = logger("callbacks")


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

    Raises:
        KeyboardInterrupt: the rule raised it.
    """
    if definition.confirmation_rule is None:
        return None
    answer = await _answer(definition.confirmation_rule, definition, arguments)
    if answer.error is not None:
        what = f"requires_confirmation of {definition.name} failed, and a person is asked"
        masking = Masking(definition.sensitive, arguments) if definition.sensitive else None
        log_failure(_log, what, answer.error, answer.texts, masking)
        return RuleAnswer(ask=True, failure=answer.texts.summary)
    if isinstance(answer.value, bool):
        return RuleAnswer(answer.value)
    return RuleAnswer(ask=True, failure=f"it returned {type(answer.value).__name__}, not True or False")


async def _answer(rule: Callable[..., Any], definition: ToolDefinition, arguments: Mapping[str, Any]) -> Answer:
    bound = await _bound(functools.partial(_given, rule, definition, arguments), definition)
    return bound if bound.error is not None else await answer_of(functools.partial(rule, **bound.value))


async def _bound(bind: Callable[[], dict[str, Any]], definition: ToolDefinition) -> Answer:
    if definition.calls_foreign_code:
        return await answer_of(bind)
    try:
        return Answer(bind())
    except Exception as error:  # noqa: BLE001 - a default may be an object that fails with anything when it is read
        return Answer(error=error, texts=await read_texts(error))


def _given(rule: Callable[..., Any], definition: ToolDefinition, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return rule_arguments(rule, _as_the_tool_gets_them(definition, arguments))


def _as_the_tool_gets_them(definition: ToolDefinition, arguments: Mapping[str, Any]) -> dict[str, Any]:
    parameters = model_parameters(definition.function)
    defaults = {item.name: item.default for item in parameters if item.default is not inspect.Parameter.empty}
    return {**defaults, **definition.bind(arguments), **bound_arguments(definition.function)}
