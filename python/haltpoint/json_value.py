"""Values of user code as JSON."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any

__all__ = ["to_json_text", "to_json_value"]


def to_json_text(value: object) -> str:
    """Return `value` as JSON text; pydantic models, dataclasses, sets, dates, UUIDs and enums have a form, too.

    Raises:
        TypeError: something in it has no JSON form; the message names its type.
        ValueError: it holds a float that is not finite, or itself.
    """
    return json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)


def to_json_value(value: object) -> Any:
    """Return `value` as dicts, lists, strings, numbers, booleans and None. Raises as `to_json_text`."""
    return json.loads(to_json_text(value))


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return list(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    # The modules of these two are slow to load, so they are known by where their type comes from, or by a method.
    if type(value).__module__ == "uuid":
        return str(value)
    return _dumped_model(value)


def _dumped_model(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return dump(mode="json")
