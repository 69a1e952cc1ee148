"""Types as a person reads them: `list[str]`, `int | None`, `Literal['a', 'b']`."""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

__all__ = ["accepts_none", "type_name"]

_UNIONS = (Union, types.UnionType)


def type_name(hint: Any) -> str:
    """Return the readable name of an evaluated annotation. An enumeration is shown by the values to choose from."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in _UNIONS:
        return " | ".join(type_name(argument) for argument in arguments)
    if origin is Literal:
        return _choices(arguments)
    if origin is not None and arguments:
        return f"{_plain_name(origin)}[{', '.join(type_name(argument) for argument in arguments)}]"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choices(hint)
    return _plain_name(hint)


def _choices(values: Any) -> str:
    plain = (value.value if isinstance(value, Enum) else value for value in values)
    return f"Literal[{', '.join(map(repr, plain))}]"


def _plain_name(hint: Any) -> str:
    if hint is Any:
        return "any"
    if hint is None or hint is types.NoneType:
        return "None"
    if hint is Ellipsis:
        return "..."
    return str(getattr(hint, "__name__", hint))


def accepts_none(hint: Any) -> bool:
    """Whether None is among the values of an evaluated annotation."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return accepts_none(arguments[0])
    if origin in _UNIONS:
        return any(accepts_none(argument) for argument in arguments)
    return hint in (Any, None, types.NoneType)
