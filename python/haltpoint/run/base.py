"""The states of a run."""

from __future__ import annotations

from enum import Enum
from typing import Literal, TypeAlias

__all__ = ["RunStatus", "RunStatusName"]

RunStatusName: TypeAlias = Literal["QUEUED", "RUNNING", "COMPLETED", "PAUSED", "CANCELLED", "ERROR", "MOVED"]


class RunStatus(str, Enum):
    """Where a run, or a step of one, stands."""

    queued = "QUEUED"
    running = "RUNNING"
    completed = "COMPLETED"
    paused = "PAUSED"
    cancelled = "CANCELLED"
    error = "ERROR"
    moved = "MOVED"

    def __str__(self) -> str:
        # Left to itself, formatting a str-based Enum differs between the versions of Python.
        return self.value

    @property
    def is_problematic(self) -> bool:
        """Whether the run stopped short of its end and can be continued: paused, cancelled or error."""
        return self in (RunStatus.paused, RunStatus.cancelled, RunStatus.error)
