"""The exceptions that a caller gets whose run ended in error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.exceptions import (
    HaltpointError,
    InvalidOutputError,
    ModelError,
    RequirementExpiredError,
    RunSetAsideError,
    RunTimeoutError,
    ToolCallLimitError,
    ToolInDoubtError,
)

if TYPE_CHECKING:
    from haltpoint._engine import Snapshot

__all__ = ["RUN_FAILURES", "failure_of", "is_failed_run", "timeout_error"]

# What a caller gets whose run ended in error.
RUN_FAILURES = (
    ModelError,
    ToolCallLimitError,
    InvalidOutputError,
    ToolInDoubtError,
    RunSetAsideError,
    RequirementExpiredError,
)


def is_failed_run(error: HaltpointError) -> bool:
    """Whether the error tells that a run ended in error."""
    # Of one requirement: a decision came too late for it, and the run waits on or was over before.
    is_late = isinstance(error, RequirementExpiredError) and error.requirement_id is not None
    return isinstance(error, RUN_FAILURES) and error.run_id is not None and not is_late


def failure_of(snapshot: Snapshot, error: ModelError | None, limit: int) -> HaltpointError:
    """Return the exception for a run that ended in error.

    Args:
        snapshot: the run.
        error: what the model failed with in this process, if it did.
        limit: the tool-call limit of the call.
    """
    kind, message, provider, status_code = snapshot.failure or ("model", "the run failed", None, None)
    if kind == "tool_call_limit":
        return ToolCallLimitError(message, run_id=snapshot.run_id, limit=limit)
    if kind == "in_doubt":
        return ToolInDoubtError(message, run_id=snapshot.run_id)
    if kind == "set_aside":
        return RunSetAsideError(message, run_id=snapshot.run_id)
    if kind == "expired":
        return RequirementExpiredError(message, run_id=snapshot.run_id)
    if kind == "invalid_output":
        return InvalidOutputError(message, run_id=snapshot.run_id)
    if error is None:
        error = ModelError(message, provider=provider, status_code=status_code)
    error.run_id = snapshot.run_id
    return error


def timeout_error(run_id: str, timeout: float | None, state: str = "was cancelled") -> RunTimeoutError:
    """Return the exception for a call that took longer than its caller allowed.

    Args:
        run_id: the run.
        timeout: how long the call might take.
        state: what became of the run.
    """
    return RunTimeoutError(
        f"the call took longer than {timeout:g} seconds, and run {run_id} {state}; "
        f"continue it with continue_run_async(run_id={run_id!r})",
        run_id=run_id,
        timeout=timeout,
    )
