"""The messages that a Python model is handed, kept from step to step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from haltpoint.models.messages import Message, MessageLog, Role, ToolCall

if TYPE_CHECKING:
    from haltpoint._engine import Session

__all__ = ["extend_log"]


def extend_log(log: MessageLog, session: Session) -> None:
    """Add what the run's conversation has gained since the last time; nothing is built twice."""
    log.extend(_message(*parts) for parts in session.messages_since(len(log)))


def _message(
    role: Role,
    content: str | None,
    calls: list[tuple[str, str, str]],
    tool_call_id: str | None,
    name: str | None,
    is_error: bool,
    provider_data: str | None,
) -> Message:
    return Message(
        role=role,
        content=content,
        tool_calls=tuple(ToolCall(call_name, json.loads(args), call_id) for call_id, call_name, args in calls),
        tool_call_id=tool_call_id,
        name=name,
        provider_data=None if provider_data is None else json.loads(provider_data),
        is_error=is_error,
    )
