"""What pydantic says is wrong with a value, in words for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from haltpoint.tools.field_words import base_schema, expected_words

from .field_schema import schema_at
from .json_form import NotJsonError, parse_json
from .plain_form import plain_form
from .schema_marks import KEYS
from .value_problems import (
    NOT_GIVEN,
    Path,
    ValueProblem,
    best_branch,
    constraint_words,
    key_problem,
    missing_words,
    unknown_words,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, ValidationError

__all__ = ["problems_of"]

_ADDRESSES = {"ip_v4_address": "ipv4", "ip_v6_address": "ipv6"}
# By the beginnings of their names: what the value would have to be, as a schema says it.
_KINDS: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "finite_number": {"type": "number"},
    "decimal": {"type": "number"},
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    **{name: {"type": "array"} for name in ("list", "tuple", "set", "frozen_set", "iterable")},
    **{name: {"type": "object"} for name in ("dict", "mapping", "model", "model_attributes", "dataclass")},
    "date": {"type": "string", "format": "date"},
    "date_from_datetime": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "datetime_from_date": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "time_delta": {"type": "string", "format": "duration"},
    "uuid": {"type": "string", "format": "uuid"},
    "url": {"type": "string", "format": "uri"},
    "none": {"type": "null"},
    **{name: {"type": "string", "format": kind} for name, kind in _ADDRESSES.items()},
}
_ENDS = re.compile(r"_(type|sub_type|parsing|parsing_size|inexact|from_float|required)$")
_BOUNDS = {
    "greater_than_equal": ("minimum", "ge"),
    "greater_than": ("exclusiveMinimum", "gt"),
    "less_than_equal": ("maximum", "le"),
    "less_than": ("exclusiveMaximum", "lt"),
    "multiple_of": ("multipleOf", "multiple_of"),
    "string_pattern_mismatch": ("pattern", "pattern"),
    "string_too_short": ("minLength", "min_length"),
    "string_too_long": ("maxLength", "max_length"),
    "too_short": ("minItems", "min_length"),
    "too_long": ("maxItems", "max_length"),
}
# What stands in a path after a key that does not fit.
_KEY = "[key]"
# Words of pydantic's that say less than these do.
_WORDS: Mapping[str, str] = {
    "timezone_aware": constraint_words("zone", "aware"),
    "timezone_naive": constraint_words("zone", "naive"),
}
_SCHEME = "URL scheme should be "
_PREFIX = re.compile(r"^(Value error|Assertion failed), ")
_SUBJECT = re.compile(r"^[A-Z]\w*(?: \w+)? should ")


def problems_of(error: ValidationError, value: object, schema: Mapping[str, Any]) -> list[ValueProblem]:
    """Return what pydantic found wrong with a value.

    Args:
        error: what it raised.
        value: the value.
        schema: the JSON schema of the type.
    """
    return _chosen([_located(detail, value, schema) for detail in error.errors(include_url=False)], value)


class _Place(NamedTuple):
    """Where a problem is.

    Attributes:
        path: the way through the value.
        union: where the union stands whose branch the problem is about, if it is about one.
        branch: which branch that is.
        is_key: whether it is about the key that the path ends with, and not about what stands there.
        is_no_list: whether it is that no list stands there, in which something would have its place.
        within: the way through the JSON data in the text that stands there.
    """

    path: Path
    union: Path | None = None
    branch: str | int | None = None
    is_key: bool = False
    is_no_list: bool = False
    within: Path = ()


class _Located(NamedTuple):
    """A problem, and its place."""

    problem: ValueProblem
    place: _Place


def _located(detail: ErrorDetails, value: object, schema: Mapping[str, Any]) -> _Located:
    place = _place_of(detail, value)
    path = place.path
    if place.is_key:
        keys = schema_at(schema, path[:-1]).get(KEYS, {})
        return _Located(key_problem(path, _problem(detail, (), keys)), place)
    if place.is_no_list:
        return _Located(ValueProblem(path, "type", expected_words({"type": "array"}), _at(value, path)), place)
    if place.within or _is_in_text(detail, value, path, schema):
        return _Located(_in_text(detail, place, value, schema), place)
    problem = _problem(detail, path, schema)
    return _Located(problem if problem.given is NOT_GIVEN else _as_given(problem, value), place)


def _is_in_text(detail: ErrorDetails, value: object, path: Path, schema: Mapping[str, Any]) -> bool:
    """Whether a problem is with the value that stands as JSON in a text, and not with the text."""
    if "contentSchema" not in schema_at(schema, path):
        return False
    try:
        text = _at(value, path)
    except (IndexError, KeyError, TypeError):
        return False
    return isinstance(text, str) and not isinstance(detail["input"], str)


def _in_text(detail: ErrorDetails, place: _Place, value: object, schema: Mapping[str, Any]) -> ValueProblem:
    """Say what is wrong with JSON data that is given as text."""
    described = schema_at(schema, place.path).get("contentSchema", {})
    problem = _problem(detail, place.within, described)
    must_be = "must be " if problem.is_kind else ""
    where = ".".join(map(str, problem.path)) or "the value"
    return ValueProblem(
        place.path, "json", f"in this JSON text, {where} {must_be}{problem.words}", _at(value, place.path)
    )


def _as_given(problem: ValueProblem, value: object) -> ValueProblem:
    """Say what the person gave: of a duration, or before a validator, pydantic tells what it had made of that."""
    try:
        return problem._replace(given=_at(value, problem.path))
    except (IndexError, KeyError, TypeError):
        return problem._replace(given=plain_form(problem.given).data)


def _place_of(detail: ErrorDetails, value: object) -> _Place:
    """The way through the value: between its steps, pydantic names branches of unions and functions that are called."""
    location = detail["loc"]
    place = _Place(())
    here: Any = value
    for index, step in enumerate(location):
        is_last = index == len(location) - 1
        if _holds(here, step) or (is_last and detail["type"] == "missing"):
            place = place._replace(path=(*place.path, step))
            here = here[step] if _holds(here, step) else None
        elif step == _KEY and place.path and location[index - 1] == place.path[-1]:
            return place._replace(is_key=True)
        elif _in_json(here, location[index:]):
            return place._replace(within=location[index:])
        elif place.union is None:
            place = place._replace(union=place.path, branch=step)
    if (
        detail["type"] == "missing"
        and len(location) > 1
        and _is_place_in_nothing(location[-1], _given_at(value, place))
    ):
        if place.path[-2:] == location[-2:]:
            return place._replace(path=place.path[:-1], is_no_list=True)
        # It would be found by its place in a list, which is not there either.
        return _Place((*place.path[:-1], *location[-2:]))
    return place


def _given_at(value: Any, place: _Place) -> Any:
    try:
        return _at(value, place.path[:-1])
    except (IndexError, KeyError, TypeError):
        return None


def _is_place_in_nothing(step: str | int, container: Any) -> bool:
    return isinstance(step, int) and not isinstance(container, list)


def _in_json(text: object, steps: Path) -> bool:
    """Whether a text is of JSON data, as pydantic's `Json` takes it, and holds something at a place."""
    if not isinstance(text, str) or not text.lstrip().startswith(("[", "{")):
        return False
    try:
        here = parse_json(text)
    except NotJsonError:
        return False
    return _holds(here, steps[0])


def _holds(container: object, step: str | int) -> bool:
    if isinstance(container, dict):
        return step in container
    return isinstance(container, list) and step in range(len(cast("list[object]", container)))


def _problem(detail: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> ValueProblem:
    kind = detail["type"]
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(detail, path, schema)
    if kind in _BOUNDS:
        return _out_of_bounds(detail, path, schema)
    wanted = _KINDS.get(_ENDS.sub("", kind)) if _ENDS.search(kind) or kind in _ADDRESSES else None
    if wanted is None:
        words = _words(detail)
        return ValueProblem(path, kind, words, detail["input"])
    # A schema has more to say of the same type, such as what a list holds; that of a decimal allows any text.
    more = {} if kind.startswith("decimal") else schema_at(schema, path)
    return ValueProblem(path, "type", expected_words({**wanted, **more}), detail["input"])


def _words(detail: ErrorDetails) -> str:
    message = _PREFIX.sub("", detail["msg"])
    if message.startswith(_SCHEME):
        return f"must be a URL that begins with {message.removeprefix(_SCHEME)}"
    return _WORDS.get(detail["type"], _SUBJECT.sub("must ", message))


def _missing(detail: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> ValueProblem:
    return ValueProblem(path, "required", missing_words(schema_at(schema, path)))


def _unknown(detail: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> ValueProblem:
    return ValueProblem(path, "additionalProperties", unknown_words(schema_at(schema, path[:-1])))


def _no_choice(detail: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> ValueProblem:
    return ValueProblem(path, "enum", str(detail.get("ctx", {})["expected"]), detail["input"])


def _no_tag(detail: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> ValueProblem:
    return ValueProblem((*path, _tag(detail)), "required", missing_words({}))


def _other_tag(detail: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> ValueProblem:
    context = detail.get("ctx", {})
    tags = " or ".join(str(context["expected_tags"]).rsplit(", ", 1))
    return ValueProblem((*path, _tag(detail)), "enum", tags, context["tag"])


def _tag(detail: ErrorDetails) -> str:
    return str(detail.get("ctx", {})["discriminator"]).strip("'")


def _out_of_bounds(detail: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> ValueProblem:
    keyword, name = _BOUNDS[detail["type"]]
    if base_schema(schema_at(schema, path)).get("type") == "string":
        # Of a secret text, pydantic counts the characters as items.
        keyword = keyword.replace("Items", "Length")
    return ValueProblem(path, keyword, constraint_words(keyword, detail.get("ctx", {})[name]), detail["input"])


_SPECIAL: dict[str, Callable[[ErrorDetails, Path, Mapping[str, Any]], ValueProblem]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "enum": _no_choice,
    "literal_error": _no_choice,
    "union_tag_not_found": _no_tag,
    "union_tag_invalid": _other_tag,
}


def _chosen(found: Collection[_Located], value: object) -> list[ValueProblem]:
    chosen = [item.problem for item in found if item.place.union is None]
    for union in dict.fromkeys(item.place.union for item in found if item.place.union is not None):
        branches: dict[str | int | None, list[ValueProblem]] = {}
        for item in found:
            if item.place.union == union:
                branches.setdefault(item.place.branch, []).append(item.problem)
        chosen.extend(best_branch(branches.values(), union, _at(value, union)))
    return chosen


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value
