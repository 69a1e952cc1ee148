"""From what a tool returned to the text that the model reads."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import ToolResultError

from .json_form import MAX_DEPTH, NotJsonError, check_text, dump_json

__all__ = ["json_data", "plain_data", "render_result"]

_SEQUENCES = (list, tuple, set, frozenset, deque)


def render_result(value: object) -> str:
    """Return the text that stands for a tool's result.

    A str is returned as it is. Everything else becomes compact JSON text: None, numbers, containers, dataclasses,
    pydantic models, enumerations, times, UUIDs, decimals and paths.

    Raises:
        ToolResultError: the value has no JSON form: it holds bytes, a number that is not finite, a lone surrogate or
            an object of another kind, or it is cyclic or nested too deep.
    """
    try:
        text = value if type(value) is str else _json(value)
        check_text(text)
    except NotJsonError as error:
        raise ToolResultError(
            f"The tool's result, of type {type(value).__name__}, can't be given to a model: it {error}."
        ) from error
    return text


def plain_data(value: object) -> Any:
    """Return what `render_result` writes, as JSON data.

    Raises:
        NotJsonError: the value has no JSON form.
    """
    try:
        return _plain(value, 0)
    except RecursionError as error:
        raise _too_deep() from error


def json_data(value: object) -> Any:
    """Return a value in terms of dict, list, str, int, float, bool and None.

    Raises:
        ToolResultError: it has no JSON form, see `render_result`.
    """
    try:
        return plain_data(value)
    except ValueError as error:
        raise ToolResultError(
            f"The value, of type {type(value).__name__}, can't be kept as JSON: it {error}."
        ) from error


def _json(value: object) -> str:
    if isinstance(value, str) and not isinstance(value, Enum):
        return str(value)
    try:
        plain = _plain(value, 0)
        return str(plain) if isinstance(value, str) else dump_json(plain)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        if isinstance(error, NotJsonError):
            raise
        raise NotJsonError(f"can't be written as JSON ({error})") from error


def _too_deep() -> NotJsonError:
    return NotJsonError(f"is cyclic, or nested deeper than {MAX_DEPTH} levels")


def _plain(value: object, depth: int) -> Any:
    """Return `value` in terms of dict, list, str, int, float, bool and None."""
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, Enum):
        return _plain(value.value, depth)
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_key(key): _plain(item, depth + 1) for key, item in items}
    if isinstance(value, _SEQUENCES):
        return [_plain(member, depth + 1) for member in cast("Iterable[object]", value)]
    return _plain_object(value, depth)


def _plain_object(value: object, depth: int) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise NotJsonError("holds bytes; return text, or the bytes as base64 text")
    serializer = getattr(type(value), "__pydantic_serializer__", None)
    if serializer is not None:
        # Pydantic would write bytes as text and NaN as null, so its Python form is looked through first. A type such
        # as SecretStr is its own Python form.
        parts: object = serializer.to_python(value, mode="python", warnings=False)
        if parts is not value:
            _plain(parts, depth + 1)
        return serializer.to_python(value, mode="json", warnings=False)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), depth + 1) for field in dataclasses.fields(value)}
    return _plain_scalar(value)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise NotJsonError(f"holds {value}, which JSON does not know; return None or text in its place")
    return value


def _plain_scalar(value: object) -> Any:
    """Return the text or number by which JSON shows times, UUIDs, decimals, paths and the like."""
    # Slow to load, and not needed for text, numbers and containers.
    with no_fork:
        from pathlib import PurePath

        from pydantic_core import PydanticSerializationError, to_jsonable_python
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Iterable):
        # An iterator can be read once and may never end.
        raise _unknown(cast("object", value), "return a list of its items")

    try:
        return to_jsonable_python(value)
    except (PydanticSerializationError, TypeError) as error:
        raise _unknown(value, "return text, or a dict, list, dataclass or pydantic model") from error


def _unknown(value: object, advice: str) -> NotJsonError:
    kind = type(value)
    return NotJsonError(
        f"holds an object of type {kind.__module__}.{kind.__qualname__}, which has no JSON form; {advice}"
    )


def _key(key: object) -> str:
    plain = _plain(key, 0)
    if isinstance(plain, str):
        # Not by a method of a class that somebody derived from str.
        return str.__str__(plain)
    if plain is None or isinstance(plain, (int, float)):
        return dump_json(plain)
    raise NotJsonError(f"has the key {key!r}, and JSON has only text for keys")
