"""LLM agents whose runs stop for people and survive anything.

Each run is an append-only journal on SQLite: it can be paused for a person, cancelled, killed, and continued from any
process by its `run_id`, and no finished step ever runs twice.
"""

from __future__ import annotations

import importlib

from haltpoint import exceptions
from haltpoint._concurrency.fork_guard import no_fork

# Said in this way, type checkers know it, and the module that usually says it need not be loaded.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from haltpoint import models
    from haltpoint.agent import Agent
    from haltpoint.compatibility import install_as_upsonic
    from haltpoint.db.database import InMemoryDatabase, PostgresDatabase, SqliteDatabase
    from haltpoint.db.moving import MoveReport
    from haltpoint.db.remembered_approvals import RememberedApproval
    from haltpoint.db.signals import KeptSignal, SignalDelivery
    from haltpoint.db.verification import AuditRecord, Verification
    from haltpoint.exceptions import (
        AuditKeyError,
        DamagedRunError,
        DamagedRunWarning,
        ErasedRunWarning,
        EventLoopError,
        ForeignAwaitWarning,
        ForkedProcessError,
        HaltpointError,
        InvalidOutputError,
        InvalidResolutionError,
        LeaseLostError,
        LimitError,
        ModelError,
        NestedRunError,
        NotificationWarning,
        RequirementConflictError,
        RequirementExpiredError,
        RequirementNotFoundError,
        RunBusyError,
        RunConflictError,
        RunErasedError,
        RunMovedError,
        RunNotCompletedWarning,
        RunNotFoundError,
        RunSetAsideError,
        RunTimeoutError,
        ServerUnreachableError,
        SignalConflictError,
        StepError,
        StepExpiredError,
        StepRejectedError,
        StepSkippedError,
        StoreError,
        ToolArgumentsError,
        ToolCallLimitError,
        ToolChangedError,
        ToolInDoubtError,
        ToolNotAvailableError,
        ToolResultError,
        TooManyThreadsError,
        UnfinishedRunError,
        UnresolvedRequirementsError,
        UnsafeDatabaseAccessWarning,
        UnsupportedJournalError,
        WorkflowChangedError,
    )
    from haltpoint.models import (
        FunctionModel,
        Message,
        Model,
        ModelReply,
        ModelRequest,
        ScriptedModel,
        ToolCall,
    )
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.base import RunStatus
    from haltpoint.run.cancel import cancel_run
    from haltpoint.run.events import RunEvent
    from haltpoint.run.requirements import RunRequirement
    from haltpoint.run.tools.tools import ToolExecution
    from haltpoint.task import Task
    from haltpoint.tools import (
        InDoubtCall,
        NotStarted,
        ToolCallContext,
        ToolKit,
        Unknown,
        UserControlFlowTools,
        UserInputField,
        current_tool_call,
        tool,
    )
    from haltpoint.workflows import (
        Workflow,
        ask,
        confirm,
        event,
        external,
        now,
        patched,
        random,
        sleep,
        sleep_until,
        step,
        uuid4,
        workflow,
    )

__all__ = [
    "Agent",
    "AgentRunOutput",
    "AuditKeyError",
    "AuditRecord",
    "DamagedRunError",
    "DamagedRunWarning",
    "ErasedRunWarning",
    "EventLoopError",
    "ForeignAwaitWarning",
    "ForkedProcessError",
    "FunctionModel",
    "HaltpointError",
    "InDoubtCall",
    "InMemoryDatabase",
    "InvalidOutputError",
    "InvalidResolutionError",
    "KeptSignal",
    "LeaseLostError",
    "LimitError",
    "Message",
    "Model",
    "ModelError",
    "ModelReply",
    "ModelRequest",
    "MoveReport",
    "NestedRunError",
    "NotStarted",
    "NotificationWarning",
    "PostgresDatabase",
    "RememberedApproval",
    "RequirementConflictError",
    "RequirementExpiredError",
    "RequirementNotFoundError",
    "RunBusyError",
    "RunConflictError",
    "RunErasedError",
    "RunEvent",
    "RunMovedError",
    "RunNotCompletedWarning",
    "RunNotFoundError",
    "RunRequirement",
    "RunSetAsideError",
    "RunStatus",
    "RunTimeoutError",
    "ScriptedModel",
    "ServerUnreachableError",
    "SignalConflictError",
    "SignalDelivery",
    "SqliteDatabase",
    "StepError",
    "StepExpiredError",
    "StepRejectedError",
    "StepSkippedError",
    "StoreError",
    "Task",
    "TooManyThreadsError",
    "ToolArgumentsError",
    "ToolCall",
    "ToolCallContext",
    "ToolCallLimitError",
    "ToolChangedError",
    "ToolExecution",
    "ToolInDoubtError",
    "ToolKit",
    "ToolNotAvailableError",
    "ToolResultError",
    "UnfinishedRunError",
    "Unknown",
    "UnresolvedRequirementsError",
    "UnsafeDatabaseAccessWarning",
    "UnsupportedJournalError",
    "UserControlFlowTools",
    "UserInputField",
    "Verification",
    "Workflow",
    "WorkflowChangedError",
    "ask",
    "cancel_run",
    "confirm",
    "current_tool_call",
    "event",
    "exceptions",
    "external",
    "install_as_upsonic",
    "models",
    "now",
    "patched",
    "random",
    "sleep",
    "sleep_until",
    "step",
    "tool",
    "uuid4",
    "workflow",
]

# Loaded when first used, so that importing the package costs next to nothing. The modules stand here, in code, and
# nowhere in data.
_MODULES = {
    "haltpoint.agent": ("Agent",),
    "haltpoint.compatibility": ("install_as_upsonic",),
    "haltpoint.db.database": ("InMemoryDatabase", "PostgresDatabase", "SqliteDatabase"),
    "haltpoint.db.remembered_approvals": ("RememberedApproval",),
    "haltpoint.db.moving": ("MoveReport",),
    "haltpoint.db.signals": ("KeptSignal", "SignalDelivery"),
    "haltpoint.db.verification": ("AuditRecord", "Verification"),
    "haltpoint.models": (
        "FunctionModel",
        "Message",
        "Model",
        "ModelReply",
        "ModelRequest",
        "ScriptedModel",
        "ToolCall",
    ),
    "haltpoint.run.agent.output": ("AgentRunOutput",),
    "haltpoint.run.base": ("RunStatus",),
    "haltpoint.run.cancel": ("cancel_run",),
    "haltpoint.run.events": ("RunEvent",),
    "haltpoint.run.requirements": ("RunRequirement",),
    "haltpoint.run.tools.tools": ("ToolExecution",),
    "haltpoint.task": ("Task",),
    "haltpoint.tools": (
        "InDoubtCall",
        "NotStarted",
        "ToolCallContext",
        "ToolKit",
        "Unknown",
        "UserControlFlowTools",
        "UserInputField",
        "current_tool_call",
        "tool",
    ),
    "haltpoint.workflows": (
        "Workflow",
        "ask",
        "confirm",
        "event",
        "external",
        "now",
        "patched",
        "random",
        "sleep",
        "sleep_until",
        "step",
        "uuid4",
        "workflow",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "models":
        return _module("haltpoint.models")
    value = _value(name)
    globals()[name] = value
    return value


def _value(name: str) -> Any:
    home = _HOME.get(name)
    if home is not None:
        return getattr(_module(home), name)
    if name in __all__:
        return getattr(exceptions, name)
    raise AttributeError(f"module 'haltpoint' has no attribute {name!r}")


def _module(name: str) -> ModuleType:
    with no_fork:
        return importlib.import_module(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
