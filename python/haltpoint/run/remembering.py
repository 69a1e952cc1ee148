"""Confirmations that answer later calls of the tool, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from haltpoint.exceptions import InvalidResolutionError

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["RememberScope", "memory_of"]

RememberScope = Literal["run", "session"]


def memory_of(
    requirement: RequirementState, scope: object, *, with_arguments: bool, is_changed: bool
) -> dict[str, Any] | None:
    """Return what a confirmation says of later calls, as the journal keeps it; None where it says nothing.

    Args:
        requirement: what is confirmed.
        scope: "run", "session" or None.
        with_arguments: whether only calls with the same arguments are meant.
        is_changed: whether the confirmation changes the call's arguments.

    Raises:
        InvalidResolutionError: it can't be remembered so.
    """
    if not isinstance(cast("object", with_arguments), bool):
        raise _refused(requirement, f"remember_args must be True or False, not {with_arguments!r}")
    if scope is None:
        if with_arguments:
            raise _refused(requirement, 'remember_args=True needs remember="run" or remember="session"')
        return None
    if scope not in get_args(RememberScope):
        raise _refused(requirement, f'remember must be "run" or "session", not {scope!r}')
    if requirement.always_ask:
        raise _refused(requirement, "the tool says always_ask=True, so that each of its calls is asked about")
    if is_changed:
        raise _refused(requirement, "a confirmation with changed arguments is about this call alone")
    return {"scope": scope, "with_arguments": True} if with_arguments else {"scope": scope}


def _refused(requirement: RequirementState, problem: str) -> InvalidResolutionError:
    return InvalidResolutionError(
        f"the approval of {requirement.tool_execution.tool_name!r} can't be remembered: {problem}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="remember",
    )
