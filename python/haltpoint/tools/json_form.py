"""What counts as JSON here: the form in which arguments and answers are journaled, shown to people, sent to models."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "LARGEST_INTEGER",
    "MAX_DEPTH",
    "SMALLEST_INTEGER",
    "NotJsonError",
    "WrittenFloat",
    "check_text",
    "dump_exact",
    "dump_json",
    "holds_written_floats",
    "json_text",
    "parse_exact",
    "parse_json",
    "parse_said",
    "shown",
    "with_whole_numbers",
]

MAX_DEPTH = 100
"""How many containers may stand inside one another."""

# What fits a 64-bit integer, signed or unsigned. Beyond it JSON readers turn an integer into a rounded float.
SMALLEST_INTEGER = -(2**63)
LARGEST_INTEGER = 2**64 - 1

_SHOWN_CHARACTERS = 80

_ALWAYS_FINE: frozenset[type] = frozenset({str, bool, type(None)})


class NotJsonError(ValueError):
    """The value has no JSON form, or none that every reader understands alike. The message completes "it ..."."""


class WrittenFloat(float):
    """A number out of a JSON text, which was written in another way than its float is.

    Attributes:
        text: the number as it was written, with digits that the float may not have.
    """

    __slots__ = ("text",)

    text: str

    def __new__(cls, text: str) -> Self:
        """Return the number that the text stands for."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; of a name that occurs twice in an object, the last value.

    Raises:
        NotJsonError: the text is not JSON, or holds NaN or an infinity.
    """
    return _parsed(text, _decode)


def parse_exact(text: str) -> Any:
    """Do the same, with a `WrittenFloat` for each number that is not written as its float is: 1.10, 1.0, 1e400."""
    return _parsed(text, _decode_exactly)


def parse_said(text: str) -> Any:
    """Return what `parse_exact` does of a text in which a person or their program says something: one thing.

    Raises:
        NotJsonError: the text is not JSON, holds what JSON readers understand in several ways, or a name twice in one
            object.
    """
    value = _parsed(text, _decode_once)
    json_text(value)
    return value


def _parsed(text: str, decode: Callable[[str], Any]) -> Any:
    try:
        return decode(text)
    except NotJsonError:
        raise
    except ValueError as error:
        raise NotJsonError(f"is not valid JSON: {error}") from error
    except RecursionError as error:
        raise NotJsonError(f"is nested deeper than {MAX_DEPTH} levels") from error


def _refuse_constant(name: str) -> NoReturn:
    raise NotJsonError(f"holds {name}, which JSON does not know")


def _without_repetition(members: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(members)
    if len(read) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in read if names.count(name) > 1)
        raise NotJsonError(f"holds the name {shown(twice)} twice in one object, so that it says two things")
    return read


def _read_exactly(text: str) -> float:
    number = float(text)
    # Readers write the float 1.0 as 1, and small and large ones with an exponent or without.
    is_plain = repr(number) == text and "e" not in text and not text.endswith(".0")
    return number if is_plain else WrittenFloat(text)


# Made once: `json.loads` and `json.dumps` make a new one for each text that they treat in another way than the usual.
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
_decode_exactly = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_exactly).decode
_decode_once = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_read_exactly, object_pairs_hook=_without_repetition
).decode
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_text(value: object) -> str:
    """Return the compact JSON text of `value`, which must be made of dict, list, tuple, str, int, float, bool and None.

    Raises:
        NotJsonError: it is not, is cyclic or nested too deep, or holds a number or a text that JSON can't carry.
    """
    _check(value)
    text = dump_json(value)
    check_text(text)
    return text


def dump_json(value: object) -> str:
    """Return the compact JSON text of a value that is known to have one."""
    # The encoder takes ten times as long over a number as Python does.
    return int.__repr__(value) if type(value) is int else _encode(value)


def dump_exact(value: object) -> str:
    """Return the compact JSON text of a value of `parse_exact`, with each number as it was written.

    Raises:
        NotJsonError: it is nested too deep, or holds a number of which no float can be made, or half of a surrogate
            pair.
    """
    try:
        text = _dump_exactly(value)
    except RecursionError as error:
        raise NotJsonError(f"is nested deeper than {MAX_DEPTH} levels") from error
    check_text(text)
    return text


def _dump_exactly(value: object) -> str:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value).items()
        return "{" + ",".join(f"{_encode(name)}:{_dump_exactly(member)}" for name, member in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump_exactly, cast("list[object]", value))) + "]"
    if not isinstance(value, WrittenFloat):
        return dump_json(value)
    if not math.isfinite(value):
        raise NotJsonError(f"holds {value.text}, a number that is too large for a float")
    return value.text


def holds_written_floats(value: object) -> bool:
    """Return whether `dump_exact` writes JSON data in another way than others do."""
    if isinstance(value, dict):
        return any(map(holds_written_floats, cast("dict[str, object]", value).values()))
    if isinstance(value, list):
        return any(map(holds_written_floats, cast("list[object]", value)))
    return isinstance(value, WrittenFloat)


def with_whole_numbers(value: Any) -> Any:
    """The same with 5 for 5.0, which is an integer to JSON Schema; the value itself where that changes nothing."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        made: Any = {name: with_whole_numbers(member) for name, member in members.items()}
        is_same = all(made[name] is member for name, member in members.items())
        return cast("Any", value) if is_same else made
    if isinstance(value, (list, tuple)):
        items = cast("Sequence[Any]", value)
        made = [with_whole_numbers(item) for item in items]
        is_same = all(map(operator.is_, made, items))
        return items if is_same else made
    return value


def check_text(text: str) -> None:
    """Refuse text that UTF-8 can't encode.

    Raises:
        NotJsonError: the text holds half of a surrogate pair.
    """
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotJsonError(f"holds a lone surrogate (U+{ord(text[error.start]):04X}), which is no character") from error


def shown(value: object) -> str:
    """Return `value` as JSON text, shortened, for an error message."""
    try:
        text = json_text(value)
    except NotJsonError:
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _check(value: object) -> None:
    # A stack of our own: the interpreter's would overflow on exactly the values that are to be refused.
    pending: list[tuple[Iterable[object], int]] = [((value,), 0)]
    while pending:
        items, depth = pending.pop()
        for item in items:
            if type(item) in _ALWAYS_FINE or (type(item) is int and SMALLEST_INTEGER <= item <= LARGEST_INTEGER):
                continue
            members = _members(item)
            if members is None:
                continue
            if depth == MAX_DEPTH:
                raise NotJsonError(f"is nested deeper than {MAX_DEPTH} levels")
            pending.append((members, depth + 1))


def _members(value: object) -> Iterable[object] | None:
    """Return what a container holds, None for all else, once the value's own form is checked."""
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        for key in members:
            if not isinstance(key, str):
                raise NotJsonError(f"has the key {key!r}, and JSON has only text for keys")
        return members.values()
    if isinstance(value, (list, tuple)):
        return cast("Sequence[object]", value)
    _check_leaf(value)
    return None


def _check_leaf(value: object) -> None:
    if isinstance(value, str) or type(value) in _ALWAYS_FINE:
        return
    if isinstance(value, int):
        if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            raise NotJsonError("holds an integer of more than 64 bits, which has to be sent as text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise NotJsonError(f"holds {value}, which JSON does not know")
    else:
        raise NotJsonError(f"holds a value of type {type(value).__name__}, which JSON does not know")
