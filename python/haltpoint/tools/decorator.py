"""The `tool` decorator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, overload

from .callables import OPTIONS_ATTRIBUTE, check_tool, options_of
from .options import DEFAULT_OPTIONS, ToolOptions
from .registry import register_tool

if TYPE_CHECKING:
    from haltpoint._concurrency.async_functions import AnyFunction

    from .options import OnExpiry
    from .reconcile import InDoubtCall

__all__ = ["mark_tool", "tool"]

# A type variable for the whole function: the decorator gives back the very object that it was given, and so keeps
# its parameters, overloads and documentation for type checkers.
_Function = TypeVar("_Function", bound="Callable[..., Any] | classmethod[Any, Any, Any]")

# What haltpoint's own tools say alone.
_INTERNAL = frozenset({"dynamic_user_input", "fixed_arguments"})
_OPTION_NAMES = [option.name for option in fields(ToolOptions) if option.name not in _INTERNAL]


class _Decorator(Protocol):
    def __call__(self, function: _Function, /) -> _Function: ...


@overload
def tool(function: _Function, /) -> _Function: ...


@overload
def tool(
    *,
    requires_confirmation: bool | Callable[..., bool | Awaitable[bool]] = False,
    requires_user_input: bool = False,
    user_input_fields: Sequence[str] = (),
    external_execution: bool = False,
    expires_after: float | None = None,
    on_expiry: OnExpiry = "reject",
    approvals: int = 1,
    always_ask: bool = False,
    read_only: bool = False,
    idempotent: bool = False,
    reconcile: Callable[[InDoubtCall], Any] | None = None,
    stop_after_tool_call: bool = False,
    sequential: bool = False,
    timeout: float | None = None,
    max_retries: int = 0,
    sensitive: Sequence[str] = (),
    name: str | None = None,
    description: str | None = None,
    strict: bool = False,
) -> _Decorator: ...


def tool(function: Any = None, /, **options: Any) -> Any:
    """Declare a plain or async function, or a method of a `ToolKit`, to be a tool that a model may call.

    Used as `@tool` or `@tool(...)`. The function stays as it is and can be called as before; the human
    flags concern calls by a model only. At most one of `requires_confirmation`, `requires_user_input` and
    `external_execution` is true. A `functools.partial` of a tool keeps those of the tool's options that are
    not given here, as in `tool(name="pay_bob")(partial(pay, to="bob"))`. The model does not see what it fills in.

    Args:
        function: the function, when the decorator is used without parentheses.
        **options: the fields of `ToolOptions`, which explains each.

    Returns:
        The same function, or, with parentheses, the decorator.

    Raises:
        TypeError: an unknown option, an option of the wrong type, or a function with parameters that can't be
            passed by name (`*args`, `**kwargs`, positional-only).
        ValueError: options that contradict each other or the function's parameters, or an unusable name.
    """
    unknown = [name for name in options if name not in _OPTION_NAMES]
    if unknown:
        raise TypeError(f"@tool knows no option {', '.join(unknown)}; it knows: {', '.join(_OPTION_NAMES)}")
    checked = ToolOptions(**options) if options else DEFAULT_OPTIONS
    if function is not None:
        return mark_tool(function, _options_for(function, options, checked))

    def decorate(decorated: _Function) -> _Function:
        return mark_tool(decorated, _options_for(decorated, options, checked))

    return decorate


def _options_for(function: object, given: dict[str, Any], checked: ToolOptions) -> ToolOptions:
    # A partial that is given a name must not lose the confirmation of what it calls.
    is_partial = isinstance(function, functools.partial)
    return replace(options_of(cast("AnyFunction", function)), **given) if is_partial else checked


def mark_tool(function: _Function, options: ToolOptions) -> _Function:
    """Attach `options` to `function` and register it; return the same object.

    Raises:
        TypeError: this can't be a tool.
        ValueError: the options do not fit the function.
    """
    target = _decorated_function(function)
    check_tool(target, options)
    try:
        setattr(target, OPTIONS_ATTRIBUTE, options)
    except AttributeError as error:
        raise TypeError(f"{target!r} can't carry the options of a tool; wrap it in a function of your own") from error
    register_tool(target, options)
    return function


def _decorated_function(function: object) -> AnyFunction:
    if isinstance(function, (staticmethod, classmethod)):
        return cast("AnyFunction", function.__func__)  # pyright: ignore[reportUnknownMemberType]
    if not callable(function):
        raise TypeError(f"@tool decorates a function, and this is no function: {function!r}")
    if inspect.isclass(function):
        raise TypeError(
            f"@tool decorates functions and methods, not classes; decorate the methods of "
            f"{function.__qualname__} and hand an instance to the agent"
        )
    return cast("AnyFunction", function)


def _signature() -> inspect.Signature:
    """What `tool` takes, for `help` and editors that read it from the running program."""
    function = inspect.Parameter("function", inspect.Parameter.POSITIONAL_ONLY, default=None)
    options = [
        inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.type)
        for option in fields(ToolOptions)
        if option.name in _OPTION_NAMES
    ]
    return inspect.Signature([function, *options])


vars(tool)["__signature__"] = _signature()
