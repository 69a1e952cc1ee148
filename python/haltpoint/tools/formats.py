"""The formats of text that JSON Schema knows, read as the types of tools read them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from pydantic_core import SchemaValidator, ValidationError

__all__ = ["FORMATS"]

_NUMBER = re.compile(r"\s*[+-]?[\d.]+\s*\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")


@cache
def _validator(kind: Any) -> SchemaValidator:
    return SchemaValidator({"type": kind})


def _reads(kind: str) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            _validator(kind).validate_json(json.dumps(text))
        except ValidationError:
            return False
        return True

    return fits


def _reads_date(kind: str) -> Callable[[str], bool]:
    # Digits alone are read as seconds since 1970, which no person means.
    return lambda text: _NUMBER.match(text) is None and _reads(kind)(text)


def _is_address(kind: type[IPv4Address | IPv6Address]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            kind(text)
        except ValueError:
            return False
        return True

    return fits


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": _reads_date("date"),
    "date-time": _reads_date("datetime"),
    "time": _reads("time"),
    "duration": _reads("timedelta"),
    "uuid": _reads("uuid"),
    "uri": _reads("url"),
    "email": lambda text: _EMAIL.match(text) is not None,
    "ipv4": _is_address(IPv4Address),
    "ipv6": _is_address(IPv6Address),
}
"""For each format, whether a text has it."""
