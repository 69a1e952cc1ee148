"""The defaults of parameters, as JSON data."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Final, cast

from .json_form import NotJsonError, json_text

__all__ = ["NO_DEFAULT", "plain_default"]


class _NoDefault(Enum):
    NO_DEFAULT = "NO_DEFAULT"


NO_DEFAULT: Final = _NoDefault.NO_DEFAULT
"""Stands for a default value that does not exist, or has no JSON form."""


def plain_default(value: Any) -> Any:
    """Return the JSON form of a default that is plain data, else NO_DEFAULT.

    Anything else, such as a time or a random id, may be another value in the next process.
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (set, frozenset)):
        value = sorted(cast("set[Any]", value), key=repr)
    try:
        return json.loads(json_text(value))
    except NotJsonError:
        return NO_DEFAULT
