"""What a tool can learn about the call that it is answering."""

from __future__ import annotations

import copy
import json
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["RunFacts", "ToolCallContext", "current_tool_call", "enter_tool_call", "in_tool_call", "leave_tool_call"]


class _Flag:
    # An event would bring a lock and a condition that nobody waits for.
    __slots__ = ("is_set",)

    def __init__(self) -> None:
        self.is_set = False


class RunFacts:
    """What a run was started with, whichever process and agent drives it now. Read when a tool asks.

    Args:
        started_json: the first entry of the run's journal.
    """

    __slots__ = ("_data", "_text")

    def __init__(self, started_json: str = "{}") -> None:
        self._text = started_json
        self._data: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        data: dict[str, Any] = json.loads(self._text) if self._data is None else self._data
        self._data = data
        return data.get(name)


@dataclass(frozen=True, slots=True)
class ToolCallContext:
    """The tool call under way, and the run that it belongs to.

    Attributes:
        run_id: the run that the call belongs to.
        tool_call_id: the model's id of the call.
        tool_name: the name under which the model called the tool.
        idempotency_key: the same text for every attempt of this call and for no other call; hand it to services
            that drop repeated requests.
        attempt: 1 for the first attempt of the call, then counting up.
        user_id: the user that the run is for, as said when it was started; None where nothing was said.
        session_id: the run's session, likewise.
        agent_name: the name of the agent that started the run, likewise.
        metadata: the JSON data that is kept with the run, likewise; a copy.
    """

    run_id: str
    tool_call_id: str
    tool_name: str
    idempotency_key: str
    attempt: int = 1
    _run: RunFacts = field(default_factory=RunFacts, repr=False, compare=False)
    _cancelled: _Flag = field(default_factory=_Flag, init=False, repr=False, compare=False)

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop; a long tool looks here now and then and returns early."""
        return self._cancelled.is_set

    @property
    def user_id(self) -> str | None:
        """The user that the run is for."""
        user_id: str | None = self._run["user_id"]
        return user_id

    @property
    def session_id(self) -> str | None:
        """The run's session."""
        session_id: str | None = self._run["session_id"]
        return session_id

    @property
    def agent_name(self) -> str | None:
        """The name of the agent that started the run."""
        agent_name: str | None = self._run["agent_name"]
        return agent_name

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The JSON data that is kept with the run."""
        metadata: dict[str, Any] | None = copy.deepcopy(self._run["metadata"])
        return metadata

    def next_attempt(self) -> ToolCallContext:
        """Return the context of the attempt after this one; a cancellation reaches both."""
        following = replace(self, attempt=self.attempt + 1)
        object.__setattr__(following, "_cancelled", self._cancelled)
        return following

    def mark_cancelled(self) -> None:
        """Make `cancelled` true, for good. Safe to call from any thread."""
        self._cancelled.is_set = True


_CURRENT_CALL: ContextVar[ToolCallContext] = ContextVar("haltpoint_current_tool_call")

# Each step of a run comes by here: a context manager of Python would cost three calls.
enter_tool_call = _CURRENT_CALL.set
leave_tool_call = _CURRENT_CALL.reset


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


def in_tool_call() -> bool:
    """Whether the calling code is answering a tool call."""
    return _CURRENT_CALL.get(None) is not None
