"""What a text means that a person typed in the place of an argument: the schema of the argument says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haltpoint.tools.field_words import expected_words, is_null_text, takes_null

from .json_form import NotJsonError, parse_said
from .schema_check import BrokenSchemaError, value_problems

__all__ = ["UnfitTextError", "typed_value"]

# How JSON begins that no person means as text where it is not valid.
_BEGINNINGS = ("{", "[", '"')


class UnfitTextError(ValueError):
    """A text is nothing that an argument takes. The message completes the name of the argument."""


def typed_value(text: str, schema: Mapping[str, Any], *, is_text: bool) -> Any:
    """Return the value that a text stands for: text, JSON, or null.

    Args:
        text: what was typed.
        schema: the JSON schema of the argument; an empty one takes all.
        is_text: whether the person was shown the argument as text, so that text is what is meant where both fit.

    Raises:
        UnfitTextError: it stands for nothing of the kinds that the argument takes.
    """
    if is_null_text(text, schema) or (takes_null(schema) and not text.strip()):
        return None
    try:
        parsed, why = [parse_said(text)], ""
    except NotJsonError as error:
        parsed, why = [], f": it {error}"
    if why and not is_text and text.lstrip().startswith(_BEGINNINGS):
        raise UnfitTextError(f"{_wanted(schema)}{why}")
    readings: list[Any] = [text, *parsed] if is_text else [*parsed, text]
    misfits = [_misfit(reading, schema) for reading in readings]
    for wanted in ("", "part"):
        if wanted in misfits:
            return readings[misfits.index(wanted)]
    raise UnfitTextError(_wanted(schema))


def _misfit(value: Any, schema: Mapping[str, Any]) -> str:
    """Whether a value does not fit: as a whole, in a part of it or not at all; the tool may say more of a part."""
    try:
        problems = value_problems(schema, value)
    except BrokenSchemaError:
        return ""
    if not problems:
        return ""
    return "whole" if any(problem.is_kind and not problem.path for problem in problems) else "part"


def _wanted(schema: Mapping[str, Any]) -> str:
    words = expected_words(schema) if schema else "JSON"
    return f"must be {words}{' or null' if takes_null(schema) else ''}"
