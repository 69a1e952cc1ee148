"""Checking arguments against a JSON schema, where the tool's code is not at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from haltpoint.forking import no_fork

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

__all__ = ["BrokenSchemaError", "schema_problems"]

_MOST_PROBLEMS = 10


class BrokenSchemaError(ValueError):
    """Nothing can be checked with a schema; the message says why."""


def schema_problems(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """Return what is wrong with the arguments: the argument at fault, where it is one, and the problem.

    Raises:
        BrokenSchemaError: nothing can be checked with the schema.
    """
    # Loading it takes longer than all of haltpoint, and most decisions change nothing.
    with no_fork:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from referencing import Registry
        from referencing.exceptions import Unresolvable
    # An empty registry: what a schema in a database refers to is never fetched from elsewhere.
    registry: Registry[Any] = Registry()
    try:
        Draft202012Validator.check_schema(schema)
        validator: Any = Draft202012Validator(schema, registry=registry)
        errors: Iterator[ValidationError] = validator.iter_errors(arguments)
        return [_problem(error, schema, arguments) for error in islice(errors, _MOST_PROBLEMS)]
    except SchemaError as error:
        raise BrokenSchemaError(f"it is no JSON schema: {error.message}") from error
    except (Unresolvable, re.error, RecursionError) as error:
        raise BrokenSchemaError(f"it can't be followed: {error}") from error


def _problem(error: ValidationError, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> tuple[str | None, str]:
    if error.absolute_path:
        place = ".".join(map(str, error.absolute_path))
        return str(error.absolute_path[0]), f"{place}: {error.message}"
    if error.validator == "required":
        return next((name for name in schema.get("required", ()) if name not in arguments), None), error.message
    known = schema.get("properties", {})
    return next((name for name in arguments if name not in known), None), error.message
