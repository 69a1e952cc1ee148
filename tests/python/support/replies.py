"""Short words for what scripted models say."""

from __future__ import annotations

from typing import Any

from haltpoint import Message, ModelReply, ModelRequest, ToolCall

__all__ = ["results_in", "wants", "wants_all"]


def wants(name: str, **arguments: Any) -> ModelReply:
    """A reply that asks for one tool call."""
    return ModelReply(tool_calls=[ToolCall(name, arguments)])


def wants_all(*calls: tuple[str, dict[str, Any]]) -> ModelReply:
    """A reply that asks for several tool calls at once."""
    return ModelReply(tool_calls=[ToolCall(name, arguments) for name, arguments in calls])


def results_in(request: ModelRequest) -> list[str | None]:
    """The results of tool calls that a request holds, in order."""
    messages: list[Message] = list(request.messages)
    return [message.content for message in messages if message.role == "tool"]
