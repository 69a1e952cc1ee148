"""A form, filled in field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.command_line.asking.prompts import ask_line
from haltpoint.command_line.escaping import visible_json
from haltpoint.command_line.output import Output, Styled
from haltpoint.exceptions import InvalidResolutionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.run.requirements import RunRequirement

__all__ = ["filled_in"]

# The tool whose fields a model asks for: any of them may stay empty.
_DYNAMIC_INPUT_TOOL = "get_user_input"

# How an empty text is typed, since an empty line leaves a field as it is.
_EMPTY_TEXT = '""'


def filled_in(requirement: RunRequirement, output: Output) -> dict[str, Any]:
    """Ask for the value of each field, and return those that were given, in their declared types.

    Raises:
        EOFError: the person typed the end of input.
    """
    may_stay_empty = requirement.tool_execution.tool_name == _DYNAMIC_INPUT_TOOL
    given = {
        field["name"]: _asked(field, output, may_stay_empty=may_stay_empty or field.get("value") is not None)
        for field in requirement.user_input_schema or ()
    }
    return {name: value for name, value in given.items() if value is not None}


def _asked(field: Mapping[str, Any], output: Output, *, may_stay_empty: bool) -> Any:
    """The value of a field; None where the person leaves it as it is."""
    while True:
        typed = ask_line(_question(field))
        if not typed and may_stay_empty:
            return None
        if not typed:
            output.line(Styled(f"a value is needed; {_EMPTY_TEXT} is an empty text", "red"))
            continue
        try:
            return _converted("" if typed == _EMPTY_TEXT else typed, field)
        except InvalidResolutionError as error:
            output.line(Styled(str(error), "red"))


def _question(field: Mapping[str, Any]) -> str:
    field_type = field.get("field_type") or "str"
    hint = ", yes or no" if field_type in ("bool", "boolean") else ""
    description = f" {field['description']}" if field.get("description") else ""
    keeps = "" if field.get("value") is None else f" [{visible_json(field['value'])}]"
    return f"  {field['name']} ({field_type}{hint}){description}{keeps}"


def _converted(typed: str, field: Mapping[str, Any]) -> Any:
    # Loads pydantic, which nothing else in a terminal needs.
    from haltpoint.tools.user_values import convert_field_value

    return convert_field_value(typed, field.get("field_type") or "str", field_name=field["name"])
