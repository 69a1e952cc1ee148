"""Whether checking arguments calls other people's code, which may take its time: such code runs in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from .plain_types import PlainAdapter

if TYPE_CHECKING:
    from .schema import ToolParameter

__all__ = ["calls_foreign_code"]

# Where pydantic's core is told to call a function: validators, default factories, and methods of classes.
_FUNCTIONS = frozenset({"function", "default_factory", "custom_init", "post_init", "missing"})


def calls_foreign_code(parameters: Iterable[ToolParameter]) -> bool:
    """Whether validating one of the parameters calls a Python function."""
    return any(_calls_function(parameter.adapter) for parameter in parameters)


def _calls_function(adapter: object) -> bool:
    if isinstance(adapter, PlainAdapter):
        return False
    pending: list[object] = [getattr(adapter, "core_schema", None)]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            schema = cast("Mapping[str, Any]", item)
            if any(schema.get(name) for name in _FUNCTIONS):
                return True
            pending.extend(value for key, value in schema.items() if key not in ("metadata", "serialization"))
        elif isinstance(item, (list, tuple)):
            pending.extend(cast("Iterable[object]", item))
    return False
