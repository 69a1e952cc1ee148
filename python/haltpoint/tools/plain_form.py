"""The JSON form of Python objects that tools get: what a person is shown of them.

Objects of users' code are read, never called: no serializer, no `__str__`, no `__repr__`, and no iterator is consumed.
"""

from __future__ import annotations

import base64
import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

from haltpoint._concurrency.fork_guard import no_fork

from .checked_items import CheckedItems
from .field_names import FieldPath, json_names, shown_paths, taken_paths
from .json_form import LARGEST_INTEGER, MAX_DEPTH, SMALLEST_INTEGER, NotJsonError, dump_json

__all__ = ["BASE64", "HIDDEN", "PlainForm", "bytes_text", "plain_form"]

HIDDEN: Final = "**********"
"""Stands for a secret, such as a pydantic `SecretStr`."""

BASE64: Final = "base64:"
"""What bytes are shown by that are no readable text, before their base64."""

_SEQUENCES = (list, tuple, deque)
_SETS = (set, frozenset)
_QUALNAME: Any = type.__dict__["__qualname__"]

# Types whose own `__str__` writes all that their values are. Known by name, since their modules may be slow to load.
_WRITTEN_OUT = frozenset(
    {
        "builtins.complex",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "ipaddress.IPv4Address",
        "ipaddress.IPv4Interface",
        "ipaddress.IPv4Network",
        "ipaddress.IPv6Address",
        "ipaddress.IPv6Interface",
        "ipaddress.IPv6Network",
        "pathlib.PurePath",
        "pathlib._local.PurePath",
        "pydantic.networks.NameEmail",
        "pydantic.networks._BaseMultiHostUrl",
        "pydantic.networks._BaseUrl",
        "pydantic_core._pydantic_core.MultiHostUrl",
        "pydantic_core._pydantic_core.Url",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    }
)
_SECRET = "pydantic.types._SecretBase"  # noqa: S105 - a type's name


class PlainForm(NamedTuple):
    """The JSON form of a Python object.

    Attributes:
        data: JSON data: dict, list, str, int, float, bool and None.
        is_whole: False if a part of the object is not in `data`: a secret, which is hidden, or an object that only the
            name of its type stands for, as in "<Connection>".
    """

    data: Any
    is_whole: bool


def plain_form(value: object, *, is_exact: bool = False) -> PlainForm:
    """Return the JSON form of a Python object; the same in every process.

    Models and dataclasses become objects with all their fields, under the names that validation takes; sets become
    sorted lists; decimals, times, UUIDs, paths and the like become text, as do bytes (base64 where they are not
    readable text), integers of more than 64 bits, NaN and the infinities.

    No object makes it fail: of one that has no form, that can't be read, that holds itself or that is nested too deep,
    the form is the name of its type.

    Args:
        value: the object.
        is_exact: whether times also say, in brackets, what no offset says: their time zone, and which of two equal
            readings of a clock they are.
    """
    walk = _Walk(is_exact=is_exact)
    data = walk.form(value)
    return PlainForm(data, walk.is_whole)


def _integer(value: int) -> int | str:
    number = int.__int__(value)
    return number if SMALLEST_INTEGER <= number <= LARGEST_INTEGER else str(number)


def _float(value: float) -> float | str:
    number = float.__float__(value)
    return number if math.isfinite(number) else str(number)


def bytes_text(value: bytes | bytearray | memoryview) -> str:
    """Return what is shown of bytes: the text that they are, or `base64:` and their base64; no two look alike."""
    raw = bytes(value)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = BASE64
    if not text.startswith(BASE64) and all(char.isprintable() or char in "\t\n\r" for char in text):
        return text
    return BASE64 + base64.b64encode(raw).decode()


def _time_text(value: object) -> Any:
    with no_fork:
        from pydantic_core import to_jsonable_python
    return to_jsonable_python(value)


_TIMES = (date, time, timedelta)
_SCALARS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (int, _integer),
    (float, _float),
    ((bytes, bytearray, memoryview), bytes_text),
    (_TIMES, _time_text),
)


def _beside_time(value: Any) -> str:
    """What the text of a time does not say of it, in brackets."""
    if not isinstance(value, (datetime, time)):
        return ""
    zone: Any = value.tzinfo
    if zone is None:
        return "[fold=1]" if value.fold else ""
    # Those that are nothing but an offset.
    if type(zone).__name__ in ("timezone", "TzInfo"):
        return ""
    return f"[{getattr(zone, 'key', None) or getattr(zone, 'zone', None) or type(zone).__name__}]"


class _Walk:
    """One walk through an object and all that it holds."""

    def __init__(self, *, is_exact: bool) -> None:
        self.is_whole = True
        self._is_exact = is_exact
        # The ids of the containers that the walk is inside of.
        self._around: set[int] = set()

    def form(self, value: object) -> Any:
        kind: type[Any] = type(value)
        if value is None or kind is bool:
            return value
        try:
            return self._form(kind, value)
        except Exception:  # noqa: BLE001 - objects of users' code may raise anything when they are read
            return self._type_name(kind)

    def _form(self, kind: type[Any], value: Any) -> Any:
        # Types are asked, not their objects: `isinstance` believes what an object says of itself.
        if issubclass(kind, Enum):
            return self.form(value.value)
        if issubclass(kind, str):
            return self._text(str.__str__(value))
        if kind is dict or kind is list:
            return self._container(kind, value)
        for base, write in _SCALARS:
            if issubclass(kind, base):
                return write(value) + _beside_time(value) if self._is_exact and base is _TIMES else write(value)
        return self._written(kind, value)

    def _written(self, kind: type[Any], value: object) -> Any:
        if kind is re.Pattern:
            return self._pattern(value)
        base: Any
        for base in kind.__mro__:
            name = f"{base.__module__}.{base.__qualname__}"
            if name in _WRITTEN_OUT:
                return self._text(base.__str__(value))
            if name == _SECRET:
                self.is_whole = False
                return HIDDEN
        return self._container(kind, value)

    def _pattern(self, pattern: Any) -> Any:
        """A pattern's own text, where it says all of the pattern: flags may be given beside it."""
        text: str | bytes = pattern.pattern
        return self.form(text) if re.compile(text) == pattern else self._type_name(re.Pattern)

    def _container(self, kind: type[Any], value: Any) -> Any:
        around, key = self._around, id(value)
        if key in around or len(around) == MAX_DEPTH:
            raise NotJsonError(f"is cyclic, or nested deeper than {MAX_DEPTH} levels")
        around.add(key)
        try:
            if issubclass(kind, Mapping):
                return self._object((self._key(name), item) for name, item in value.items())
            if issubclass(kind, _SEQUENCES):
                return [self.form(item) for item in value]
            if issubclass(kind, _SETS):
                return sorted((self.form(item) for item in value), key=dump_json)
            return self._record(kind, value)
        finally:
            around.discard(key)

    def _record(self, kind: type[Any], value: Any) -> Any:
        if kind is CheckedItems:
            return [self.form(item) for item in value.remaining]
        if getattr(kind, "__pydantic_root_model__", False):
            return self.form(value.root)
        ways = taken_paths(kind)
        if ways is None:
            raise NotJsonError("has no JSON form")
        extra: Mapping[str, object] = getattr(value, "__pydantic_extra__", None) or {}
        paths = shown_paths(ways)
        fields = [(name, paths[name], self.form(item)) for name, item in _items(value, ways)]
        extras = [(name, self.form(item)) for name, item in extra.items()]
        nested = _nested([*((path, form) for _, path, form in fields), *(((name,), form) for name, form in extras)])
        if nested is not None:
            return nested
        # As an object, of two members with the same name one would hide the other.
        names = json_names(kind) or {}
        return self._unambiguous([*((names[name], form) for name, _, form in fields), *extras])

    def _object(self, items: Iterable[tuple[str, object]]) -> Any:
        # As an object, of two keys with the same text one would hide the other.
        return self._unambiguous([(name, self.form(item)) for name, item in items])

    def _unambiguous(self, pairs: list[tuple[str, Any]]) -> Any:
        form = dict(pairs)
        return form if len(form) == len(pairs) else [list(pair) for pair in pairs]

    def _key(self, key: object) -> str:
        form = self.form(key)
        return form if isinstance(form, str) else dump_json(form)

    def _text(self, text: str) -> str:
        if text.isascii():
            return text
        try:
            text.encode()
        except UnicodeEncodeError:
            self.is_whole = False
            return text.encode(errors="backslashreplace").decode()
        return text

    def _type_name(self, kind: type[Any]) -> str:
        self.is_whole = False
        # Read past the metaclass, which may have a `__qualname__` of its own.
        return f"<{self._text(_QUALNAME.__get__(kind))}>"


def _items(value: Any, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Yield what a model or dataclass holds in its fields."""
    for name in names:
        try:
            item = object.__getattribute__(value, name)
        except AttributeError:  # a model that was constructed without it
            continue
        yield name, item


def _nested(fields: Iterable[tuple[FieldPath, Any]]) -> dict[str, Any] | None:
    """Return an object of what stands at the ends of paths; None where two of them can't be in one object."""
    made: dict[str | int, Any] = {}
    inner: dict[int, dict[str | int, Any]] = {id(made): made}
    for path, form in fields:
        here = made
        for step in path[:-1]:
            if step not in here:
                here[step] = {}
                inner[id(here[step])] = here[step]
            if id(here[step]) not in inner:
                return None
            here = here[step]
        if path[-1] in here:
            return None
        here[path[-1]] = form
    whole: dict[str, Any] | None = _with_lists(made, inner)
    return whole


def _with_lists(members: dict[str | int, Any], inner: Mapping[int, Any]) -> Any:
    """Return the same with a list for each inner object whose members have places; None where places are left out."""
    made = {step: _with_lists(item, inner) if id(item) in inner else item for step, item in members.items()}
    if any(made[step] is None and item is not None for step, item in members.items()):
        return None
    if not any(isinstance(step, int) for step in made):
        return made
    if set(made) == {-1}:
        return list(made.values())
    return [made[place] for place in range(len(made))] if set(made) == set(range(len(made))) else None
