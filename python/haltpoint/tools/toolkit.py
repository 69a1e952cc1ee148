"""Tools that share an object: a class whose methods a model may call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, NamedTuple

from .callables import OPTIONS_ATTRIBUTE
from .options import DEFAULT_OPTIONS, ToolOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .callables import AnyFunction

__all__ = ["ToolKit", "ToolKitMethod", "toolkit_methods"]


class ToolKit:
    """Base of classes whose methods are tools.

    Give an instance to `Agent(tools=[...])` or `Task(tools=[...])`. Methods decorated with `@tool` are offered to the
    model; when none is, all public methods are. A method that overrides a decorated one keeps its options, unless
    it is decorated itself.
    """


class ToolKitMethod(NamedTuple):
    """A method of a toolkit, bound to its instance.

    Attributes:
        function: the bound method.
        options: what was said about it where it, or the method that it overrides, was decorated.
    """

    function: AnyFunction
    options: ToolOptions


def toolkit_methods(toolkit: ToolKit) -> list[ToolKitMethod]:
    """Return the methods of `toolkit` that are tools, in the order in which its classes define them."""
    options = {name: _inherited_options(type(toolkit), name) for name in _method_names(toolkit)}
    decorated = [name for name, found in options.items() if found is not None]
    chosen = decorated or [name for name in options if not name.startswith("_")]
    return [ToolKitMethod(getattr(toolkit, name), options[name] or DEFAULT_OPTIONS) for name in chosen]


def _method_names(toolkit: ToolKit) -> Iterator[str]:
    """Yield the names of all methods. Properties are not touched: reading one may do work."""
    classes = [cls for cls in reversed(type(toolkit).__mro__) if cls not in (object, ToolKit)]
    names = dict.fromkeys(name for cls in classes for name in vars(cls))
    for name in names:
        member = inspect.getattr_static(type(toolkit), name)
        if isinstance(member, (staticmethod, classmethod)) or inspect.isroutine(member):
            yield name


def _inherited_options(toolkit_class: type, name: str) -> ToolOptions | None:
    """Return the options of the nearest class that decorates `name`.

    Were they lost by overriding, a method that asks for confirmation would run without it.
    """
    for cls in toolkit_class.__mro__:
        member: object = vars(cls).get(name)
        function: object = getattr(member, "__func__", member)
        options: object = getattr(function, OPTIONS_ATTRIBUTE, None)
        if isinstance(options, ToolOptions):
            return options
    return None
