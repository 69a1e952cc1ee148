"""Language models: what an agent asks, what it is told, and ready-made models for functions and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.models.base import (
    Message,
    MessageLog,
    MessageView,
    Model,
    ModelReply,
    ModelRequest,
    Role,
    ToolCall,
    ToolSpec,
    Usage,
)
from haltpoint.models.function import FunctionModel
from haltpoint.models.scripted import ScriptedModel

if TYPE_CHECKING:
    from haltpoint.models.provider import ProviderModel

__all__ = [
    "FunctionModel",
    "Message",
    "MessageLog",
    "MessageView",
    "Model",
    "ModelReply",
    "ModelRequest",
    "ProviderModel",
    "Role",
    "ScriptedModel",
    "ToolCall",
    "ToolSpec",
    "Usage",
]


def __getattr__(name: str) -> Any:
    # The provider client lives in the native module, which offline models must not need.
    if name == "ProviderModel":
        with no_fork:
            from haltpoint.models.provider import ProviderModel
        return ProviderModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
