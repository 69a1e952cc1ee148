"""Models that plan steps while others are open: they are asked as soon as one of these has its outcome.

The seam between a run's driver and what stands in for a model in it, such as the body of a workflow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from haltpoint.models.base import Model, ModelReply
from haltpoint.models.messages import ToolCall

if TYPE_CHECKING:
    from haltpoint._engine import Session
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["DrivenModel", "PlannedStep", "PlanningModel", "StepsReply"]


@dataclass(frozen=True, slots=True)
class PlannedStep(ToolCall):
    """A call that brings its tool along, since what holds for asking about it depends on the call.

    Attributes:
        definition: the tool as this call wants it.
    """

    definition: ToolDefinition | None = None


@dataclass(frozen=True, slots=True)
class StepsReply(ModelReply):
    """Calls that join those that are open. Without any, the model waits for the outcome of one of these."""


class DrivenModel(Model, Protocol):
    """A model that plans ahead, for one run. It knows the run by its outcomes: its requests hold no messages."""

    async def replay(self, session: Session) -> None:
        """Get to where the run's journal ends. Called before the run goes on; may be called again.

        Raises:
            WorkflowChangedError: it no longer gets there.
        """
        ...

    def begin(self, session: Session, ask: Callable[[], None]) -> None:
        """Get ready for the first request. `ask` makes the driver ask although no step has a new outcome."""
        ...

    async def end(self, *, cancelled: bool) -> None:
        """Clean up: the run has stopped."""
        ...


@runtime_checkable
class PlanningModel(Protocol):
    """What makes such models."""

    def for_run(self, tools: dict[str, ToolDefinition]) -> DrivenModel:
        """Return the model of one run.

        Args:
            tools: takes the tools of the steps that are asked for.
        """
        ...
