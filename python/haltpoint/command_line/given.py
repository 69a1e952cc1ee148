"""What people give on the command line: text, or JSON, there or through standard input."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

import click

__all__ = ["json_object", "text"]


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


def json_object(given: str, option: str) -> dict[str, Any]:
    """Return a JSON object that was given; `-` stands for standard input.

    Raises:
        UsageError: it is no JSON, or no object.
    """
    try:
        value = json.loads(text(given))
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{option} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.UsageError(f'{option} must be a JSON object, such as {{"name": "value"}}')
    return cast("dict[str, Any]", value)
