"""Tools that share an object: a class whose methods a model may call."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

from .callables import OPTIONS_ATTRIBUTE, checked_tool_name, tool_name
from .options import DEFAULT_OPTIONS, ToolOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haltpoint._concurrency.async_functions import AnyFunction

__all__ = ["PrefixedToolKit", "ToolKit", "ToolKitMethod", "toolkit_methods"]


class ToolKit:
    """Base of classes whose methods are tools.

    Give an instance to `Agent(tools=[...])` or `Task(tools=[...])`. Methods decorated with `@tool` are offered to the
    model; when none is, all public methods are. A method that overrides a decorated one keeps its options, unless
    it is decorated itself. A `functools.partialmethod` is a tool under its own name, with the options of its method.
    """

    def with_prefix(self, prefix: str) -> PrefixedToolKit:
        """Return this toolkit with other tool names, to list two instances of one class: "work" makes `work_send`.

        A process that continues the run needs the toolkit with the same prefix.

        Raises:
            TypeError: the prefix is not a str.
            ValueError: a tool's name would be too long, or hold other characters than a-z, digits, _ and -.
        """
        return PrefixedToolKit(self, prefix)


@dataclass(frozen=True, slots=True)
class PrefixedToolKit:
    """A toolkit whose tools have other names, for `tools=[...]`. Made by `ToolKit.with_prefix`.

    Attributes:
        toolkit: the toolkit.
        prefix: what each tool's name begins with, before an underscore.
    """

    toolkit: ToolKit
    prefix: str

    def __post_init__(self) -> None:
        prefix = cast("object", self.prefix)
        if not isinstance(prefix, str):
            raise TypeError(f"the prefix of a toolkit must be a str, not {prefix!r}")
        if not prefix:
            raise ValueError("the prefix of a toolkit must not be empty")
        toolkit_methods(self)


class ToolKitMethod(NamedTuple):
    """A method of a toolkit, bound to its instance.

    Attributes:
        name: the model's name for it.
        function: the bound method.
        options: what was said about it where it, or the method that it overrides, was decorated.
    """

    name: str
    function: AnyFunction
    options: ToolOptions


def toolkit_methods(toolkit: ToolKit | PrefixedToolKit) -> list[ToolKitMethod]:
    """Return the methods of `toolkit` that are tools, in the order in which its classes define them.

    Raises:
        ValueError: no provider would accept the name of one.
    """
    if isinstance(toolkit, PrefixedToolKit):
        prefix, methods = toolkit.prefix, toolkit_methods(toolkit.toolkit)
        remedy = f"give the toolkit another prefix than {prefix!r}"
        return [item._replace(name=checked_tool_name(f"{prefix}_{item.name}", remedy)) for item in methods]
    options = {name: _inherited_options(type(toolkit), name) for name in _method_names(toolkit)}
    decorated = [name for name, found in options.items() if found is not None and not _is_hidden(toolkit, name)]
    chosen = decorated or [name for name in options if not name.startswith("_")]
    return [_method(toolkit, name, options[name] or DEFAULT_OPTIONS) for name in chosen]


def _method(toolkit: ToolKit, name: str, options: ToolOptions) -> ToolKitMethod:
    function: AnyFunction = getattr(toolkit, name)
    if isinstance(inspect.getattr_static(type(toolkit), name), functools.partialmethod):
        return ToolKitMethod(checked_tool_name(name, "give the partialmethod another name"), function, options)
    return ToolKitMethod(tool_name(function, options), function, options)


def _is_hidden(toolkit: ToolKit, name: str) -> bool:
    """Whether `name` is a private variant of a decorated method, which nobody decorated."""
    return name.startswith("_") and isinstance(inspect.getattr_static(type(toolkit), name), functools.partialmethod)


def _method_names(toolkit: ToolKit) -> Iterator[str]:
    """Yield the names of all methods. Properties are not touched: reading one may do work."""
    classes = [cls for cls in reversed(type(toolkit).__mro__) if cls not in (object, ToolKit)]
    names = dict.fromkeys(name for cls in classes for name in vars(cls))
    for name in names:
        member = inspect.getattr_static(type(toolkit), name)
        if isinstance(member, (staticmethod, classmethod, functools.partialmethod)) or inspect.isroutine(member):
            yield name


def _inherited_options(toolkit_class: type, name: str) -> ToolOptions | None:
    """Return the options of the nearest class that decorates `name`.

    Were they lost by overriding, a method that asks for confirmation would run without it.
    """
    found = (_options_in(vars(cls).get(name)) for cls in toolkit_class.__mro__)
    return next((options for options in found if options is not None), None)


def _options_in(member: object) -> ToolOptions | None:
    """Return the options of a class's member, or of the function that it wraps."""
    while member is not None:
        options: object = getattr(member, OPTIONS_ATTRIBUTE, None)
        if isinstance(options, ToolOptions):
            return options
        if isinstance(member, (functools.partialmethod, functools.partial)):
            member = member.func
        else:
            member = getattr(member, "__func__", None)
    return None
