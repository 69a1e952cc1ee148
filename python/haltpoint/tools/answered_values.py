"""What a person gave, held against the value that the tool gets where the call runs.

Where the tool's code was not at hand, only its schema could check an answer or a changed argument. The tool may write
the value in another way; it must not get another value.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from haltpoint._concurrency.fork_guard import no_fork

from .bytes_notation import as_shown
from .failing_validators import failures_apart
from .field_schema import field_schema
from .given_form import given_form
from .hidden_parts import is_stand_in
from .json_form import dump_json, shown
from .same_values import is_same_kind, number_of
from .validation import CALL_AGAIN, validated_parameter

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .plain_form import PlainForm
    from .schema import ToolParameter

__all__ = ["answer_problem", "other_value"]

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
# Punctuation only stands between.
_WORD = re.compile(r"""[^\W_]+|[^\w\s.,;:/|()\[\]{}"']""")


def answer_problem(
    definition: ToolDefinition, parameter: ToolParameter, given: Any, seen: Any, value: object
) -> str | None:
    """Return what is wrong where the tool would get another value than a person gave; None where it would not.

    Args:
        definition: the tool.
        parameter: the parameter.
        given: what the tool validates, as JSON data.
        seen: what the person gave, as it was shown to them.
        value: the Python object that the tool would get.
    """
    other = other_value(definition, parameter, given, seen, value)
    if other is None:
        return None
    name = parameter.name
    said, would_be = ("a secret value", "another one") if parameter.is_secret else map(shown, other)
    return f"{name}: a person answered {said}, of which the tool would make {would_be}; {CALL_AGAIN}"


def other_value(
    definition: ToolDefinition, parameter: ToolParameter, given: Any, seen: Any, value: object
) -> tuple[Any, Any] | None:
    """Return what a person gave and what the tool would get, as JSON data; None where that is the same.

    Takes what `answer_problem` does.
    """
    form = given_form(value, given, functools.partial(field_schema, definition.parameters, parameter.name))
    if dump_json(seen) == dump_json(given):
        # What stands for bytes is kept as text, and shown in its own notation.
        seen = as_shown(field_schema(definition.parameters, parameter.name), given)
    is_as_given = isinstance(seen, str) and is_same_kind(form.data, given)
    if is_as_given or is_same_kind(form.data, seen) or _is_written_otherwise(definition, parameter, seen, form):
        return None
    if is_same_kind(_serialized(definition, parameter, given), seen) and not _holds_boolean(form.data):
        return None
    return seen, form.data


def _is_written_otherwise(definition: ToolDefinition, parameter: ToolParameter, seen: Any, form: PlainForm) -> bool:
    with no_fork:
        from .input_form import shown_parameters
        from .schema_forms import compared_forms
    if parameter.decimals is not None:
        seen = parameter.decimals.written_as(seen, form.data)
    pair = compared_forms(shown_parameters(definition), parameter.name, seen, form.data, adds=True)
    return _is_same(*pair, hides=not form.is_whole, has_decimals=parameter.decimals is not None)


def _is_same(seen: Any, form: Any, *, hides: bool, has_decimals: bool) -> bool:
    """Whether two values are the same, where text may be read in a type's own way.

    Args:
        seen: JSON data.
        form: what the tool would get.
        hides: whether text in it may stand for what is not shown.
        has_decimals: whether text in it may be a decimal.
    """
    is_same = functools.partial(_is_same, hides=hides, has_decimals=has_decimals)
    if hides and is_stand_in(form):
        return True
    if isinstance(seen, dict) and isinstance(form, dict):
        members, others = cast("dict[str, Any]", seen), cast("dict[str, Any]", form)
        same = (is_same(item, others[name]) for name, item in members.items() if name in others)
        return members.keys() == others.keys() and all(same)
    if isinstance(seen, list) and isinstance(form, list):
        pairs: list[tuple[Any, Any]] = list(zip(seen, form, strict=False))  # pyright: ignore[reportUnknownArgumentType]
        is_long_enough = len(pairs) == len(seen) == len(form)  # pyright: ignore[reportUnknownArgumentType]
        return is_long_enough and all(is_same(item, made) for item, made in pairs)
    if is_same_kind(seen, form):
        return True
    if not isinstance(seen, str) or number_of(seen) is not None:
        return False
    return _is_read_as(seen, form, has_decimals=has_decimals)


def _is_read_as(text: str, form: Any, *, has_decimals: bool) -> bool:
    """Whether a type may have read a text so: "EUR 5" as a decimal or an object, empty text as null.

    An object or list holds all words and all numbers of the text, and no others. A decimal leaves words out.
    """
    if form is None:
        return not text.strip()
    if isinstance(form, (dict, list)):
        leaves = [*_leaves(form)]
        is_told = not any(isinstance(leaf, bool) for leaf in leaves)
        return is_told and _parts(text) == _parts(" ".join(map(_leaf_text, leaves)))
    return has_decimals and isinstance(form, str) and _parts(text).numbers == [number_of(form)]


class _Parts(NamedTuple):
    """What a text says, in its order.

    Attributes:
        numbers: the numbers in it.
        words: its words, and signs that mean something, such as "%".
    """

    numbers: list[Decimal | None]
    words: list[str]


def _parts(text: str) -> _Parts:
    found = _NUMBER.findall(text)
    return _Parts([number_of(number) for number in found], _WORD.findall(_NUMBER.sub(" ", text)))


def _leaves(form: Any) -> Iterator[Any]:
    if isinstance(form, dict):
        for item in cast("dict[str, Any]", form).values():
            yield from _leaves(item)
    elif isinstance(form, list):
        for item in form:  # pyright: ignore[reportUnknownVariableType]
            yield from _leaves(item)
    elif form is not None:
        yield form


def _leaf_text(leaf: Any) -> str:
    return leaf if isinstance(leaf, str) else dump_json(leaf)


def _holds_boolean(form: Any) -> bool:
    """Whether there is a yes or a no in a form: the type of a number writes True as 1."""
    if isinstance(form, dict):
        return any(map(_holds_boolean, cast("dict[str, Any]", form).values()))
    if isinstance(form, list):
        return any(map(_holds_boolean, form))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(form, bool)


def _serialized(definition: ToolDefinition, parameter: ToolParameter, given: Any) -> Any:
    """What a person gave, as its type writes it; None where it does not."""
    try:
        # An object of its own: writing an iterator out takes its items.
        with failures_apart():
            value = validated_parameter(parameter, given, strict=definition.strict)
        return parameter.adapter.dump_python(value, mode="json")
    except Exception:  # noqa: BLE001 - types bring serializers of their own, which may raise anything
        return None
