"""What was approved so far where several people must, in words; and approving the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.presentation.calls import arguments_text, remembered_text
from haltpoint.presentation.escaping import visible
from haltpoint.run.approvals import approved_arguments, approved_memory

if TYPE_CHECKING:
    from haltpoint.run.requirements import RunRequirement

__all__ = ["approvals_text", "approve_alike"]


def approvals_text(requirement: RunRequirement) -> str | None:
    """Return who approved so far and how many must yet, safe for a terminal; None where one person decides, or did."""
    needed = requirement.approvals_needed
    if needed == 1 or requirement.decision is not None or requirement.is_expired:
        return None
    if not requirement.approvals:
        return f"{needed} different people must approve"
    names = ", ".join(visible(approval["by"] or "somebody") for approval in requirement.approvals)
    given = len(requirement.approvals)
    others = "another person" if needed - given == 1 else f"{needed - given} other people"
    special = _special(requirement)
    alike = " the same" if special else ""
    return f"approved by {names}{special}, {given} of {needed}; {others} must approve{alike}"


def approve_alike(requirement: RunRequirement, by: str) -> None:
    """Confirm what others have confirmed already; else the call as it stands."""
    remember: dict[str, Any] = approved_memory(requirement) or {}
    requirement.confirm(
        tool_args=approved_arguments(requirement),
        remember=remember.get("scope"),
        remember_args=bool(remember.get("with_arguments")),
        by=by,
        expected_digest=requirement.digest,
    )


def _special(requirement: RunRequirement) -> str:
    """What was approved beyond the call as it stands."""
    changed, remember = approved_arguments(requirement), approved_memory(requirement)
    words = "" if changed is None else f" with {arguments_text(changed) or 'no arguments'}"
    return words if remember is None else f"{words}, {remembered_text(remember)}"
