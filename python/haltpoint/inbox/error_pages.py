"""Errors, as a browser and a program are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.exceptions import (
    AuditKeyError,
    HaltpointError,
    InvalidResolutionError,
    LeaseLostError,
    LimitError,
    RequirementConflictError,
    RequirementNotFoundError,
    RunBusyError,
    RunErasedError,
    RunMovedError,
    RunNotFoundError,
    ToolResultError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RefusedError", "refusal_of"]

# The first that fits counts.
_STATUSES: tuple[tuple[type[HaltpointError], int], ...] = (
    (RunNotFoundError, 404),
    (RunErasedError, 410),
    (RunMovedError, 410),
    (RequirementNotFoundError, 404),
    (RequirementConflictError, 409),
    (InvalidResolutionError, 422),
    (LimitError, 422),
    (ToolResultError, 422),
    (RunBusyError, 409),
    (LeaseLostError, 409),
    (AuditKeyError, 409),
)


class RefusedError(Exception):
    """A request that is refused.

    Attributes:
        status: the HTTP status.
        name: what kind of problem it is, for programs.
        message: what is wrong and what to do.
        headers: further headers of the answer.
        field_name: the input field at fault, where it is about one.
    """

    def __init__(
        self,
        status: int,
        name: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        field_name: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message
        self.headers = dict(headers or {})
        self.field_name = field_name


def refusal_of(error: HaltpointError) -> RefusedError:
    """Return the refusal that an error of the library amounts to."""
    # What is left is about what was asked for where it is a ValueError, and else about the database.
    default = 409 if isinstance(error, ValueError) else 503
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), default)
    field_name = error.field_name if isinstance(error, InvalidResolutionError) else None
    if field_name == "expected_digest":
        # What the person decided on is not what would run now.
        status = 409
    return RefusedError(status, type(error).__name__, str(error), field_name=field_name)
