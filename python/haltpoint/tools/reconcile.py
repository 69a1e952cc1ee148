"""Finding out what became of a call that was started and has no outcome.

What a tool's `reconcile` function is asked, and what it may answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["InDoubtCall", "NotStarted", "Unknown"]


class NotStarted:
    """The answer that a call certainly never took effect, so that it may run now. The class itself will do, too."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer that nobody but a person can tell. The class itself will do, too.

    Attributes:
        reason: why, for that person.
    """

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class InDoubtCall:
    """A call that was started and has no outcome: its process died, or it was stopped in its middle.

    Attributes:
        run_id: the run.
        tool_call_id: the call.
        tool_name: the model's name for the tool.
        tool_args: the arguments that it was started with, as JSON data.
        idempotency_key: what `current_tool_call().idempotency_key` was.
        attempt: which attempt is in doubt; the first is 1.
        started_at: when it was started (aware, UTC).
    """

    run_id: str
    tool_call_id: str
    tool_name: str
    tool_args: dict[str, Any]
    idempotency_key: str
    attempt: int
    started_at: datetime
