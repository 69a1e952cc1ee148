"""What `functools.partial` has filled in, and a model can't say any more."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["bound_arguments", "same_function"]

_Function = Callable[..., Any]


def bound_arguments(function: _Function) -> dict[str, Any]:
    """Return the arguments that partials give to `function`, by the parameter's name.

    Partials around partials and below `functools.wraps` count; of two values for one parameter the outer one does.
    """
    bound: dict[str, Any] = {}
    for layer in _partials(function):
        positional = inspect.signature(layer.func).bind_partial(*layer.args).arguments if layer.args else {}
        bound = {**positional, **layer.keywords, **bound}
    return bound


def _partials(function: _Function) -> Iterator[functools.partial[Any]]:
    """Yield the partials that a call goes through, from the outside in."""
    seen: Any = function
    while True:
        if isinstance(seen, functools.partial):
            yield seen
            seen = seen.func
        elif inspect.ismethod(seen):
            seen = seen.__func__
        elif hasattr(seen, "__wrapped__") and not hasattr(seen, "__signature__"):
            # As `inspect.signature` does, which shows the parameters of what is wrapped.
            seen = seen.__wrapped__
        else:
            return


def same_function(first: _Function, second: _Function) -> bool:
    """Whether two functions do the same: they are equal, or partials of one function with the very same arguments."""
    if not (isinstance(first, functools.partial) and isinstance(second, functools.partial)):
        return first == second
    return (
        same_function(first.func, second.func)
        and _same_objects(first.args, second.args)
        and first.keywords.keys() == second.keywords.keys()
        and _same_objects(tuple(first.keywords.values()), tuple(second.keywords[name] for name in first.keywords))
    )


def _same_objects(first: tuple[object, ...], second: tuple[object, ...]) -> bool:
    return len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))
