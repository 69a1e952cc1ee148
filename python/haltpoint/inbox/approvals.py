"""What those who approved a call already approved, where it takes several people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.run.changed_arguments import same_arguments

if TYPE_CHECKING:
    from haltpoint.run.requirements import RunRequirement

__all__ = ["approved_arguments"]


def approved_arguments(requirement: RunRequirement) -> dict[str, Any] | None:
    """Return the arguments that others changed and approved so far, to which whoever approves next agrees as well.

    None where nobody approved yet, or those who did left the arguments as they were shown.
    """
    if requirement.decision is not None or not requirement.approvals:
        return None
    arguments: dict[str, Any] = requirement.approvals[0]["tool_args"]
    return None if same_arguments(arguments, requirement.tool_execution.tool_args) else arguments
