"""A tool call in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.presentation.escaping import visible, visible_json
from haltpoint.run.changed_arguments import model_said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.run.tools.tools import ToolExecution

__all__ = [
    "arguments_text",
    "call_text",
    "event_words",
    "later_calls_text",
    "origin",
    "origin_text",
    "remembered_text",
    "shortened",
]


def call_text(execution: ToolExecution, *, most: int | None = None) -> str:
    """Return a call like `pay(amount=5, to="bob")`, safe for a terminal.

    Args:
        execution: the call.
        most: how many characters of it at most; what is left out is counted.
    """
    said = model_said(execution)
    arguments = (f"{_argument_text(*item)}{origin(execution, said, item[0])}" for item in execution.tool_args.items())
    return shortened(f"{visible(execution.tool_name)}({', '.join(arguments)})", most)


def origin(execution: ToolExecution, said: Mapping[str, Any], name: str) -> str:
    """Return where the value of an argument comes from, like ` (default)`; nothing where the model said just that.

    Args:
        execution: the call.
        said: as `model_said` returns it.
        name: the argument.
    """
    if name in said:
        return f" (the model said {visible_json(said[name])})"
    return " (default)" if name in execution.defaulted else ""


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """Return arguments like `amount=5, to="bob"`, safe for a terminal."""
    return ", ".join(_argument_text(name, value) for name, value in arguments.items())


def _argument_text(name: str, value: Any) -> str:
    return f"{visible(name)}={visible_json(value)}"


def shortened(text: str, most: int | None) -> str:
    """Return a text that says how much of it is missing, where it is longer than `most` characters."""
    if most is None or len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most} more characters)"


def remembered_text(remember: Mapping[str, Any]) -> str:
    """Return how long an approval is remembered, like `remembered for the run, with these arguments`."""
    scope = "its session" if remember["scope"] == "session" else "the run"
    return f"remembered for {scope}{', with these arguments' if remember.get('with_arguments') else ''}"


def later_calls_text(remember: Mapping[str, Any]) -> str:
    """Return which calls an approval answers, too, like `later calls in the run, with these arguments`."""
    return remembered_text(remember).replace("remembered for", "later calls in")


def origin_text(remembered: Mapping[str, Any]) -> str:
    """Return where a repeated approval comes from, like `from requirement 1a2b3c4d of run 5e6f, by ann`."""
    by = visible(remembered.get("by") or "somebody")
    return f"from requirement {visible(remembered['requirement_id'])} of run {visible(remembered['run_id'])}, by {by}"


def event_words(event: Mapping[str, Any]) -> str:
    """Return what an event is called, such as "payment.settled (A-1)"."""
    key = event.get("key")
    return visible(event["name"]) if key is None else f"{visible(event['name'])} ({visible(key)})"
