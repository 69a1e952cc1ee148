"""Whether two Python objects are the same in all that they hold, whatever their own `==` says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from enum import Enum
from functools import cached_property
from typing import Any, cast

from .field_names import taken_paths
from .json_form import dump_json
from .plain_form import plain_form

__all__ = ["is_cached", "is_same_object"]

_SCALARS = (str, int, float, bytes, bytearray, date, time, timedelta)


def is_same_object(one: object, other: object) -> bool:
    """Whether two objects are of the same types and hold the same, also beside their fields.

    Objects whose parts can't be read are the same only where they are one object.
    """
    if one is other:
        return True
    kind = cast("Any", type(one))
    if kind is not type(other):
        return False
    if taken_paths(kind) is not None:
        return _is_same_record(one, other)
    for kinds, is_same in _CONTAINERS:
        if issubclass(kind, kinds):
            return is_same(one, other)
    first, second = plain_form(one, is_exact=True), plain_form(other, is_exact=True)
    return first.is_whole and second.is_whole and dump_json(first.data) == dump_json(second.data) and _is_bare(one)


def is_cached(kind: type[Any], name: str) -> bool:
    """Whether an attribute is computed of the others, and kept."""
    found = next((base.__dict__[name] for base in kind.__mro__ if name in base.__dict__), None)
    return isinstance(found, cached_property)


def _is_bare(value: object) -> bool:
    """Whether a value holds nothing beside what it is written as: subclasses of text may. NaN is not even itself."""
    if isinstance(value, float) and value != value:  # noqa: PLR0124
        return False
    return isinstance(value, Enum) or not isinstance(value, _SCALARS) or not getattr(value, "__dict__", None)


def _is_same_record(one: Any, other: Any) -> bool:
    names = [*(taken_paths(type(one)) or {}), "__pydantic_extra__", "__pydantic_private__"]
    parts = [(getattr(one, name, None), getattr(other, name, None)) for name in names]
    return all(is_same_object(*pair) for pair in (*parts, (_own(one), _own(other))))


def _own(value: Any) -> dict[str, Any]:
    kind = cast("Any", type(value))
    own: Mapping[str, Any] = getattr(value, "__dict__", {})
    return {name: own[name] for name in sorted(own) if not is_cached(kind, name)}


def _is_same_mapping(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    if getattr(one, "default_factory", None) is not getattr(other, "default_factory", None):
        return False
    return _is_same_sequence([*one, *one.values()], [*other, *other.values()])


def _is_same_sequence(one: Any, other: Any) -> bool:
    if getattr(one, "maxlen", None) != getattr(other, "maxlen", None):
        return False
    return len(one) == len(other) and all(map(is_same_object, one, other))


def _is_same_set(one: Any, other: Any) -> bool:
    return _is_same_sequence(
        *(sorted(items, key=lambda item: dump_json(plain_form(item).data)) for items in (one, other))
    )


_CONTAINERS: tuple[tuple[Any, Callable[[Any, Any], bool]], ...] = (
    (Mapping, _is_same_mapping),
    ((list, tuple, deque), _is_same_sequence),
    ((set, frozenset), _is_same_set),
)
