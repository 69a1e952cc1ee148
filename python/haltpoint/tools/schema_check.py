"""Checking values against a JSON schema, where the tool's code is not at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from haltpoint.forking import no_fork
from haltpoint.run.field_words import choice_words, expected_words

from .field_schema import schema_at
from .formats import FORMATS
from .value_problems import ValueProblem, best_branch, constraint_words, missing_words, named_problem

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

__all__ = ["BrokenSchemaError", "schema_problems", "value_problems"]

_MOST_PROBLEMS = 10


class BrokenSchemaError(ValueError):
    """Nothing can be checked with a schema; the message says why."""


def schema_problems(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """Return what is wrong with the arguments: the argument at fault, where it is one, and the problem.

    Raises:
        BrokenSchemaError: nothing can be checked with the schema.
    """
    return [_of_argument(problem) for problem in value_problems(schema, arguments)]


def _of_argument(problem: ValueProblem) -> tuple[str | None, str]:
    name, *rest = problem.path or ("arguments",)
    _, text = named_problem(problem._replace(path=tuple(rest)), str(name), is_secret=False)
    return (str(name) if problem.path else None), text


def value_problems(schema: Mapping[str, Any], value: object) -> list[ValueProblem]:
    """Return what is wrong with a value, at most ten things.

    Raises:
        BrokenSchemaError: nothing can be checked with the schema.
    """
    # Loading it takes longer than all of haltpoint, and most decisions change nothing.
    with no_fork:
        from jsonschema.exceptions import SchemaError
        from referencing.exceptions import Unresolvable
    try:
        return list(islice(_problems(_validator(schema).iter_errors(value)), _MOST_PROBLEMS))
    except SchemaError as error:
        raise BrokenSchemaError(f"it is not a JSON schema: {error.message}") from error
    except (Unresolvable, re.error, RecursionError) as error:
        raise BrokenSchemaError(f"it can't be followed: {error}") from error


def _validator(schema: Mapping[str, Any]) -> Any:
    from referencing import Registry

    kind, formats = _validator_class()
    kind.check_schema(schema)
    # An empty registry: what a schema in a database refers to is never fetched from elsewhere.
    registry: Registry[Any] = Registry()
    return kind(schema, registry=registry, format_checker=formats)


@cache
def _validator_class() -> tuple[Any, Any]:
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.validators import extend

    formats = FormatChecker(formats=())
    for name, fits in FORMATS.items():
        formats.checks(name)(_of_text(fits))
    # To JSON Schema 5.0 is an integer, and to Python it is none.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    # A set takes an item twice, as its type does.
    return extend(Draft202012Validator, {"uniqueItems": lambda *_: ()}, type_checker=types), formats


def _of_text(fits: Any) -> Any:
    return lambda value: not isinstance(value, str) or fits(value)


def _problems(errors: Iterator[ValidationError]) -> Iterator[ValueProblem]:
    """Say each thing once: of a property that is missing, jsonschema tells as often as properties are."""
    seen: set[tuple[Any, ...]] = set()
    for error in errors:
        for problem in _problems_of(error):
            if (problem.path, problem.keyword) not in seen:
                seen.add((problem.path, problem.keyword))
                yield problem


def _problems_of(error: ValidationError) -> list[ValueProblem]:
    path = tuple(error.absolute_path)
    keyword: Any = error.validator
    wanted, given, schema = error.validator_value, error.instance, error.schema
    if keyword == "required":
        missing = [name for name in wanted if name not in given]
        return [ValueProblem((*path, name), "required", missing_words(schema_at(schema, [name]))) for name in missing]
    if keyword == "additionalProperties":
        known = schema.get("properties", {})
        words = f"there is no such field; the fields are: {', '.join(known) or 'none'}"
        extra = [name for name in given if name not in known]
        return [ValueProblem((*path, name), "additionalProperties", words) for name in extra]
    tag = schema.get("discriminator", {}).get("propertyName")
    if keyword == "oneOf" and isinstance(given, dict) and tag is not None and tag not in given:
        return [ValueProblem((*path, tag), "required", missing_words({}))]
    if keyword in ("anyOf", "oneOf") and error.context:
        return best_branch(_branches(error), path, given)
    if keyword == "format":
        return [ValueProblem(path, "format", expected_words({"type": "string", "format": wanted}), given)]
    if keyword == "type":
        return [ValueProblem(path, "type", expected_words(schema), given)]
    if keyword in ("enum", "const"):
        choices = wanted if keyword == "enum" else [wanted]
        return [ValueProblem(path, "enum", choice_words(choices), given)]
    return [ValueProblem(path, str(keyword), constraint_words(str(keyword), wanted), given)]


def _branches(error: ValidationError) -> list[list[ValueProblem]]:
    branches: dict[Any, list[ValueProblem]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).extend(_problems(iter([inner])))
    return list(branches.values())
