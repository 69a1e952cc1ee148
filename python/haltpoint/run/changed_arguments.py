"""Arguments that a person puts in the place of a model's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.forking import no_fork

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["asked_arguments", "changed_arguments"]


def changed_arguments(requirement: RequirementState, tool_args: object) -> dict[str, Any] | None:
    """Return the arguments as JSON data of their own, or None where they are those that the model asked for.

    Raises:
        InvalidResolutionError: they are no mapping, or hold what JSON can't.
    """
    if tool_args is None:
        return None
    if not isinstance(tool_args, Mapping):
        raise _unusable(requirement, f"must be a mapping of all the call's arguments, not {type(tool_args).__name__}")
    # Only who changes arguments needs to know what counts as JSON there.
    with no_fork:
        from haltpoint.tools.json_form import NotJsonError, json_text
    try:
        changed: dict[str, Any] = json.loads(json_text(dict(cast("Mapping[str, Any]", tool_args))))
    except NotJsonError as error:
        raise _unusable(requirement, f"can't be used: the object {error}") from error
    return None if _in_order(changed) == _in_order(asked_arguments(requirement)) else changed


def asked_arguments(requirement: RequirementState) -> dict[str, Any]:
    """Return the arguments that the model asked for, whatever became of them."""
    execution = requirement.tool_execution
    return execution.tool_args if execution.original_tool_args is None else execution.original_tool_args


def _in_order(arguments: dict[str, Any]) -> str:
    # Compared as text: to Python, True equals 1.
    return json.dumps(arguments, sort_keys=True)


def _unusable(requirement: RequirementState, problem: str) -> InvalidResolutionError:
    return InvalidResolutionError(
        f"the tool_args for {requirement.tool_execution.tool_name!r} {problem}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="tool_args",
    )
