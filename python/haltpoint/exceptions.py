"""Every error and warning that haltpoint raises.

All errors derive from `HaltpointError`. Most derive from a builtin as well, so that a caller who knows nothing
of haltpoint can catch `ValueError` or `RuntimeError`. The message is the only positional argument; facts that a
program may want to act on are keyword-only and become attributes of the same name.
"""

from __future__ import annotations

from haltpoint.warning_categories import (
    DamagedRunWarning,
    ErasedRunWarning,
    ForeignAwaitWarning,
    NotificationWarning,
    RunNotCompletedWarning,
    UnsafeDatabaseAccessWarning,
    describe,
)

# Said in this way, type checkers know it, and the module that usually says it need not be loaded.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any

__all__ = [
    "ALL_ERRORS",
    "AuditKeyError",
    "DamagedRunError",
    "DamagedRunWarning",
    "ErasedRunWarning",
    "EventLoopError",
    "ForeignAwaitWarning",
    "ForkedProcessError",
    "HaltpointError",
    "InvalidOutputError",
    "InvalidResolutionError",
    "LeaseLostError",
    "LimitError",
    "ModelError",
    "NestedRunError",
    "NotificationWarning",
    "RequirementConflictError",
    "RequirementExpiredError",
    "RequirementNotFoundError",
    "RunBusyError",
    "RunConflictError",
    "RunErasedError",
    "RunMovedError",
    "RunNotCompletedWarning",
    "RunNotFoundError",
    "RunSetAsideError",
    "RunTimeoutError",
    "ServerUnreachableError",
    "SignalConflictError",
    "StepError",
    "StepExpiredError",
    "StepRejectedError",
    "StepSkippedError",
    "StoreError",
    "TooManyThreadsError",
    "ToolArgumentsError",
    "ToolCallLimitError",
    "ToolChangedError",
    "ToolInDoubtError",
    "ToolNotAvailableError",
    "ToolResultError",
    "UnfinishedRunError",
    "UnresolvedRequirementsError",
    "UnsafeDatabaseAccessWarning",
    "UnsupportedJournalError",
    "WorkflowChangedError",
]


class HaltpointError(Exception):
    """Base of all errors of haltpoint.

    Attributes:
        run_id: the run that the error concerns, or None when no run had started.
    """

    def __init__(self, message: str, *, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id

    def __repr__(self) -> str:
        return describe(self)


class RunNotFoundError(HaltpointError, ValueError):
    """The database holds no run of this id."""


class UnfinishedRunError(HaltpointError, ValueError):
    """A task was to start anew, or a run to be erased, while the run is not finished: it can still be continued."""


class RunConflictError(HaltpointError, ValueError):
    """A run was started under this key before, with another task or other arguments; nothing was started.

    `run_id` is that run's.

    Attributes:
        differing: what differs, such as "description" or "metadata".
    """

    def __init__(self, message: str, *, run_id: str | None = None, differing: Iterable[str] = ()) -> None:
        super().__init__(message, run_id=run_id)
        self.differing: tuple[str, ...] = tuple(differing)


class SignalConflictError(HaltpointError, ValueError):
    """A signal has the id of one that was sent before, and says something else; nothing was sent.

    Attributes:
        signal_id: the id.
    """

    def __init__(self, message: str, *, run_id: str | None = None, signal_id: str | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.signal_id = signal_id


class UnresolvedRequirementsError(HaltpointError, ValueError):
    """A paused run was to continue, and not one of its requirements is resolved.

    Attributes:
        requirement_ids: the requirements that wait for a decision.
    """

    def __init__(self, message: str, *, run_id: str | None = None, requirement_ids: Iterable[str] = ()) -> None:
        super().__init__(message, run_id=run_id)
        self.requirement_ids: tuple[str, ...] = tuple(requirement_ids)


class RequirementConflictError(HaltpointError, ValueError):
    """A requirement that is decided was given a second, different decision.

    Attributes:
        requirement_id: the requirement in question.
        decided_by: who made the decision that stands.
        decided_at: when that decision was made (aware, UTC).
        decision: that decision, as JSON data.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        requirement_id: str | None = None,
        decided_by: str | None = None,
        decided_at: datetime | None = None,
        decision: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id)
        self.requirement_id = requirement_id
        self.decided_by = decided_by
        self.decided_at = decided_at
        self.decision = decision


class RequirementExpiredError(HaltpointError, ValueError):
    """Nobody decided a requirement in time; it can no longer be decided.

    Attributes:
        requirement_id: the requirement in question, or None for a run that ended because of one.
        expired_at: since when it can't be decided any more (aware, UTC).
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        requirement_id: str | None = None,
        expired_at: datetime | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id)
        self.requirement_id = requirement_id
        self.expired_at = expired_at


class InvalidResolutionError(HaltpointError, ValueError):
    """A decision can't be used: a field's value is missing or of the wrong type, or the requirement is unknown.

    Attributes:
        requirement_id: the requirement that the decision was meant for.
        field_name: the input field at fault, or None when it is not about one field.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        requirement_id: str | None = None,
        field_name: str | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id)
        self.requirement_id = requirement_id
        self.field_name = field_name


class RequirementNotFoundError(InvalidResolutionError):
    """The database holds no requirement of this id."""


class LimitError(HaltpointError, ValueError):
    """An id, a name or a value is longer than haltpoint keeps, or an id or a name holds U+0000; nothing was written."""


class RunBusyError(HaltpointError, RuntimeError):
    """Another live holder is driving this run.

    Attributes:
        holder: which process that is.
        since: since when it holds the run (aware, UTC).
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        holder: str | None = None,
        since: datetime | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id)
        self.holder = holder
        self.since = since


class RunMovedError(HaltpointError, RuntimeError):
    """The run was moved to another database, where it goes on.

    Attributes:
        moved_to: that database: a file's path, or a server's address without user and password. None where the entry
            that says so was erased.
    """

    def __init__(self, message: str, *, run_id: str | None = None, moved_to: str | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.moved_to = moved_to


class LeaseLostError(HaltpointError, RuntimeError):
    """Another process took the run over, or may do so: this one was stopped, or cut off from the database.

    This process writes no more to the run. Calls that it had under way are in doubt for whoever goes on with it.

    Attributes:
        holder: the process that holds the run now, when known.
    """

    def __init__(self, message: str, *, run_id: str | None = None, holder: str | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.holder = holder


class ForkedProcessError(HaltpointError, RuntimeError):
    """A forked child can't use something of its parent's, such as an open database; the message says what to do."""


class TooManyThreadsError(HaltpointError, RuntimeError):
    """The operating system gives this process no thread to call a plain function in; the function was not called."""


class EventLoopError(HaltpointError, RuntimeError):
    """haltpoint can't work with the program's event loop or threads; the message says what to do."""


class StoreError(HaltpointError, RuntimeError):
    """The database can't be opened, is full, is not one of haltpoint, or is of a newer schema.

    Attributes:
        db_file: path of the database file, or None for a database without one.
    """

    def __init__(self, message: str, *, run_id: str | None = None, db_file: str | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.db_file = db_file


class ServerUnreachableError(StoreError):
    """The database's server can't be reached, or the connection was lost while it answered.

    What was to be written may have been written: look the run up before you try again. Workers wait for the server.
    """


class DamagedRunError(StoreError):
    """What is stored of one run can't be read: something else changed it, or a newer haltpoint wrote it.

    The other runs of the database can be used. `haltpoint check` tells what is damaged.
    """


class UnsupportedJournalError(StoreError):
    """This release must not continue, decide or verify the run; the message says which release does.

    The run's journal uses features or a format that came later; or its format is an earlier one, which can be read,
    verified and exported, and is not written any more.

    Attributes:
        features: the features that the journal requires and this release does not know.
        journal_format: the format of the journal, where this release can't read or write it; else None.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        db_file: str | None = None,
        features: Iterable[str] = (),
        journal_format: int | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id, db_file=db_file)
        self.features: tuple[str, ...] = tuple(features)
        self.journal_format = journal_format


class RunErasedError(StoreError):
    """What the run said was erased. It can be listed and verified, and nothing else."""


class AuditKeyError(HaltpointError, ValueError):
    """The run's hash chain is not keyed with the key that the database was opened with; or a key is too short.

    Attributes:
        key_id: the id of the key that the run was written with, or None when it was written without one.
        given_key_id: the id of the key that the database was opened with, or None when it was opened without one.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        key_id: str | None = None,
        given_key_id: str | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id)
        self.key_id = key_id
        self.given_key_id = given_key_id


class RunTimeoutError(HaltpointError, TimeoutError):
    """A run took longer than the `timeout` it was started with.

    Attributes:
        timeout: the limit, in seconds.
    """

    def __init__(self, message: str, *, run_id: str | None = None, timeout: float | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.timeout = timeout


class ModelError(HaltpointError, RuntimeError):
    """The model's provider failed, or can't be asked at all.

    Attributes:
        provider: name of the provider, such as "openai".
        status_code: HTTP status of the answer, or None when there was none.
        retryable: whether the same request may succeed later.
        retry_after: the wait that the provider asks for, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        provider: str | None = None,
        status_code: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id)
        self.provider = provider
        self.status_code = status_code
        self.retryable = retryable
        self.retry_after = retry_after


class InvalidOutputError(HaltpointError, ValueError):
    """The model's structured answer still did not fit after the allowed corrections.

    Attributes:
        attempts: how many answers were tried.
    """

    def __init__(self, message: str, *, run_id: str | None = None, attempts: int | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.attempts = attempts


class ToolCallLimitError(HaltpointError, RuntimeError):
    """The run made as many tool calls as `tool_call_limit` allows.

    Attributes:
        limit: the limit that was reached.
    """

    def __init__(self, message: str, *, run_id: str | None = None, limit: int | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.limit = limit


class _ToolError(HaltpointError):
    """Errors that concern one tool.

    Attributes:
        tool_name: the name under which the model knows the tool.
    """

    def __init__(self, message: str, *, run_id: str | None = None, tool_name: str | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.tool_name = tool_name


class NestedRunError(HaltpointError, RuntimeError):
    """A tool asked an agent for the content of a run that is paused or cancelled; the message says how to go on.

    `run_id` is that run's, not the one that the tool was called by.

    Attributes:
        status: the status of that run, such as "PAUSED".
    """

    def __init__(self, message: str, *, run_id: str | None = None, status: str | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.status = status


class ToolInDoubtError(HaltpointError, RuntimeError):
    """The run stopped because the outcome of a tool call is unknown, as `on_in_doubt="fail"` asks for."""


class RunSetAsideError(HaltpointError, RuntimeError):
    """The run ended one process after the other and got no further, so that workers drive it no more."""


class ToolNotAvailableError(_ToolError, LookupError):
    """The run needs a tool that this process does not have.

    Attributes:
        tool_name: the name under which the model knows the tool.
    """


class ToolChangedError(_ToolError, LookupError):
    """The tool of this name is no longer the one that the run knows: its parameters differ.

    Attributes:
        tool_name: the name under which the model knows the tool.
    """


class ToolArgumentsError(_ToolError, ValueError):
    """The arguments of a tool call do not fit the tool's parameters; the message is written for the model.

    Attributes:
        tool_name: the name under which the model knows the tool.
    """


class ToolResultError(_ToolError, ValueError):
    """A tool returned something that can't be given to a model as text.

    Attributes:
        tool_name: the name under which the model knows the tool.
    """


class StepError(HaltpointError, RuntimeError):
    """A step of a workflow has no result: it failed, or it was not run. Raised where the step is awaited.

    Attributes:
        name: the step's name.
    """

    def __init__(self, message: str, *, run_id: str | None = None, name: str | None = None) -> None:
        super().__init__(message, run_id=run_id)
        self.name = name


class StepRejectedError(StepError):
    """A person rejected the step, or answered that it is not to be run; it was not run.

    Attributes:
        name: the step's name.
    """


class StepExpiredError(StepError):
    """No decision about the step came in time, so that it was not run; or no signal of the event that it waits for.

    Attributes:
        name: the step's name.
    """


class StepSkippedError(StepError):
    """The step was started, its outcome is unknown, and a person decided to go on without its result.

    Attributes:
        name: the step's name.
    """


class WorkflowChangedError(HaltpointError, RuntimeError):
    """The code of a workflow no longer asks for steps that its run has finished. The run stays as it was.

    Attributes:
        steps: the names of these steps, in the order in which they finished.
    """

    def __init__(self, message: str, *, run_id: str | None = None, steps: Iterable[str] = ()) -> None:
        super().__init__(message, run_id=run_id)
        self.steps: tuple[str, ...] = tuple(steps)


ALL_ERRORS: tuple[type[HaltpointError], ...] = (
    HaltpointError,
    RunNotFoundError,
    UnfinishedRunError,
    RunConflictError,
    SignalConflictError,
    UnresolvedRequirementsError,
    RequirementConflictError,
    RequirementExpiredError,
    InvalidResolutionError,
    RequirementNotFoundError,
    RunBusyError,
    RunMovedError,
    LeaseLostError,
    LimitError,
    ForkedProcessError,
    TooManyThreadsError,
    EventLoopError,
    StoreError,
    ServerUnreachableError,
    DamagedRunError,
    UnsupportedJournalError,
    RunErasedError,
    AuditKeyError,
    RunTimeoutError,
    ModelError,
    InvalidOutputError,
    ToolCallLimitError,
    NestedRunError,
    ToolInDoubtError,
    RunSetAsideError,
    ToolNotAvailableError,
    ToolChangedError,
    ToolArgumentsError,
    ToolResultError,
    StepError,
    StepRejectedError,
    StepExpiredError,
    StepSkippedError,
    WorkflowChangedError,
)
