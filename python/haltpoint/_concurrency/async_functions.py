"""Which function of a callable object runs, whether it is async, and whether what it returns is awaited."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = [
    "AnyFunction",
    "AwaitedElsewhere",
    "check_no_generator",
    "generator_error",
    "implementation",
    "is_async",
    "is_generator",
    "is_meant_to_be_awaited",
]

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


def check_no_generator(name: str, function: object) -> None:
    """Check that a function which is called back is no generator function, of which nothing would run.

    Args:
        name: what the function is, for the error.
        function: the function; anything else passes.

    Raises:
        TypeError: it is one, plain or async.
    """
    if not callable(function):
        return
    runs = implementation(function)
    if inspect.isgeneratorfunction(runs) or inspect.isasyncgenfunction(runs):
        raise generator_error(name)


def generator_error(name: str) -> TypeError:
    """Return the error for a function that is a generator, or returns one."""
    return TypeError(
        f"{name} must be a plain or async function, and this one is or returns a generator, which nobody reads: "
        "nothing of it would run. Do it in the function itself, without yield"
    )


def is_generator(value: object) -> bool:
    """Return whether a value is a generator, plain or async."""
    return inspect.isgenerator(value) or inspect.isasyncgen(value)


class AwaitedElsewhere:
    """The base of objects that a program awaits for what they stand for.

    A function of the user's that returns one returns the object itself: who called the function awaits nothing.
    """


def is_meant_to_be_awaited(answer: object) -> bool:
    """Whether what a function of the user's returned is to be awaited for what the function means to return."""
    return inspect.isawaitable(answer) and not isinstance(answer, AwaitedElsewhere)
