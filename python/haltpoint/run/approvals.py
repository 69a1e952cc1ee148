"""What those who approved a call already approved, where it takes several people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.run.changed_arguments import same_arguments

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["approved_arguments", "approved_memory"]


def approved_arguments(requirement: RequirementState) -> dict[str, Any] | None:
    """Return the arguments that others changed and approved so far, as they are shown: the next person agrees to them.

    None where nobody approved yet, or those who did left the arguments as they were shown.
    """
    first = _first(requirement)
    arguments: dict[str, Any] | None = first.get("tool_args")
    if arguments is None:
        arguments = first.get("decision", {}).get("tool_args")
    if arguments is None or same_arguments(arguments, requirement.tool_execution.tool_args):
        return None
    return arguments


def approved_memory(requirement: RequirementState) -> dict[str, Any] | None:
    """Return which later calls others approved so far, too: a dict of `scope` and `with_arguments`, or None."""
    memory: dict[str, Any] | None = _first(requirement).get("decision", {}).get("remember")
    return memory


def _first(requirement: RequirementState) -> dict[str, Any]:
    """The approval that all others must repeat."""
    return requirement.approvals[0] if requirement.approvals and requirement.decision is None else {}
