"""The small records within a run's output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from haltpoint.run.base import RunStatus

__all__ = ["RunUsage", "StepResult"]


@dataclass(frozen=True)
class StepResult:
    """One step of a run: a model request, or one tool call.

    Attributes:
        name: what the step was.
        step_number: its place in the run, from 1.
        status: how it ended.
        message: a few words about it.
        execution_time: how long it took, in seconds.
    """

    name: str
    step_number: int
    status: RunStatus
    message: str | None = None
    execution_time: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the step as JSON data."""
        return {**asdict(self), "status": self.status.value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StepResult:
        """Read what `to_dict` returns."""
        return cls(
            name=data["name"],
            step_number=data["step_number"],
            status=RunStatus(data["status"]),
            message=data.get("message"),
            execution_time=data.get("execution_time") or 0.0,
        )


@dataclass(frozen=True)
class RunUsage:
    """What a run took, over all its parts.

    Attributes:
        requests: model requests that were answered.
        input_tokens: tokens sent to the model.
        output_tokens: tokens that it wrote.
        total_tokens: tokens in both directions.
        tool_calls: tool calls that the model asked for.
        duration: time under way, in seconds, without the pauses.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    tool_calls: int = 0
    duration: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunUsage:
        """Read what `to_dict` returns; a figure that is missing is 0."""
        return cls(
            requests=data.get("requests", 0),
            input_tokens=data.get("input_tokens", 0),
            output_tokens=data.get("output_tokens", 0),
            total_tokens=data.get("total_tokens", 0),
            tool_calls=data.get("tool_calls", 0),
            duration=data.get("duration", 0.0),
        )
