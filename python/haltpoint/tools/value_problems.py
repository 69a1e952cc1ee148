"""What is wrong with a value that a person gave, in words for people, whatever found it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from haltpoint.tools.field_words import choice_words, expected_words

from .json_form import dump_json, shown
from .plain_form import plain_form

if TYPE_CHECKING:
    from haltpoint.sensitive import Masking

__all__ = [
    "NOT_GIVEN",
    "Path",
    "ValueProblem",
    "best_branch",
    "constraint_words",
    "key_problem",
    "missing_words",
    "named_problem",
    "unknown_words",
]

Path: TypeAlias = "tuple[str | int, ...]"


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

    @property
    def key(self) -> tuple[Path, str, str]:
        """What tells it from the others with a value."""
        given = "" if self.given is NOT_GIVEN else dump_json(plain_form(self.given).data)
        return self.path, self.keyword, given


def named_problem(problem: ValueProblem, name: str, hidden: Masking | None = None) -> tuple[str, str]:
    """Return the path of a problem with a field, and the problem in words.

    Args:
        problem: the problem.
        name: the field.
        hidden: masks what was given, where that must not be shown.
    """
    parts = problem.path if hidden is None else hidden.path(problem.path)
    path = ".".join(map(str, (name, *parts)))
    must_be = "must be " if problem.is_kind else ""
    words = problem.words if hidden is None or problem.keyword in _OWN_WORDS else hidden.text(problem.words)
    given = shown(problem.given) if hidden is None else "a secret value"
    got = "" if problem.given is NOT_GIVEN else f", got {given}"
    return path, f"{path}: {must_be}{words}{got}"


# The keywords of JSON Schema

_BOUNDS = {
    "minimum": "must be greater than or equal to {}",
    "exclusiveMinimum": "must be greater than {}",
    "maximum": "must be less than or equal to {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "pattern": "must match the pattern {}",
    "now": "must be in the {}",
    "byteSize": "must be a whole number of bytes, such as 1500 or 1.5GB",
}
_COUNTS = {
    "minLength": ("at least", "character"),
    "maxLength": ("at most", "character"),
    "minItems": ("at least", "item"),
    "maxItems": ("at most", "item"),
    "minProperties": ("at least", "entry"),
    "maxProperties": ("at most", "entry"),
    "maxDigits": ("at most", "digit"),
    "decimalPlaces": ("at most", "decimal place"),
    "wholeDigits": ("at most", "whole digit"),
}


# Their words say what the schema says, and nothing of what was given.
_OWN_WORDS = frozenset({*_KINDS, *_BOUNDS, *_COUNTS, "required", "bytes"})


def constraint_words(keyword: str, bound: Any) -> str:
    """Return what a keyword of JSON Schema asks of a value."""
    if keyword in _BOUNDS:
        is_whole = isinstance(bound, float) and bound.is_integer()
        return _BOUNDS[keyword].format(int(bound) if is_whole else bound)
    if keyword in _COUNTS:
        how, what = _COUNTS[keyword]
        return f"must have {how} {bound} {_plural(what, bound)}"
    if keyword == "schemes":
        return f"must be a URL that begins with {choice_words(bound)}"
    if keyword == "zone":
        return "must have a time zone" if bound == "aware" else "must not have a time zone"
    if keyword == "uniqueItems":
        return "must not hold the same item twice"
    return f"must meet {keyword} {shown(bound)}"


def missing_words(schema: Mapping[str, Any]) -> str:
    """Return what is said of a field that is missing."""
    return f"Field required ({expected_words(schema)})" if schema else "Field required"


def unknown_words(schema: Mapping[str, Any]) -> str:
    """Return what is said of a field that is none of an object's."""
    return f"there is no such field; the fields are: {', '.join(schema.get('properties', ())) or 'none'}"


def _plural(word: str, count: Any) -> str:
    if count == 1:
        return word
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def key_problem(path: Path, problem: ValueProblem) -> ValueProblem:
    """Return what is said of a key of an object.

    Args:
        path: where the key's value stands.
        problem: what is wrong with the key.
    """
    must_be = "must be " if problem.is_kind else ""
    return ValueProblem(path, "key", f"the key {shown(path[-1])} {must_be}{problem.words}")


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
    keyword = "format" if any(item.keyword == "format" for item in kinds) else "type"
    return [ValueProblem(path, keyword, " or ".join(words) or "empty", given)]


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
