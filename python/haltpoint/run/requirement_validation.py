"""Errors about requirements, worded so that the reader knows what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from haltpoint.exceptions import InvalidResolutionError, RequirementConflictError, RequirementExpiredError
from haltpoint.resolution.answers import tool_at_hand
from haltpoint.resolution.parse import Decision, RequirementKind, describe_decision
from haltpoint.sensitive import Masking
from haltpoint.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from haltpoint.run.requirement_state import RequirementState

__all__ = [
    "HOW_TO_RESOLVE",
    "PLACES",
    "check_changeable",
    "check_digest",
    "check_names",
    "checked_mapping",
    "conflict_error",
    "expired_error",
    "nameless_error",
    "no_field_error",
    "undecided_error",
    "wrong_kind_error",
]

HOW_TO_RESOLVE: dict[RequirementKind, str] = {
    "confirmation": "call confirm() or reject(note)",
    "user_input": "call answer({...}), or fill user_input_schema and set tool_execution.answered = True",
    "external_tool": "call set_external_execution_result(result) or assign tool_execution.result",
    "recovery": "call retry(), supply(result) or skip(note)",
    "wait": "wait, or call confirm() to go on now",
}

# Where data holds what a person says.
PLACES = "confirmation, confirmation_note, user_input_schema, tool_execution and the drafts that to_dict() returns"

_NEEDS: dict[RequirementKind, str] = {
    "confirmation": "a confirmation",
    "user_input": "user input",
    "external_tool": "the result of a call that is run elsewhere",
    "recovery": "a word on a call whose outcome is unknown",
    "wait": "nothing but time",
}


def wrong_kind_error(requirement: RequirementState, what: str) -> InvalidResolutionError:
    """Return the error for a method that does not fit the requirement's kind."""
    return InvalidResolutionError(
        f"{what} does not fit {_named(requirement)}, which needs {_NEEDS[requirement.kind]}: "
        f"{requirement.how_to_resolve}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
    )


def conflict_error(requirement: RequirementState, decision: Decision) -> RequirementConflictError:
    """Return the error for a decision other than the one that was committed."""
    at = "" if requirement.decided_at is None else f" at {format_time(requirement.decided_at)}"
    masking = Masking(requirement.tool_execution.sensitive)
    masking.learn_execution(requirement.tool_execution)
    masking.learn_decision(decision)
    return RequirementConflictError(
        f"{_named(requirement)} was {masking.text(describe_decision(decision))} "
        f"by {requirement.decided_by or 'somebody'}{at}; that decision is final",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        decided_by=requirement.decided_by,
        decided_at=requirement.decided_at,
        decision=deepcopy(decision),
    )


def undecided_error(requirement: RequirementState) -> InvalidResolutionError:
    """Return the error for data of an open requirement that has a decision in the place of the journal's."""
    return InvalidResolutionError(
        f"the data of {_named(requirement)} says 'decision', which is a copy of what the journal says, and that has no "
        f"decision yet; one is said in {PLACES}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="decision",
    )


def expired_error(requirement: RequirementState) -> RequirementExpiredError:
    """Return the error for a decision that comes too late."""
    until = (
        "" if requirement.expires_at is None else f", which was possible until {format_time(requirement.expires_at)}"
    )
    return RequirementExpiredError(
        f"{_named(requirement)} expired before it was decided{until}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        expired_at=requirement.expires_at,
    )


def nameless_error(requirement: RequirementState) -> InvalidResolutionError:
    """Return the error for one of several approvals that does not say whose it is."""
    return InvalidResolutionError(
        f"{_named(requirement)} needs {requirement.approvals_needed} different people to confirm it, so each has "
        "to say who they are: confirm(by=...)",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="by",
    )


def check_digest(requirement: RequirementState, expected: object) -> None:
    """Check that a person decides on what this object shows, where that is known; the commit asks the disk.

    Raises:
        InvalidResolutionError: they were shown something else.
    """
    if expected is None or requirement.digest is None or requirement.approvals_needed > 1:
        # What confirming would run changes with what others approve.
        return
    if expected != requirement.digest:
        raise InvalidResolutionError(
            f"{_named(requirement)} is not what was shown any more: the arguments, the tool or the requirement differ; "
            "look at it again and decide on what it shows now",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name="expected_digest",
        )


def check_names(requirement: RequirementState, tool_args: Mapping[str, Any] | None) -> None:
    """Check that changed arguments name parameters of the tool, where its code is at hand; else the commit does.

    Raises:
        InvalidResolutionError: one does not.
    """
    tool = None if tool_args is None else tool_at_hand(requirement)
    if tool is None or tool_args is None:
        return
    known = [parameter.name for parameter in tool.inputs]
    for name in tool_args:
        if name not in known and name not in requirement.tool_execution.tool_args:
            raise InvalidResolutionError(
                f"the changed arguments do not fit {tool.name!r}: {name}: there is no such argument; the arguments "
                f"are: {', '.join(known) or 'none'}. Correct them and decide again",
                run_id=requirement.run_id,
                requirement_id=requirement.id,
                field_name=name,
            )


def check_changeable(requirement: RequirementState, tool_args: Mapping[str, Any] | None) -> None:
    """Check that nothing is changed of arguments that nobody can change.

    Args:
        requirement: what is confirmed.
        tool_args: the changed arguments; None where they stay as they are shown.

    Raises:
        InvalidResolutionError: something is.
    """
    if tool_args is None or not requirement.fixed_arguments:
        return
    raise InvalidResolutionError(
        f"the arguments of {_named(requirement)} can't be changed: they say what is asked, and whoever asks gets a yes "
        "or a no alone, so that no change would be heard. Approve or reject it as it is shown; a workflow asks for "
        "values with ask(...)",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="tool_args",
    )


def checked_mapping(requirement: RequirementState, values: object) -> Mapping[str, Any]:
    """Return the values of fields, which must be a mapping.

    Raises:
        InvalidResolutionError: they are something else.
    """
    if isinstance(values, Mapping):
        return cast("Mapping[str, Any]", values)
    raise InvalidResolutionError(
        "answer() takes a mapping from the names of the fields to their values, such as {'city': 'Oslo'}, "
        f"got {type(values).__name__}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
    )


def no_field_error(requirement: RequirementState, name: str, fields: Iterable[str]) -> InvalidResolutionError:
    """Return the error for an answer to a field that nobody asked for."""
    return InvalidResolutionError(
        f"there is no field {name!r}; the fields are: {', '.join(fields)}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name=name,
    )


def _named(requirement: RequirementState) -> str:
    return f"requirement {requirement.id} of tool {requirement.tool_execution.tool_name!r}"
