"""A tool call in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.command_line.escaping import visible, visible_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.run.tools.tools import ToolExecution

__all__ = ["arguments_text", "call_text", "shortened"]


def call_text(execution: ToolExecution, *, most: int | None = None) -> str:
    """Return a call like `pay(amount=5, to="bob")`, safe for a terminal.

    Args:
        execution: the call.
        most: how many characters of it at most; what is left out is counted.
    """
    return shortened(f"{visible(execution.tool_name)}({arguments_text(execution.tool_args)})", most)


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """Return arguments like `amount=5, to="bob"`, safe for a terminal."""
    return ", ".join(f"{visible(name)}={visible_json(value)}" for name, value in arguments.items())


def shortened(text: str, most: int | None) -> str:
    """Return a text that says how much of it is missing, where it is longer than `most` characters."""
    if most is None or len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most} more characters)"
