"""Answers in the form of a pydantic model: what is kept of one, and the object that it stands for.

What is kept is what the model said. Written out again by the class, it could be something else: serializers hide and
shorten, and what a validator converted would be converted once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple, cast

from pydantic import TypeAdapter

from haltpoint._concurrency.exception_kinds import interrupt_in
from haltpoint.tools.failing_validators import failures_apart, failures_logged
from haltpoint.tools.field_names import json_names
from haltpoint.tools.json_form import NotJsonError, dump_exact, parse_exact
from haltpoint.tools.lazy_values import checked_throughout
from haltpoint.tools.plain_form import plain_form
from haltpoint.tools.pydantic_types import decimal_places
from haltpoint.tools.validation import refusal_of

__all__ = ["StoredAnswer", "read_answer", "stored_answer"]

# Stands for a part that is not there; equal to no other.
_NOTHING = object()


def read_answer(response_format: Any, text: str) -> Any:
    """Return the instance of a pydantic model class that a JSON text stands for.

    Raises:
        ValidationError: the text does not fit.
        InvalidValueError: a validator of the class failed in a way of its own.
    """
    try:
        return checked_throughout(response_format.model_validate_json(text), response_format)
    except BaseException as error:
        interrupt = interrupt_in(error)
        if interrupt is not None:
            raise interrupt from interrupt.__cause__
        raise refusal_of(error, text) from error


class StoredAnswer(NamedTuple):
    """An answer that fits.

    Attributes:
        text: the JSON text to keep of it. It is what the model said, with the values that the class filled in: reading
            it gives an equal instance in every process. Text stands for decimals of which a float would lose digits.
        instance: the object that was read from that text.
    """

    text: str
    instance: Any


def stored_answer(response_format: Any, text: str) -> StoredAnswer:
    """Return what is kept of an answer, once it is known to fit.

    Raises:
        ValidationError: the answer does not fit.
        InvalidValueError: a validator of the class failed in a way of its own.
        NotJsonError: the answer holds what JSON does not know, such as NaN.
    """
    with failures_logged(f"an answer in the form of {response_format.__name__}"):
        return _stored_answer(response_format, text)


def _stored_answer(response_format: Any, text: str) -> StoredAnswer:
    try:
        said = parse_exact(text)
    except NotJsonError:
        # Pydantic says better what is wrong, if it finds it wrong.
        read_answer(response_format, text)
        raise
    exact = _with_digits(response_format, said)
    return _completed(response_format, exact, read_answer(response_format, dump_exact(exact)))


def _with_digits(response_format: Any, said: Any) -> Any:
    places = decimal_places(TypeAdapter(response_format))
    exact = said if places is None else places.as_text(said)
    # A validator of the class may work on numbers alone; it gets a number then.
    return exact if exact == said or _read_or_none(response_format, dump_exact(exact)) is not None else said


def _read_or_none(response_format: Any, text: str) -> Any:
    try:
        with failures_apart():
            return read_answer(response_format, text)
    except ValueError:
        return None


def _completed(response_format: Any, said: Any, instance: Any) -> StoredAnswer:
    text = dump_exact(said)
    everything = _filled_in(said, instance, _NOTHING)
    if everything == said:
        return StoredAnswer(text, instance)
    longer = _text_of_same(response_format, everything, instance)
    if longer is not None:
        return longer
    # A default need not fit its own field. Then only what is not the same each time is kept: ids, times.
    with failures_apart():
        again = read_answer(response_format, text)
    longer = _text_of_same(response_format, _filled_in(said, instance, again), instance)
    return longer or StoredAnswer(text, again)


def _text_of_same(response_format: Any, data: Any, instance: Any) -> StoredAnswer | None:
    """Return the data as JSON text, None if that does not stand for an equal instance."""
    text = dump_exact(data)
    read = _read_or_none(response_format, text)
    return StoredAnswer(text, read) if _is_same(read, instance) else None


def _is_same(one: Any, other: Any) -> bool:
    try:
        if one == other:
            return True
    except Exception:  # noqa: BLE001 - classes of users may compare as they like
        return False
    # Instances may hold more than their fields, which differs each time.
    form = plain_form(one)
    return type(one) is type(other) and form.is_whole and form == plain_form(other)


def _filled_in(said: Any, value: Any, again: Any) -> Any:
    """Return what was said, with the fields that it leaves out.

    Args:
        said: JSON data.
        value: what was made of it.
        again: what was made of it a second time. A field that is the same there is not added.
    """
    if getattr(cast("object", type(value)), "__pydantic_root_model__", False):
        return _filled_in(said, value.root, getattr(again, "root", _NOTHING))
    if isinstance(said, dict):
        return _filled_in_object(cast("dict[str, Any]", said), value, again)
    if isinstance(said, list) and isinstance(value, (list, tuple)):
        items, values = cast("Sequence[Any]", said), cast("Sequence[Any]", value)
        others = cast("Sequence[Any]", again if isinstance(again, (list, tuple)) else ())
        if len(items) == len(values):
            parts = zip_longest(items, values, others[: len(items)], fillvalue=_NOTHING)
            return [_filled_in(*part) for part in parts]
    return cast("Any", said)


def _filled_in_object(said: dict[str, Any], value: Any, again: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        values = cast("Mapping[str, Any]", value)
        others = cast("Mapping[str, Any]", again if isinstance(again, Mapping) else {})
        return {
            key: _filled_in(item, values.get(key, _NOTHING), others.get(key, _NOTHING)) for key, item in said.items()
        }
    filled = dict(said)
    for name, json_name in (json_names(type(value)) or {}).items():
        item, other = getattr(value, name, _NOTHING), getattr(again, name, _NOTHING)
        key = json_name if json_name in said else name
        if key in said:
            filled[key] = _filled_in(said[key], item, other)
        elif _may_be_added(value, name, json_name):
            form = plain_form(item)
            if form.is_whole and form != plain_form(other):
                filled[json_name] = form.data
    return filled


def _may_be_added(value: Any, name: str, json_name: str) -> bool:
    """Whether a field that was not said under its name may be said so."""
    kind = cast("Any", type(value))
    fields: Mapping[str, Any] | None = getattr(kind, "__pydantic_fields__", None)
    if fields is None:
        return bool(kind.__dataclass_fields__[name].init)
    if fields[name].validation_alias is None or isinstance(fields[name].validation_alias, str):
        return fields[name].init is not False
    # One of several ways: which of them was taken is not known.
    return json_name != name and name not in getattr(value, "__pydantic_fields_set__", (name,))
