"""A form, filled in field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.cli.asking.prompts import ask_line
from haltpoint.cli.given import typed_values
from haltpoint.cli.output import Output, Styled
from haltpoint.exceptions import InvalidResolutionError
from haltpoint.presentation.escaping import visible_json
from haltpoint.resolution.answers import checked_values, is_dynamic
from haltpoint.tools.field_words import base_schema, example_of, is_required, schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.run.requirements import RunRequirement

__all__ = ["filled_in"]

# How an empty text is typed, since an empty line leaves a field as it is.
_EMPTY_TEXT = '""'


def filled_in(requirement: RunRequirement, output: Output) -> dict[str, Any]:
    """Ask for the value of each field, until it fits, and return those that were given.

    Raises:
        EOFError: the person typed the end of input.
    """
    given: dict[str, Any] = {}
    for field in requirement.user_input_schema or ():
        given.update(_asked(requirement, field, output))
    return given


def _asked(requirement: RunRequirement, field: Mapping[str, Any], output: Output) -> dict[str, Any]:
    """The value of a field, by its name; nothing where the person leaves it as it is."""
    may_stay = field.get("value") is not None or not _is_required(requirement, field)
    while True:
        typed = ask_line(_question(field))
        if not typed and may_stay:
            return {}
        if not typed:
            output.line(Styled(f"a value is needed{_advice(field)}", "red"))
            continue
        is_empty = typed == _EMPTY_TEXT
        named = {field["name"]: "" if is_empty else typed}
        given = named if is_empty else typed_values(requirement, named, is_empty_meant=False)
        try:
            checked_values(requirement, given, in_part=True)
        except InvalidResolutionError as error:
            output.line(Styled(str(error), "red"))
        else:
            return given


def _is_required(requirement: RunRequirement, field: Mapping[str, Any]) -> bool:
    return is_required(field, is_dynamic=is_dynamic(requirement.tool_execution))


def _question(field: Mapping[str, Any]) -> str:
    example = _example(field)
    is_boolean = base_schema(schema_of(field)).get("type") == "boolean"
    hint = ", yes or no" if is_boolean else f", JSON such as {example}" if example else ""
    description = f" {field['description']}" if field.get("description") else ""
    return f"  {field['name']} ({field.get('field_type') or 'str'}{hint}){description}{_if_empty(field)}"


def _advice(field: Mapping[str, Any]) -> str:
    example = _example(field)
    return f", as JSON such as {example}" if example else f"; {_EMPTY_TEXT} is an empty text"


def _example(field: Mapping[str, Any]) -> str | None:
    """What may be typed for a list or an object, which has to be JSON; None for others."""
    wanted = base_schema(schema_of(field))
    return visible_json(example_of(wanted)) if wanted.get("type") in ("array", "object") else None


def _if_empty(field: Mapping[str, Any]) -> str:
    """What an empty line stands for."""
    if field.get("value") is not None:
        return f" [{visible_json(field['value'])}]"
    return f" [{visible_json(field['default'])}]" if field.get("default") is not None else ""
