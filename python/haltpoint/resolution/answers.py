"""What a person filled into a form: checked by the tool where its code is at hand, else by what the form says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import InvalidResolutionError
from haltpoint.resolution.results import check_by_asker
from haltpoint.run.same_data import same_data
from haltpoint.run.tools.tools import answer_data
from haltpoint.tools.field_words import schema_of

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState
    from haltpoint.run.tools.tools import ToolExecution
    from haltpoint.tools.definition import ToolDefinition

__all__ = [
    "checked_values",
    "fields_asked_for",
    "given_values",
    "is_dynamic",
    "shown_by_schema",
    "shown_bytes",
    "tool_at_hand",
    "without_unchanged",
]


def is_dynamic(execution: ToolExecution) -> bool:
    """Whether a model asked for the fields, any of which may stay empty: its arguments name them, and no more."""
    asked: object = execution.tool_args.get("fields")
    if not execution.user_input_schema or not isinstance(asked, list) or len(execution.tool_args) > 1:
        return False
    fields = cast("list[object]", asked)
    names = [cast("dict[str, Any]", field).get("field_name") if isinstance(field, dict) else None for field in fields]
    return names == [field["name"] for field in execution.user_input_schema]


def given_values(execution: ToolExecution, open_fields: Collection[str], emptied: Collection[str]) -> dict[str, Any]:
    """Return what a person gave as JSON data, by the names of the fields: None for a field that they emptied.

    Fields that the model filled are part of it only where a person changed them.

    Args:
        execution: the call.
        open_fields: the names of the fields that had no value when the person was asked.
        emptied: the names of the fields that were answered with None.
    """
    values = {field["name"]: answer_data(field.get("value")) for field in execution.user_input_schema or ()}

    def is_given(name: str) -> bool:
        if name in open_fields:
            return values[name] is not None or name in emptied
        return not same_data(values[name], execution.tool_args.get(name))

    return {name: value for name, value in values.items() if is_given(name)}


def fields_asked_for(execution: ToolExecution, values: Collection[str]) -> list[str]:
    """Return the fields that a person was asked to fill, as far as a call tells it in which they were filled since.

    Args:
        execution: the call.
        values: the names of the fields of the committed answer.
    """
    said = {} if is_dynamic(execution) else execution.original_tool_args or {}
    fields = execution.user_input_schema or ()
    # An answer holds the fields that were open, and those of the model's that it changes.
    return [
        field["name"]
        for field in fields
        if field.get("value") is None or (field["name"] in values and field["name"] not in said)
    ]


def checked_values(
    requirement: RequirementState, values: Mapping[str, Any], *, in_part: bool = False
) -> dict[str, Any]:
    """Return a person's values converted to the types of their fields, as JSON data.

    Args:
        requirement: what asks for them.
        values: the values by the names of the fields.
        in_part: check these fields only, also where others lack a value.

    Raises:
        InvalidResolutionError: a value is missing or does not fit; `field_name` is the path of the first problem.
    """
    execution = requirement.tool_execution
    form = execution.user_input_schema or []
    # Checking loads a validator, which a requirement that is only looked at does not need.
    with no_fork:
        from haltpoint.tools.input_form import fits_form
        from haltpoint.tools.user_values import check_form_values, check_user_input, shown_defaults
    tool = tool_at_hand(requirement)
    defaults = shown_defaults(form, execution.defaulted)
    try:
        if tool is not None and not tool.dynamic_user_input and fits_form(tool, form):
            return check_user_input(tool, execution.tool_args, values, defaults=defaults, in_part=in_part)
        checked = check_form_values(
            execution.tool_name,
            form,
            values,
            () if in_part else requirement.open_fields,
            is_dynamic=is_dynamic(execution),
            sensitive=execution.sensitive,
            defaults=defaults,
        )
        if not in_part:
            check_by_asker(requirement, checked, "answer")
        return checked
    except InvalidResolutionError as error:
        error.run_id, error.requirement_id = requirement.run_id, requirement.id
        raise


def without_unchanged(requirement: RequirementState, values: dict[str, Any]) -> dict[str, Any]:
    """Return checked answers to an open requirement without those that leave the model's value of a field as it is."""
    shown, open_fields = requirement.tool_execution.tool_args, requirement.open_fields

    def is_unchanged(name: str, value: Any) -> bool:
        if name in open_fields or name not in shown or is_dynamic(requirement.tool_execution):
            return False
        return same_data(value, shown[name])

    return {name: value for name, value in values.items() if not is_unchanged(name, value)}


def shown_bytes(schema: Mapping[str, Any], value: Any) -> Any:
    """Return a value that is kept, in which text stands for bytes, with these bytes as they are shown and given.

    Args:
        schema: the JSON schema of the value.
        value: JSON data.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    with no_fork:
        from haltpoint.tools.bytes_notation import as_shown, holds_bytes
    return as_shown(schema, value) if holds_bytes(schema) else value


def shown_by_schema(requirement: RequirementState, values: dict[str, Any]) -> dict[str, Any]:
    """Return checked answers as part of a decision, with what people are shown of them, as far as the form tells it.

    That is the values as the tool writes them, with the defaults of members that were left out. No code has checked
    them: where the tool makes other values of them, the call does not run.
    """
    execution = requirement.tool_execution
    if is_dynamic(execution):
        return {"values": values}
    with no_fork:
        from haltpoint.tools.json_form import dump_exact
        from haltpoint.tools.schema_forms import schema_form
    fields = {field["name"]: schema_of(field) for field in execution.user_input_schema or ()}
    shown: dict[str, Any] = {}
    for name, value in values.items():
        schema = fields.get(name, {})
        described = {"properties": {name: schema}, "$defs": schema.get("$defs", {})}
        shown[name] = schema_form(described, name, shown_bytes(schema, value), completed=True)
    # Compared as text: to Python, True equals 1.
    is_same = dump_exact(shown) == dump_exact(values)
    return {"values": values} if is_same else {"values": values, "shown": shown, "unchecked": True}


def tool_at_hand(requirement: RequirementState) -> ToolDefinition | None:
    """Return the tool, where this process works with the run or has imported the tool's module."""
    name = requirement.tool_execution.tool_name
    with no_fork:
        from haltpoint.run.active_runs import known_run
        from haltpoint.tools.registry import registered_tool
    known = None if requirement.run_id is None else known_run(requirement.run_id)
    found = None if known is None else known.tools.get(name)
    if found is None and isinstance(requirement.tool_module, str):
        found = registered_tool(name, requirement.tool_module)
    return found
