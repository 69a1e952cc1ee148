"""Checking values against a JSON schema, where the tool's code is not at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.sensitive import Masking
from haltpoint.tools.field_words import choice_words, expected_words

from . import schema_marks
from .decimals import broken_bound
from .field_schema import argument_schema, hides_argument, names_in, schema_at
from .formats import FORMATS, byte_size
from .json_form import NotJsonError, parse_json
from .schema_marks import BOUNDS, DECIMAL, KEYS, TEXT, key_readings, made_text
from .value_problems import (
    NOT_GIVEN,
    Path,
    ValueProblem,
    best_branch,
    constraint_words,
    key_problem,
    missing_words,
    named_problem,
    unknown_words,
)

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

__all__ = ["BrokenSchemaError", "schema_problems", "value_problems"]

_MOST_PROBLEMS = 10

# What stands in a pattern for a character, so that a `$` in it is one; or a `$` that ends the text.
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


class BrokenSchemaError(ValueError):
    """Nothing can be checked with a schema; the message says why."""


def schema_problems(
    schema: Mapping[str, Any],
    arguments: Mapping[str, Any],
    accepted: object = NOT_GIVEN,
    sensitive: Collection[str] = (),
    *,
    excuses: Callable[[Path], bool] = lambda _: True,
) -> list[tuple[str | None, str]]:
    """Return what is wrong with the arguments: its path, where it is about an argument, and the problem.

    Args:
        schema: the JSON schema of a tool's arguments.
        arguments: some of these.
        accepted: arguments that passed before, if any did. What is wrong with them, too, is not told.
        sensitive: arguments of which no problem shows the value.
        excuses: says at which places that is so.

    Raises:
        BrokenSchemaError: nothing can be checked with the schema.
    """
    found = value_problems(schema, arguments, accepted, excuses=excuses)
    return [_of_argument(problem, schema, arguments, sensitive) for problem in found]


def _of_argument(
    problem: ValueProblem, schema: Mapping[str, Any], arguments: Mapping[str, Any], sensitive: Collection[str]
) -> tuple[str | None, str]:
    name, *rest = problem.path or ("arguments",)
    hidden: Masking | None = None
    if name in sensitive or hides_argument(schema, str(name)):
        is_name = names_in(argument_schema(schema, str(name)), is_sensitive=name in sensitive)
        hidden = Masking([str(name)], arguments, is_name=is_name)
    path, text = named_problem(problem._replace(path=tuple(rest)), str(name), hidden)
    return (path if problem.path else None), text


def value_problems(
    schema: Mapping[str, Any],
    value: object,
    accepted: object = NOT_GIVEN,
    *,
    excuses: Callable[[Path], bool] = lambda _: True,
) -> list[ValueProblem]:
    """Return what is wrong with a value, at most ten things.

    Args:
        schema: its JSON schema.
        value: the value.
        accepted: a value that passed before, if one did. What is wrong with it, too, is not told.
        excuses: says at which places that is so.

    Raises:
        BrokenSchemaError: nothing can be checked with the schema.
    """
    # Loading it takes longer than all of haltpoint, and most decisions change nothing.
    with no_fork:
        from jsonschema.exceptions import SchemaError
        from referencing.exceptions import Unresolvable
    try:
        validator = _validator(schema)
        known = () if accepted is NOT_GIVEN else {problem.key for problem in _problems(validator.iter_errors(accepted))}
        found = _problems(validator.iter_errors(value))
        told = (problem for problem in found if problem.key not in known or not excuses(problem.path))
        return list(islice(told, _MOST_PROBLEMS))
    except SchemaError as error:
        raise BrokenSchemaError(f"it is not a JSON schema: {error.message}") from error
    except (Unresolvable, re.error, RecursionError) as error:
        raise BrokenSchemaError(f"it can't be followed: {error}") from error


def _validator(schema: Mapping[str, Any]) -> Any:
    with no_fork:
        from referencing import Registry
    kind, formats = _validator_class()
    kind.check_schema(schema)
    # An empty registry: what a schema in a database refers to is never fetched from elsewhere.
    registry: Registry[Any] = Registry()
    return kind(schema, registry=registry, format_checker=formats)


# The schema of pydantic's own type.
_BYTE_SIZE = r"^\s*(\d*\.?\d+)\s*(\w+)?"


@cache
def _validator_class() -> tuple[Any, Any]:
    with no_fork:
        from jsonschema import Draft202012Validator, FormatChecker, validators
    formats = FormatChecker(formats=())
    for name, fits in FORMATS.items():
        formats.checks(name)(_of_text(fits))
    types = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "array": _is_list})
    extend: Any = cast("Any", validators).extend
    keywords = {
        "uniqueItems": _never_fails,
        "pattern": _pattern,
        "anyOf": _any_of,
        "propertyNames": _keys,
        "contentSchema": _json_text,
        KEYS: _keys,
        DECIMAL: _decimal,
        BOUNDS: _bounds,
        TEXT: _changed_text,
    }
    return extend(Draft202012Validator, keywords, type_checker=types), formats


def _is_integer(_checker: object, value: object) -> bool:
    """To JSON Schema 5.0 is an integer, and to Python it is none."""
    return type(value) is int


def _is_list(_checker: object, value: object) -> bool:
    """A tuple is written as a list."""
    return isinstance(value, (list, tuple))


def _never_fails(*_: object) -> tuple[()]:
    """A set takes an item twice, as its type does."""
    return ()


def _pattern(_validator: object, pattern: str, value: object, _schema: object) -> Iterator[ValidationError]:
    """Python's `$` matches before a line end, too, and that of JSON Schema only at the end."""
    with no_fork:
        from jsonschema.exceptions import ValidationError
    if not isinstance(value, str):
        return
    if pattern == _BYTE_SIZE:
        # Of "0x10" it says that it is one, since it has no end.
        if byte_size(value) is value:
            yield ValidationError(f"{value!r} says no number of bytes", validator="byteSize", validator_value=True)
    elif re.search(_ending(pattern), value) is None:
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _any_of(validator: Any, branches: Any, value: object, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """The branches of a decimal, a number or text, say less than its own keyword does."""
    with no_fork:
        from jsonschema import Draft202012Validator
    if DECIMAL not in schema:
        yield from cast("Any", Draft202012Validator).VALIDATORS["anyOf"](validator, branches, value, schema)


def _decimal(
    _validator: object, bounds: Mapping[str, str], value: object, _schema: object
) -> Iterator[ValidationError]:
    with no_fork:
        from jsonschema.exceptions import ValidationError
    try:
        broken = broken_bound(value, bounds)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise BrokenSchemaError(f"its bounds of a decimal can't be read: {error}") from error
    if broken is not None:
        keyword, bound = broken
        yield ValidationError(f"{value!r} does not keep {keyword} {bound}", validator=keyword, validator_value=bound)


def _bounds(_validator: object, bounds: Any, value: object, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Of text that is no such time, the format says so."""
    with no_fork:
        from jsonschema.exceptions import ValidationError
    if not isinstance(value, str):
        return
    try:
        broken = schema_marks.broken_bound(value, schema.get("format"), bounds)
    except (AttributeError, TypeError, ValueError) as error:
        raise BrokenSchemaError(f"its bounds can't be read: {error}") from error
    if broken is not None:
        keyword, bound = broken
        yield ValidationError(f"{value!r} does not keep {keyword} {bound}", validator=keyword, validator_value=bound)


def _json_text(validator: Any, schema: object, value: object, _around: object) -> Iterator[ValidationError]:
    """JSON in a text, which types read."""
    with no_fork:
        from jsonschema.exceptions import ValidationError
    if not isinstance(value, str):
        return
    try:
        parsed = parse_json(value)
    except NotJsonError as error:
        yield ValidationError(f"it {error}", validator="contentSchema")
        return
    yield from validator.descend(parsed, schema)


_LENGTHS = ("minLength", "maxLength", "pattern")


def _changed_text(validator: Any, mark: object, value: object, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """What the tool makes of a text has to fit, too."""
    if isinstance(value, str) and (made := made_text(value, mark)) != value:
        yield from validator.descend(made, {key: schema[key] for key in _LENGTHS if key in schema})


def _keys(validator: Any, keys: Any, value: object, _schema: object) -> Iterator[ValidationError]:
    """JSON has only text for keys; of a number, it is what the number is read from."""
    with no_fork:
        from jsonschema.exceptions import ValidationError
    for key in cast("Mapping[str, object]", value) if isinstance(value, Mapping) else ():
        errors = [list(validator.descend(reading, keys)) for reading in key_readings(key)]
        if all(errors):
            of_kind = (found for found in errors if found[0].validator != "type")
            closest = next(of_kind, errors[0])
            yield ValidationError(f"{key!r} is no such key", validator=KEYS, path=[key], context=closest)


def _ending(pattern: str) -> str:
    """The pattern with each `$` that is neither escaped nor in brackets in the form of Python."""
    return _PARTS.sub(lambda part: r"\Z" if part.group() == "$" else part.group(), pattern)


def _of_text(fits: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or fits(value)


def _problems(errors: Iterator[ValidationError]) -> Iterator[ValueProblem]:
    """Say each thing once: of a property that is missing, jsonschema tells as often as properties are."""
    seen: set[tuple[Any, ...]] = set()
    for error in errors:
        for problem in _problems_of(error):
            if (problem.path, problem.keyword) not in seen:
                seen.add((problem.path, problem.keyword))
                yield problem


class _Found(NamedTuple):
    """What jsonschema found: which keyword of which schema is not met, by what."""

    path: Path
    keyword: str
    wanted: Any
    given: Any
    schema: Mapping[str, Any]
    branches: list[list[ValueProblem]]


def _problems_of(error: ValidationError) -> list[ValueProblem]:
    found = _Found(
        tuple(error.absolute_path),
        str(error.validator),
        error.validator_value,
        error.instance,
        error.schema if isinstance(error.schema, Mapping) else {},
        _branches(error),
    )
    special = _SPECIAL.get(found.keyword)
    if special is not None:
        return special(found)
    return [ValueProblem(found.path, found.keyword, constraint_words(found.keyword, found.wanted), found.given)]


def _branches(error: ValidationError) -> list[list[ValueProblem]]:
    branches: dict[Any, list[ValueProblem]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).extend(_problems(iter([inner])))
    return list(branches.values())


def _missing(found: _Found) -> list[ValueProblem]:
    missing = [name for name in found.wanted if name not in found.given]
    words = {name: missing_words(schema_at(found.schema, [name])) for name in missing}
    return [ValueProblem((*found.path, name), found.keyword, words[name]) for name in missing]


def _unknown(found: _Found) -> list[ValueProblem]:
    known = found.schema.get("properties", {})
    words = unknown_words(found.schema)
    return [ValueProblem((*found.path, name), found.keyword, words) for name in found.given if name not in known]


def _no_branch(found: _Found) -> list[ValueProblem]:
    tag = found.schema.get("discriminator", {}).get("propertyName")
    if tag is not None and _lacks(found.given, tag):
        return [ValueProblem((*found.path, tag), "required", missing_words({}))]
    if not found.branches:
        words = "must fit one of several schemas, and fits more than one"
        return [ValueProblem(found.path, found.keyword, words, found.given)]
    return best_branch(found.branches, found.path, found.given)


def _lacks(value: object, name: str) -> bool:
    return isinstance(value, dict) and name not in value


def _other_type(found: _Found) -> list[ValueProblem]:
    return [ValueProblem(found.path, "type", expected_words(found.schema), found.given)]


def _other_format(found: _Found) -> list[ValueProblem]:
    words = expected_words({"type": "string", "format": found.wanted})
    return [ValueProblem(found.path, "format", words, found.given)]


def _no_json(found: _Found) -> list[ValueProblem]:
    return [ValueProblem(found.path, "contentSchema", "must be JSON text", found.given)]


def _no_choice(found: _Found) -> list[ValueProblem]:
    choices = found.wanted if found.keyword == "enum" else [found.wanted]
    return [ValueProblem(found.path, "enum", choice_words(choices), found.given)]


def _other_key(found: _Found) -> list[ValueProblem]:
    problem = next((problem for branch in found.branches for problem in branch), None)
    return [key_problem(found.path, ValueProblem((), KEYS, "must be another one") if problem is None else problem)]


_SPECIAL: dict[str, Callable[[_Found], list[ValueProblem]]] = {
    "required": _missing,
    "additionalProperties": _unknown,
    "anyOf": _no_branch,
    "oneOf": _no_branch,
    "type": _other_type,
    "format": _other_format,
    "contentSchema": _no_json,
    "enum": _no_choice,
    "const": _no_choice,
    KEYS: _other_key,
}
