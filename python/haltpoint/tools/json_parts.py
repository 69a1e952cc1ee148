"""Looking into JSON data of any kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .hidden_parts import MISSING

__all__ = ["as_list", "as_object", "value_at"]


def as_object(value: Any) -> dict[str, Any] | None:
    """Return a value that is an object; None for others."""
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def as_list(value: Any) -> list[Any] | None:
    """Return a value that is a list; None for others."""
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]


def value_at(value: Any, path: Iterable[str | int]) -> Any:
    """Return what stands at a place within a value; `MISSING` where nothing does."""
    for step in path:
        members, items = as_object(value), as_list(value)
        if isinstance(step, str):
            value = MISSING if members is None else members.get(step, MISSING)
        else:
            value = items[step] if items is not None and -len(items) <= step < len(items) else MISSING
    return value
