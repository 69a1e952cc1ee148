"""What those who approved a call already approved, where it takes several people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.run.changed_arguments import approved_arguments

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["approved_arguments", "approved_memory"]


def approved_memory(requirement: RequirementState) -> dict[str, Any] | None:
    """Return which later calls others approved so far, too: a dict of `scope` and `with_arguments`, or None."""
    first = requirement.approvals[0] if requirement.approvals and requirement.decision is None else {}
    memory: dict[str, Any] | None = first.get("decision", {}).get("remember")
    return memory
