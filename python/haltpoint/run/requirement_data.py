"""Reading a requirement that went through other hands as data.

A requirement's data shows the person's word in two places, at the top and within `tool_execution`, and a form may have
filled in either. Both are heard; where they contradict each other, neither is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.run.said import outline
from haltpoint.run.tools.tools import ToolExecution

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["drafted", "merged_execution"]

# What a draft may say beyond yes, or on a call in doubt.
_DRAFTED = {"confirmation_draft": {"tool_args", "remember"}, "recovery_draft": {"type", "note"}}
_RECOVERIES = ("retry", "skip")


def drafted(requirement: RequirementState, data: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return a part of what was drafted, of its own.

    Raises:
        InvalidResolutionError: it says something that no draft says. Left aside, it would make another decision of it.
    """
    given: object = data.get(name)
    if given is None:
        return None
    said = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {"": given}
    unknown = [key for key in said if key not in _DRAFTED[name]]
    if unknown or (name == "recovery_draft" and said.get("type") not in _RECOVERIES):
        raise InvalidResolutionError(
            f"{name} of requirement {requirement.id} can't be read: {outline(data[name])}",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name=name,
        )
    return deepcopy(dict(said))


def merged_execution(data: Mapping[str, Any]) -> ToolExecution:
    """Return the tool call of a requirement's data, with what was said at the top.

    Raises:
        InvalidResolutionError: the two places contradict each other.
    """
    execution = ToolExecution.from_dict(data["tool_execution"])
    execution.confirmed = _merged("confirmation", data.get("confirmation"), execution.confirmed)
    execution.confirmation_note = _merged(
        "confirmation_note", data.get("confirmation_note"), execution.confirmation_note
    )
    if execution.user_input_schema is None and data.get("user_input_schema") is not None:
        execution.user_input_schema = [dict(field) for field in data["user_input_schema"]]
    _merge_values(execution, data.get("user_input_schema") or [])
    return execution


def _merge_values(execution: ToolExecution, schema: list[dict[str, Any]]) -> None:
    values = {field["name"]: field.get("value") for field in schema}
    for field in execution.user_input_schema or ():
        name = field["name"]
        original = execution.tool_args.get(name)
        field["value"] = _merged(name, values.get(name), field.get("value"), original)


def _merged(name: str, first: Any, second: Any, original: Any = None) -> Any:
    """Return the one that was set: not None, and not the value that the model had given already."""
    if first == second or second is None:
        return first
    if first is None or first == original:
        return second
    if second == original:
        return first
    raise InvalidResolutionError(
        f"the requirement's data holds two values of {name!r}, one of them within tool_execution: set one of them",
        field_name=name,
    )
