"""Which function of a callable object runs, and whether it is async."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["AnyFunction", "implementation", "is_async"]

AnyFunction: TypeAlias = Callable[..., Any]


def implementation(function: AnyFunction) -> AnyFunction:
    """Return the function that runs: behind partials and bound methods, or a callable object's `__call__`."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif inspect.isroutine(function) or inspect.isclass(function):
            return function
        else:
            return implementation(type(function).__call__)


def is_async(function: AnyFunction) -> bool:
    """Return whether calling `function` gives an awaitable."""
    return inspect.iscoroutinefunction(implementation(function))
