"""What is wrong with a value that a person gave, in words for people, whatever found it out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint.run.field_words import base_schema, expected_words

from .field_schema import schema_at
from .json_form import shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, ValidationError

__all__ = [
    "NOT_GIVEN",
    "ValueProblem",
    "best_branch",
    "constraint_words",
    "missing_words",
    "named_problem",
    "problems_of",
]

Path = tuple[str | int, ...]


class _NotGiven:
    """Stands for a value that is not there."""


NOT_GIVEN = _NotGiven()

# Problems that say what a value would have to be, which may be said of several branches in one sentence.
_KINDS = frozenset({"type", "enum", "format"})


class ValueProblem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        path: where in the value; empty for the value itself.
        keyword: the keyword of JSON Schema that is not met.
        words: what was expected, after "must be" for the keywords type, enum and format.
        given: what stands there, or NOT_GIVEN.
    """

    path: Path
    keyword: str
    words: str
    given: Any = NOT_GIVEN

    @property
    def is_kind(self) -> bool:
        """Whether the value is of another kind altogether."""
        return self.keyword in _KINDS


def named_problem(problem: ValueProblem, name: str, *, is_secret: bool) -> tuple[str, str]:
    """Return the path of a problem with a field, and the problem in words.

    Args:
        problem: the problem.
        name: the field.
        is_secret: whether what was given must not be shown.
    """
    path = ".".join(map(str, (name, *problem.path)))
    must_be = "must be " if problem.is_kind else ""
    got = "" if problem.given is NOT_GIVEN else ", got a secret value" if is_secret else f", got {shown(problem.given)}"
    return path, f"{path}: {must_be}{problem.words}{got}"


# The keywords of JSON Schema

_BOUNDS = {
    "minimum": "must be greater than or equal to {}",
    "exclusiveMinimum": "must be greater than {}",
    "maximum": "must be less than or equal to {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "pattern": "must match the pattern {}",
}
_COUNTS = {
    "minLength": ("at least", "character"),
    "maxLength": ("at most", "character"),
    "minItems": ("at least", "item"),
    "maxItems": ("at most", "item"),
    "minProperties": ("at least", "entry"),
    "maxProperties": ("at most", "entry"),
}


def constraint_words(keyword: str, bound: Any) -> str:
    """Return what a keyword of JSON Schema asks of a value."""
    if keyword in _BOUNDS:
        is_whole = isinstance(bound, float) and bound.is_integer()
        return _BOUNDS[keyword].format(int(bound) if is_whole else bound)
    if keyword in _COUNTS:
        how, what = _COUNTS[keyword]
        return f"must have {how} {bound} {_plural(what, bound)}"
    if keyword == "uniqueItems":
        return "must not hold the same item twice"
    return f"must meet {keyword} {shown(bound)}"


def missing_words(schema: Mapping[str, Any]) -> str:
    """Return what is said of a field that is missing."""
    return f"Field required ({expected_words(schema)})" if schema else "Field required"


def _plural(word: str, count: Any) -> str:
    if count == 1:
        return word
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


# Several branches, one of which a value must fit


def best_branch(branches: Iterable[Sequence[ValueProblem]], path: Path, given: Any) -> list[ValueProblem]:
    """Return what is wrong with a value that fits none of several schemas.

    That is what is wrong with the one that was most likely meant; or, where the value is of another kind than all of
    them, which kinds there are.

    Args:
        branches: the problems with each of the schemas.
        path: where the value stands.
        given: the value.
    """
    found = [list(branch) for branch in branches if branch]
    close = [branch for branch in found if not all(item.is_kind and item.path == path for item in branch)]
    if close:
        return _other_tag(close) or min(close, key=_distance)
    kinds = [item for branch in found for item in branch]
    words = list(dict.fromkeys(item.words for item in kinds if item.words != "empty"))
    return [ValueProblem(path, "type", " or ".join(words) or "empty", given)]


def _other_tag(branches: Sequence[Sequence[ValueProblem]]) -> list[ValueProblem]:
    """The tag that tells the schemas apart, where it is one of none of them."""
    tags = [{item.path: item for item in branch if item.keyword == "enum"} for branch in branches]
    for path, first in tags[0].items():
        if len(tags) > 1 and all(path in others for others in tags):
            words = dict.fromkeys(others[path].words for others in tags)
            return [ValueProblem(path, "enum", " or ".join(words), first.given)]
    return []


def _distance(branch: Sequence[ValueProblem]) -> tuple[int, int]:
    """How far a value is from a schema: one whose choice of a tag differs is another one."""
    return sum(item.keyword == "enum" for item in branch), len(branch)


# The errors of pydantic

# By the beginnings of their names: what the value would have to be, as a schema says it.
_PYDANTIC_KINDS: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "finite_number": {"type": "number"},
    "decimal": {"type": "number"},
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    **dict.fromkeys(("list", "tuple", "set", "frozen_set", "iterable"), {"type": "array"}),
    **dict.fromkeys(("dict", "mapping", "model", "model_attributes", "dataclass"), {"type": "object"}),
    "date": {"type": "string", "format": "date"},
    "date_from_datetime": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "datetime_from_date": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "time_delta": {"type": "string", "format": "duration"},
    "uuid": {"type": "string", "format": "uuid"},
    "url": {"type": "string", "format": "uri"},
    "none": {"type": "null"},
}
_PYDANTIC_ENDS = re.compile(r"_(type|sub_type|parsing|parsing_size|inexact|from_float|required)$")
_PYDANTIC_BOUNDS = {
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
_PYDANTIC_PREFIX = re.compile(r"^(Value error|Assertion failed), ")
_PYDANTIC_SUBJECT = re.compile(r"^[A-Z]\w*(?: \w+)? should ")


def problems_of(error: ValidationError, value: object, schema: Mapping[str, Any]) -> list[ValueProblem]:
    """Return what pydantic found wrong with a value.

    Args:
        error: what it raised.
        value: the value.
        schema: the JSON schema of the type.
    """
    return _chosen([_located(detail, value, schema) for detail in error.errors(include_url=False)], value)


class _Located(NamedTuple):
    """A problem, and the union branch that it is about, if any: where the union stands, and which branch."""

    problem: ValueProblem
    union: Path | None
    branch: str | int | None


def _located(detail: ErrorDetails, value: object, schema: Mapping[str, Any]) -> _Located:
    path, union, branch = _real_path(detail, value)
    return _Located(_problem(detail, path, schema), union, branch)


def _real_path(detail: ErrorDetails, value: object) -> tuple[Path, Path | None, str | int | None]:
    """The way through the value: between its steps, pydantic names branches of unions and functions that are called."""
    location = detail["loc"]
    path: list[str | int] = []
    union: Path | None = None
    branch: str | int | None = None
    here: Any = value
    for place, step in enumerate(location):
        is_last = place == len(location) - 1
        if _holds(here, step) or (is_last and detail["type"] == "missing"):
            path.append(step)
            here = here[step] if _holds(here, step) else None
        elif union is None:
            union, branch = tuple(path), step
    return tuple(path), union, branch


def _holds(container: Any, step: str | int) -> bool:
    if isinstance(container, dict):
        return step in container
    return isinstance(container, list) and isinstance(step, int) and 0 <= step < len(container)


def _problem(detail: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> ValueProblem:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "missing":
        return ValueProblem(path, "required", missing_words(schema_at(schema, path)))
    if kind == "extra_forbidden":
        return ValueProblem(path, "additionalProperties", "there is no such field", given)
    if kind in ("enum", "literal_error"):
        return ValueProblem(path, "enum", str(context["expected"]), given)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = str(context["discriminator"]).strip("'")
        if kind == "union_tag_not_found" or "." in tag or not isinstance(given, dict):
            return ValueProblem((*path, tag), "required", "Field required")
        tags = " or ".join(str(context["expected_tags"]).rsplit(", ", 1))
        return ValueProblem((*path, tag), "enum", tags, context["tag"])
    if kind in _PYDANTIC_BOUNDS:
        keyword, name = _PYDANTIC_BOUNDS[kind]
        if base_schema(schema_at(schema, path)).get("type") == "string":
            keyword = keyword.replace("Items", "Length")
        return ValueProblem(path, keyword, constraint_words(keyword, context[name]), given)
    wanted = _PYDANTIC_KINDS.get(_PYDANTIC_ENDS.sub("", kind)) if _PYDANTIC_ENDS.search(kind) else None
    if wanted is None:
        return ValueProblem(path, kind, _PYDANTIC_SUBJECT.sub("must ", _PYDANTIC_PREFIX.sub("", detail["msg"])), given)
    # A schema has more to say of the same type, such as what a list holds; that of a decimal allows any text.
    more = {} if kind.startswith("decimal") else schema_at(schema, path)
    return ValueProblem(path, "type", expected_words({**wanted, **more}), given)


def _chosen(found: Collection[_Located], value: object) -> list[ValueProblem]:
    chosen = [item.problem for item in found if item.union is None]
    for union in dict.fromkeys(item.union for item in found if item.union is not None):
        branches: dict[str | int | None, list[ValueProblem]] = {}
        for item in found:
            if item.union == union:
                branches.setdefault(item.branch, []).append(item.problem)
        chosen.extend(best_branch(branches.values(), union, _at(value, union)))
    return chosen


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value
