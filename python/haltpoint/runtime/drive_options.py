"""What a driver works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from haltpoint.models.base import Model, ToolSpec
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["DriveOptions"]


class DriveOptions(NamedTuple):
    """What a driver works with.

    Attributes:
        model: who is asked.
        tools: the tools by name.
        tool_specs: the same as the model is told of them.
        settings: for the model's requests.
        attempts: how often a model request is tried at most.
        response_format: `str`, or a pydantic model class.
        trace: called with a line for each thing that happens.
        allow_changed_tools: run calls of tools that have changed since people decided on them.
        gives_back: where something else cancels a task of the run, the run is given back for another driver; else it
            is cancelled.
    """

    model: Model
    tools: Mapping[str, ToolDefinition]
    tool_specs: Sequence[ToolSpec]
    settings: Mapping[str, Any]
    attempts: int = 1
    response_format: Any = str
    trace: Callable[[str], None] | None = None
    allow_changed_tools: bool = False
    gives_back: bool = False
