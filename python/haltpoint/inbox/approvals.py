"""What those who approved a call already approved, where it takes several people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from haltpoint.run.changed_arguments import asked_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.run.requirements import RunRequirement

__all__ = ["approved_arguments"]


def approved_arguments(requirement: RunRequirement) -> dict[str, Any] | None:
    """Return the arguments that others changed and approved so far, to which whoever approves next agrees as well.

    None where nobody approved yet, or those who did left the arguments as the model gave them.
    """
    if requirement.decision is not None or not requirement.approvals:
        return None
    arguments = _arguments_of(requirement.approvals[0])
    is_changed = arguments is not None and _in_order(arguments) != _in_order(asked_arguments(requirement))
    return arguments if is_changed else None


def _arguments_of(approval: Mapping[str, Any]) -> dict[str, Any] | None:
    decision: Mapping[str, Any] = approval.get("decision") or {}
    changed: dict[str, Any] | None = decision.get("tool_args")
    return approval.get("tool_args") if changed is None else changed


def _in_order(arguments: dict[str, Any]) -> str:
    return json.dumps(arguments, sort_keys=True)
