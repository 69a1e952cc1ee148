"""What the schemas kept for people say beyond JSON Schema: which values fit, and how a tool writes them.

Models are not told of it. A reader that does not know a mark skips it: the tool still checks the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple, cast

from pydantic_core import SchemaValidator, ValidationError

from haltpoint.tools.field_words import DECIMAL, UNKNOWN_DEFAULT

from .json_form import dump_json

__all__ = [
    "BOUNDS",
    "BYTE_SIZE",
    "DECIMAL",
    "IGNORES",
    "KEYS",
    "NAMES",
    "NEEDS_CODE",
    "TEXT",
    "UNION",
    "UNKNOWN_DEFAULT",
    "BrokenBound",
    "broken_bound",
    "key_readings",
    "made_text",
]

BOUNDS: Final = "haltpoint:bounds"
"""Marks the places of dates, times and durations: their bounds, by keywords of JSON Schema, as text; "now", which is
"past" or "future"; and "zone", which is "aware" or "naive". Of URLs, "schemes" lists those that they may have."""

KEYS: Final = "haltpoint:keys"
"""Marks the places of dicts: the schema of their keys, which JSON writes as text."""

TEXT: Final = "haltpoint:text"
"""Marks the places of text that the tool changes: "strip" is true, or "case" is "lower" or "upper"."""

IGNORES: Final = "haltpoint:ignores"
"""Marks the places of objects whose unknown members are dropped: it is true."""

NAMES: Final = "haltpoint:names"
"""Marks the places of objects that take a member by several names: a list of pairs, each of another name and the one by
which the member is shown."""

NEEDS_CODE: Final = "haltpoint:needs_code"
"""Marks the places of values that can't be checked and kept as they are without the tool's code: "paths" of an object
with a field that validation takes by another way than its name, "bytes" and "text" of what is encoded, "complex"."""

UNION: Final = "haltpoint:union"
"""Marks the places of a type out of several, in which a number beside text is no decimal: it is true."""

BYTE_SIZE: Final = "haltpoint:byte_size"
"""Marks the places of numbers of bytes, which people may write as "1GB": it is true."""

# By the format of the text.
_KINDS: Mapping[Any, str] = {
    "date": "date",
    "date-time": "datetime",
    "time": "time",
    "duration": "timedelta",
    "uri": "url",
    "multi-host-uri": "multi-host-url",
}
_CORE_NAMES: Mapping[str, str] = {"minimum": "ge", "exclusiveMinimum": "gt", "maximum": "le", "exclusiveMaximum": "lt"}


class BrokenBound(NamedTuple):
    """A bound that a value does not keep.

    Attributes:
        keyword: its name.
        bound: what it says.
    """

    keyword: str
    bound: Any


def broken_bound(text: str, kind: object, bounds: Mapping[str, Any]) -> BrokenBound | None:
    """Return the first bound that a date, a time, a duration or a URL does not keep; None where it is none of these.

    Args:
        text: the value.
        kind: the format of the text.
        bounds: what `BOUNDS` says.

    Raises:
        ValueError: a bound can't be read.
    """
    if kind not in _KINDS or not _fits(text, _KINDS[kind], {}):
        return None
    for keyword, bound in bounds.items():
        if not _fits(text, _KINDS[kind], _core_bound(keyword, bound, _KINDS[kind])):
            return BrokenBound(keyword, bound)
    return None


def _core_bound(keyword: str, bound: Any, kind: str) -> dict[str, Any]:
    if keyword == "now":
        # A day is of the place where the tool runs; here, its own place is all that is known.
        offset = datetime.now(timezone.utc).astimezone().utcoffset()
        return {"now_op": bound, "now_utc_offset": 0 if offset is None else int(offset.total_seconds())}
    if keyword in ("zone", "schemes"):
        return {"tz_constraint" if keyword == "zone" else "allowed_schemes": bound}
    if keyword not in _CORE_NAMES:
        # Of a newer version.
        return {}
    return {_CORE_NAMES[keyword]: _validator(kind, {}).validate_json(dump_json(bound))}


def _fits(text: str, kind: str, bounds: Mapping[str, Any]) -> bool:
    try:
        _validator(kind, bounds).validate_json(dump_json(text))
    except ValidationError:
        return False
    return True


def _validator(kind: str, bounds: Mapping[str, Any]) -> SchemaValidator:
    return SchemaValidator(cast("Any", {"type": kind, **bounds}))


_KEY_KINDS = ("int", "float", "bool")


def key_readings(key: str) -> list[Any]:
    """Return what the key of an object may stand for: the text itself, or a number or yes or no that it is read as."""
    readings: list[Any] = [key]
    for kind in _KEY_KINDS:
        try:
            readings.append(_validator(kind, {}).validate_json(dump_json(key)))
        except ValidationError:
            continue
    return readings


_CASES: Mapping[Any, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper}


def made_text(text: str, mark: object) -> str:
    """Return what the tool makes of a text, as far as `TEXT` says it."""
    said: Mapping[str, Any] = cast("Mapping[str, Any]", mark) if isinstance(mark, Mapping) else {}
    stripped = text.strip() if said.get("strip") is True else text
    change = _CASES.get(said.get("case"))
    return stripped if change is None else change(stripped)
