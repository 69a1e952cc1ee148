"""A model made of a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from haltpoint.models.base import ModelReply, ModelRequest, as_reply

__all__ = ["FunctionModel", "ReplyFunction"]

Answer: TypeAlias = "ModelReply | str"
ReplyFunction: TypeAlias = "Callable[[ModelRequest], Answer | Awaitable[Answer]]"


class FunctionModel:
    """A model that answers with what a function returns.

    A plain function is called on the event loop and holds it until it returns, and no synchronous method of haltpoint
    works in it: give an async function for anything that waits.

    Args:
        function: takes the ModelRequest, returns a ModelReply or a str (the text of one); plain or async
            function, or any object that can be called.
        name: how runs record the model; by default the function's name.

    Raises:
        TypeError: `function` can't be called.
    """

    def __init__(self, function: ReplyFunction, name: str | None = None) -> None:
        if not callable(function):
            raise TypeError(f"FunctionModel needs a function of the request, got {type(function).__name__}")
        self.name: str = name or str(getattr(function, "__name__", type(function).__name__))
        self._function = function

    async def request(self, request: ModelRequest) -> ModelReply:
        """Call the function.

        Raises:
            TypeError: it returned neither a ModelReply nor a str. Its own exceptions pass through.
        """
        return await call_reply_function(self._function, request, self.name)

    def __repr__(self) -> str:
        return f"FunctionModel({self.name!r})"


async def call_reply_function(function: ReplyFunction, request: ModelRequest, model_name: str) -> ModelReply:
    """Call a plain or async `function` and return its answer as a ModelReply."""
    answer = function(request)
    if isinstance(answer, ModelReply):
        return answer
    if isinstance(answer, Awaitable):
        answer = await answer
    return as_reply(answer, model_name)
