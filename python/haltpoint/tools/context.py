"""What a tool can learn about the call that it is answering."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["ToolCallContext", "current_tool_call", "tool_call_scope"]


@dataclass(frozen=True, slots=True)
class ToolCallContext:
    """The tool call under way.

    Attributes:
        run_id: the run that the call belongs to.
        tool_call_id: the model's id of the call.
        tool_name: the name under which the model called the tool.
        idempotency_key: the same text for every attempt of this call and for no other call; hand it to services
            that drop repeated requests.
        attempt: 1 for the first attempt of the call, then counting up.
    """

    run_id: str
    tool_call_id: str
    tool_name: str
    idempotency_key: str
    attempt: int = 1
    _cancelled: threading.Event = field(default_factory=threading.Event, init=False, repr=False, compare=False)

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop; a long tool looks here now and then and returns early."""
        return self._cancelled.is_set()

    def next_attempt(self) -> ToolCallContext:
        """Return the context of the attempt after this one; a cancellation reaches both."""
        following = replace(self, attempt=self.attempt + 1)
        object.__setattr__(following, "_cancelled", self._cancelled)
        return following

    def mark_cancelled(self) -> None:
        """Make `cancelled` true, for good. Safe to call from any thread."""
        self._cancelled.set()


_CURRENT_CALL: ContextVar[ToolCallContext] = ContextVar("haltpoint_current_tool_call")


def current_tool_call() -> ToolCallContext:
    """Return the tool call that the calling code is answering.

    Raises:
        RuntimeError: outside of a tool, or in a thread that the tool started without copying its context.
    """
    context = _CURRENT_CALL.get(None)
    if context is None:
        raise RuntimeError(
            "current_tool_call() is for code that a run calls as a tool, and no tool call is under way here; "
            "in a thread that the tool starts itself, run the code with contextvars.copy_context().run(...)"
        )
    return context


@contextmanager
def tool_call_scope(context: ToolCallContext) -> Generator[ToolCallContext, None, None]:
    """Make `context` the current tool call inside the `with` block."""
    token = _CURRENT_CALL.set(context)
    try:
        yield context
    finally:
        _CURRENT_CALL.reset(token)
