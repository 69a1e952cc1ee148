"""Confirmations that answer later calls of the tool, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import InvalidResolutionError

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState
    from haltpoint.run.tools.tools import ToolExecution

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
    if not with_arguments:
        return {"scope": scope}
    hidden = _not_shown_in_full(requirement.tool_execution)
    if hidden is not None:
        raise _refused(requirement, f"{hidden!r} is not shown in full", what="remembered with its arguments")
    return {"scope": scope, "with_arguments": True}


def _not_shown_in_full(execution: ToolExecution) -> str | None:
    """The first argument of which a part is hidden, so that calls with other values look the same."""
    with no_fork:
        from haltpoint.tools.hidden_parts import MISSING, is_hidden_in
    said = execution.original_tool_args or {}
    shown = execution.tool_args.items()
    return next((name for name, value in shown if is_hidden_in(value, said.get(name, MISSING))), None)


def _refused(requirement: RequirementState, problem: str, *, what: str = "remembered") -> InvalidResolutionError:
    return InvalidResolutionError(
        f"the approval of {requirement.tool_execution.tool_name!r} can't be {what}: {problem}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="remember",
    )
