"""What people give on the command line: text, or JSON, there or through standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import click

from haltpoint.resolution.answers import is_dynamic
from haltpoint.tools.field_words import is_null_text, is_required, schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.run.requirements import RunRequirement

__all__ = ["check_not_empty", "json_object", "json_value", "text", "typed_values"]


def check_not_empty(content: str, *, is_meant: bool) -> None:
    """Refuse a result of which nothing is left, unless that is meant.

    Raises:
        UsageError: it is empty.
    """
    if not content.strip() and not is_meant:
        raise click.UsageError("the result is empty: give a text, or --empty where an empty result is meant")


def text(given: str) -> str:
    """Return what was given; `-` stands for the whole of standard input, less one line end at its end.

    Raises:
        UsageError: standard input is no text.
    """
    if given != "-":
        return given
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"standard input is no {error.encoding} text") from error


def typed_values(requirement: RunRequirement, typed: Mapping[str, str], *, is_empty_meant: bool) -> dict[str, Any]:
    """Return the values for fields that a person typed as text, as `requirement.answer` takes them.

    Empty text leaves a field empty that may be; null gives no value to one that takes none.

    Args:
        requirement: what asks for them.
        typed: what was typed, by the names of the fields.
        is_empty_meant: whether empty text is one where a field must have a value.

    Raises:
        UsageError: a field that must have a value is given an empty one, which is not meant.
    """
    fields = {field["name"]: field for field in requirement.user_input_schema or ()}
    values: dict[str, Any] = {}
    for name, text_typed in typed.items():
        field = fields.get(name, {})
        is_needed = is_required(field, is_dynamic=is_dynamic(requirement.tool_execution))
        if not text_typed and is_needed and not is_empty_meant and schema_of(field).get("type") == "string":
            raise click.UsageError(f"{name} is empty: give a value, or --empty where an empty text is meant")
        if text_typed or is_needed:
            values[name] = None if is_null_text(text_typed, schema_of(field)) else text_typed
        elif field.get("value") is not None:
            values[name] = None
    return values


def json_value(given: str, option: str) -> Any:
    """Return a JSON value that was given; `-` stands for standard input.

    Raises:
        UsageError: it is not JSON, or an object in it holds a name twice.
    """
    # Few commands take JSON, and what reads it takes a while to load.
    from haltpoint.tools.json_form import NotJsonError, parse_said

    try:
        return parse_said(text(given))
    except NotJsonError as error:
        raise click.UsageError(f"{option} {error}") from error


def json_object(given: str, option: str) -> dict[str, Any]:
    """Return a JSON object that was given; `-` stands for standard input.

    Raises:
        UsageError: it is not JSON, not an object, or holds a name twice.
    """
    value = json_value(given, option)
    if not isinstance(value, dict):
        raise click.UsageError(f'{option} must be a JSON object, such as {{"name": "value"}}')
    return cast("dict[str, Any]", value)
