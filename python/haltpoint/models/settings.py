"""The settings that provider models take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from haltpoint.given_numbers import is_finite

__all__ = ["SETTINGS", "validate_settings"]

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def validate_settings(settings: Mapping[str, Any]) -> None:
    """Check the names and the values of `Agent(settings=...)` for a provider model.

    | setting | value |
    | --- | --- |
    | `temperature`, `top_p` | a number, 0 or more |
    | `max_tokens` | tokens of one answer, 1 or more; by default the provider's own limit, for Anthropic the model's |
    | `seed` | an int, 0 or more; not for Anthropic, OpenAI Responses and Bedrock |
    | `stop_sequences` | a list of str; not for OpenAI Responses |
    | `reasoning_effort` | "none", "minimal", "low", "medium", "high", "xhigh" or "max"; not for Bedrock |
    | `parallel_tool_calls` | a bool; not for Gemini and Bedrock |
    | `timeout` | seconds that one request may take; by default 600 |
    | `max_response_bytes` | bytes of an answer that are read at most, up to 2**27; by default 64 MiB |
    | `extra_body` | a dict of further fields of the request's JSON body; not for Bedrock |
    | `extra_headers` | a dict of further HTTP headers |

    Raises:
        TypeError: an unknown setting, or a value of the wrong type.
        ValueError: a value out of range.
    """
    for name, value in settings.items():
        check = SETTINGS.get(name)
        if check is None:
            raise TypeError(f"unknown setting {name!r}; known are {', '.join(SETTINGS)}")
        if value is not None:
            check(name, value)


def _fail_type(name: str, wanted: str, value: object) -> TypeError:
    return TypeError(f"setting {name!r} must be {wanted}, not {type(value).__name__}")


def _number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _fail_type(name, "a number", value)
    if not (is_finite(value) and value >= 0):
        raise ValueError(f"setting {name!r} must be a finite number, 0 or more, not {value!r:.80}")


def _seconds(name: str, value: object) -> None:
    _number(name, value)
    if not 0 < cast("float", value) <= _LONGEST_TIMEOUT:
        raise ValueError(f"setting {name!r} must be more than 0 and at most {_LONGEST_TIMEOUT}")


def _int_from(minimum: int, maximum: int) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _fail_type(name, "an int", value)
        if not minimum <= value <= maximum:
            raise ValueError(f"setting {name!r} must be from {minimum} to {maximum}, not {value}")

    return check


def _bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise _fail_type(name, "a bool", value)


def _strings(name: str, value: object) -> None:
    if not isinstance(value, (list, tuple)):
        raise _fail_type(name, "a list of str", value)
    for item in cast("list[object]", value):
        if not isinstance(item, str):
            raise _fail_type(name, "a list of str", item)


def _effort(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise _fail_type(name, "a str", value)
    if value not in _EFFORTS:
        raise ValueError(f"setting {name!r} must be one of {', '.join(_EFFORTS)}, not {value!r}")


def _dict(name: str, value: object) -> None:
    if not isinstance(value, dict):
        raise _fail_type(name, "a dict", value)
    for key in cast("dict[object, object]", value):
        if not isinstance(key, str):
            raise _fail_type(name, "a dict with str keys", key)


def _headers(name: str, value: object) -> None:
    _dict(name, value)
    for text in cast("dict[str, object]", value).values():
        if not isinstance(text, str):
            raise _fail_type(name, "a dict of str to str", text)


_LONGEST_TIMEOUT = 86_400

SETTINGS: dict[str, Callable[[str, object], None]] = {
    "temperature": _number,
    "top_p": _number,
    "max_tokens": _int_from(1, 2**32 - 1),
    "seed": _int_from(0, 2**63 - 1),
    "stop_sequences": _strings,
    "reasoning_effort": _effort,
    "parallel_tool_calls": _bool,
    "timeout": _seconds,
    "max_response_bytes": _int_from(1, 2**27),
    "extra_body": _dict,
    "extra_headers": _headers,
}
