"""What the exit code of a command says."""

from __future__ import annotations

from enum import IntEnum

from haltpoint.exceptions import (
    HaltpointError,
    InvalidResolutionError,
    LeaseLostError,
    LimitError,
    RequirementConflictError,
    RequirementExpiredError,
    RequirementNotFoundError,
    RunBusyError,
    RunConflictError,
    RunErasedError,
    RunMovedError,
    RunNotFoundError,
    SignalConflictError,
    ToolResultError,
)

__all__ = ["MEANINGS", "ExitCode", "exit_code_of", "is_other_than_shown"]


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    NOTHING_TO_DO = 5
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed: the database can't be used, or something in it is damaged, or output can't be written",
    ExitCode.USAGE: "wrong usage: an unknown option, an id that fits several, a value that does not fit",
    ExitCode.NOT_FOUND: "not found: no such database file, run or requirement, or the run was erased or moved",
    ExitCode.CONFLICT: "conflict: the requirement was decided otherwise before, the decision is too late, or it does "
    "not match what was shown",
    ExitCode.NOTHING_TO_DO: "nothing to do: nothing is open, nothing is under way, or somebody else is at it",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
    ExitCode.OUTPUT_CLOSED: "whoever read the output went away",
}

# The first that fits counts.
_OF_ERRORS: tuple[tuple[type[HaltpointError], ExitCode], ...] = (
    (RunNotFoundError, ExitCode.NOT_FOUND),
    (RunErasedError, ExitCode.NOT_FOUND),
    (RunMovedError, ExitCode.NOT_FOUND),
    (RequirementNotFoundError, ExitCode.NOT_FOUND),
    (RequirementConflictError, ExitCode.CONFLICT),
    (RunConflictError, ExitCode.CONFLICT),
    (SignalConflictError, ExitCode.CONFLICT),
    (RequirementExpiredError, ExitCode.CONFLICT),
    (InvalidResolutionError, ExitCode.USAGE),
    (LimitError, ExitCode.USAGE),
    (ToolResultError, ExitCode.USAGE),
    (RunBusyError, ExitCode.NOTHING_TO_DO),
    (LeaseLostError, ExitCode.NOTHING_TO_DO),
)


def is_other_than_shown(error: HaltpointError) -> bool:
    """Whether a decision was refused because what would run is not what was shown."""
    return isinstance(error, InvalidResolutionError) and error.field_name == "expected_digest"


def exit_code_of(error: HaltpointError) -> ExitCode:
    """Return the exit code of a command that an error ends."""
    if is_other_than_shown(error):
        return ExitCode.CONFLICT
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), ExitCode.FAILED)
