"""Errors about requirements, worded so that the reader knows what to do next."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from haltpoint.exceptions import InvalidResolutionError, RequirementConflictError
from haltpoint.run.decisions import Decision, RequirementKind, describe_decision
from haltpoint.run.timestamps import format_time

if TYPE_CHECKING:
    from haltpoint.run.requirements import RunRequirement

__all__ = ["HOW_TO_RESOLVE", "conflict_error", "wrong_kind_error"]

HOW_TO_RESOLVE: dict[RequirementKind, str] = {
    "confirmation": "call confirm() or reject(note)",
    "user_input": "fill user_input_schema and set tool_execution.answered = True",
    "external_tool": "call set_external_execution_result(result) or assign tool_execution.result",
    "recovery": "call retry(), supply(result) or skip(note)",
}

_NEEDS: dict[RequirementKind, str] = {
    "confirmation": "a confirmation",
    "user_input": "user input",
    "external_tool": "the result of a call that is run elsewhere",
    "recovery": "a word on a call whose outcome is unknown",
}


def wrong_kind_error(requirement: RunRequirement, what: str) -> InvalidResolutionError:
    """Return the error for a method that does not fit the requirement's kind."""
    return InvalidResolutionError(
        f"{what} does not fit {_named(requirement)}, which needs {_NEEDS[requirement.kind]}: "
        f"{requirement.how_to_resolve}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
    )


def conflict_error(requirement: RunRequirement, decision: Decision) -> RequirementConflictError:
    """Return the error for a decision other than the one that was committed."""
    at = "" if requirement.decided_at is None else f" at {format_time(requirement.decided_at)}"
    return RequirementConflictError(
        f"{_named(requirement)} was {describe_decision(decision)} "
        f"by {requirement.decided_by or 'somebody'}{at}; that decision is final",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        decided_by=requirement.decided_by,
        decided_at=requirement.decided_at,
        decision=deepcopy(decision),
    )


def _named(requirement: RunRequirement) -> str:
    return f"requirement {requirement.id} of tool {requirement.tool_execution.tool_name!r}"
