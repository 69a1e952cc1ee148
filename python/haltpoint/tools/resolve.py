"""From what users put into `tools=[...]` to the definitions of a run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator
from typing import Any, cast

from .callables import TOOL_ATTRIBUTE
from .definition import ToolDefinition, define_tool
from .partials import same_function
from .toolkit import PrefixedToolKit, ToolKit, toolkit_methods

__all__ = ["resolve_tools"]


def resolve_tools(items: Iterable[Any] | None) -> dict[str, ToolDefinition]:
    """Return the tools by name, in order.

    Args:
        items: functions (decorated or plain), callable objects, bound methods, `ToolKit` instances, those with a
            prefix, and definitions. The same tool may be listed more than once.

    Raises:
        TypeError: an item can't be a tool.
        ValueError: two different tools have the same name.
    """
    tools: dict[str, ToolDefinition] = {}
    for item in _listed(items):
        for definition in _definitions(item):
            present = tools.setdefault(definition.name, definition)
            if present is not definition and not same_function(present.function, definition.function):
                raise ValueError(
                    f"two tools are named {definition.name!r}: {_place(present)} and {_place(definition)}; "
                    f"{_how_to_rename(present, definition)}"
                )
    return tools


def _how_to_rename(*definitions: ToolDefinition) -> str:
    toolkits = [owner for definition in definitions if isinstance(owner := _owner(definition.function), ToolKit)]
    if toolkits:
        name = type(toolkits[-1]).__qualname__.rpartition(".")[2]
        return f'give one toolkit a prefix of its own, as in tools=[{name}(...).with_prefix("other")]'
    if all(inspect.isfunction(definition.function) for definition in definitions):
        return "rename one with @tool(name=...)"
    return 'rename one, as in tools=[tool(name="other")(functools.partial(...))]'


def _owner(function: Any) -> object:
    """The object whose method it is, where it is one."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__self__", None)


def _place(definition: ToolDefinition) -> str:
    return f"{definition.module}.{definition.qualname}"


def _listed(items: Iterable[Any] | None) -> list[Any]:
    if items is None:
        return []
    given = cast("object", items)
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"tools must be a list of functions and toolkits, not {given!r}")
    return list(items)


def _definitions(item: Any) -> Iterator[ToolDefinition]:
    if isinstance(item, ToolDefinition):
        yield item
    elif isinstance(item, (ToolKit, PrefixedToolKit)):
        for method in toolkit_methods(item):
            definition = define_tool(method.function, method.options)
            yield definition if definition.name == method.name else definition.renamed(method.name)
    elif inspect.isclass(item):
        raise TypeError(f"{item.__qualname__} is a class; hand over an instance: {item.__qualname__}()")
    elif callable(item):
        yield define_tool(getattr(item, TOOL_ATTRIBUTE, item))
    else:
        raise TypeError(f"{item!r} can't be a tool: give functions, methods, callable objects or ToolKit instances")
