"""The formats of text that JSON Schema knows, read as the types of tools read them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from pathlib import PurePath
from typing import Any, cast

from pydantic_core import SchemaValidator, ValidationError, to_jsonable_python

from haltpoint._concurrency.fork_guard import no_fork

__all__ = ["FORMATS", "byte_size", "is_number", "written"]

_NUMBER = re.compile(r"\s*[+-]?[\d.]+\s*\Z")
_BYTE_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")


def is_number(text: str) -> bool:
    """Return whether a text is a plain number."""
    return _NUMBER.match(text) is not None


@cache
def _validator(kind: Any, **options: Any) -> SchemaValidator:
    return SchemaValidator(cast("Any", {"type": kind, **options}))


def _reads(kind: str, **options: Any) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            _validator(kind, **options).validate_json(json.dumps(text))
        except ValidationError:
            return False
        return True

    return fits


def _reads_date(kind: str) -> Callable[[str], bool]:
    # Digits alone are read as seconds since 1970, which no person means.
    return lambda text: not is_number(text) and _reads(kind)(text)


_NETWORKS: Mapping[str, Callable[[str], object]] = {
    "ipv4network": IPv4Network,
    "ipv4interface": IPv4Interface,
    "ipv6network": IPv6Network,
    "ipv6interface": IPv6Interface,
    "ipvanyaddress": ip_address,
    "ipvanynetwork": ip_network,
    "ipvanyinterface": ip_interface,
}


def _is_address(kind: Callable[[str], object]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            kind(text)
        except ValueError:
            return False
        return True

    return fits


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.encode())
    except ValueError:
        return False
    return True


def _is_url_base64(text: str) -> bool:
    # Some of the types that read it need the padding, and some don't.
    return _is_base64(f"{text.replace('-', '+').replace('_', '/')}==")


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = {
    **{f"uuid{version}": _reads("uuid", version=version) for version in range(1, 9)},
    **{name: _is_address(kind) for name, kind in _NETWORKS.items()},
    "multi-host-uri": _reads("multi-host-url"),
    "date": _reads_date("date"),
    "date-time": _reads_date("datetime"),
    "time": _reads("time"),
    "duration": _reads("timedelta"),
    "uuid": _reads("uuid"),
    "uri": _reads("url"),
    "regex": _is_pattern,
    "base64": _is_base64,
    "base64url": _is_url_base64,
    "email": lambda text: _EMAIL.match(text) is not None,
    "ipv4": _is_address(IPv4Address),
    "ipv6": _is_address(IPv6Address),
}
"""For each format, whether a text has it."""

# How the types of tools write the text of a format, by the format's name.
_CORE_TYPES = {
    "date": "date",
    "date-time": "datetime",
    "time": "time",
    "duration": "timedelta",
    "uuid": "uuid",
    "uri": "url",
    "multi-host-uri": "multi-host-url",
    **{f"uuid{version}": "uuid" for version in range(1, 9)},
}


def _email(text: str) -> str:
    local, at, domain = text.rpartition("@")
    return f"{local}{at}{domain.lower()}"


_WRITERS: Mapping[str, Callable[[str], object]] = {
    "email": _email,
    "path": PurePath,
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    **_NETWORKS,
}


def written(name: str, text: str) -> str:
    """Return the text as the type of a format writes it, "PT1H30M" for "PT90M"; as it is where it does not fit."""
    try:
        if name in _CORE_TYPES:
            return str(to_jsonable_python(_validator(_CORE_TYPES[name]).validate_json(json.dumps(text))))
        return str(_WRITERS[name](text)) if name in _WRITERS else text
    except ValueError:
        return text


def byte_size(text: str) -> int | str:
    """Return the number of bytes that a text such as "1GB" says; the text itself where it does not say just that.

    The type itself reads the beginning of a text alone, 10 of "10:00", and drops parts of bytes, 1 of "1.5".
    """
    with no_fork:
        from pydantic import ByteSize, TypeAdapter
    said = _BYTE_SIZE.fullmatch(text)
    if said is None:
        return text
    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except (ValidationError, OverflowError):
        return text
    number, unit = said.groups()
    return size if Fraction(number) * Fraction(ByteSize.byte_sizes[unit.lower() or "b"]) == size else text
