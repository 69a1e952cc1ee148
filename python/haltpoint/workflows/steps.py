"""The `step` decorator: functions whose calls in a workflow are kept in its run's journal."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from haltpoint._concurrency.async_functions import is_async
from haltpoint._concurrency.threads import in_thread
from haltpoint.tools.callables import TOOL_ATTRIBUTE
from haltpoint.tools.decorator import tool
from haltpoint.tools.definition import ToolDefinition, define_tool
from haltpoint.tools.results import json_data
from haltpoint.workflows.branches import current_branch
from haltpoint.workflows.values import ValueType, returned_by

if TYPE_CHECKING:
    from haltpoint.tools.options import OnExpiry
    from haltpoint.tools.reconcile import InDoubtCall

__all__ = ["StepFunction", "step", "step_function"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Decorator(Protocol):
    @overload
    def __call__(self, function: Callable[_P, Coroutine[Any, Any, _R]], /) -> Callable[_P, Coroutine[Any, Any, _R]]: ...
    @overload
    def __call__(self, function: Callable[_P, _R], /) -> Callable[_P, Coroutine[Any, Any, _R]]: ...


class StepFunction:
    """What a step is besides the function that is called.

    Attributes:
        returns: the type of its results.
        as_tool: the function that runs where the step does; it returns the result's text.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.returns: ValueType = returned_by(function)
        self._signature = inspect.signature(function)
        parameters = self._signature.parameters.values()
        is_plain = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
        self._names = tuple(self._signature.parameters) if is_plain else None
        self.as_tool = tool(**options)(_as_tool(function, self.returns))

    @functools.cached_property
    def definition(self) -> ToolDefinition:
        """The step as a tool."""
        return define_tool(self.as_tool)

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by their names, as JSON data; not those that are left to their defaults.

        Raises:
            TypeError: they do not fit the parameters.
            ToolResultError: one has no JSON form.
        """
        if self._names is not None and not kwargs and len(args) == len(self._names):
            # What `bind` comes to here, without its cost at each step.
            bound = dict(zip(self._names, args, strict=True))
        else:
            bound = self._signature.bind(*args, **kwargs).arguments
        return {name: json_data(value) for name, value in bound.items()}


def _as_tool(function: Callable[..., Any], returns: ValueType) -> Callable[..., Any]:
    @functools.wraps(function)
    async def run_async(*args: Any, **kwargs: Any) -> str:
        return returns.write(await function(*args, **kwargs))

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> str:
        return returns.write(function(*args, **kwargs))

    return run_async if is_async(function) else run


@overload
def step(function: Callable[_P, Coroutine[Any, Any, _R]], /) -> Callable[_P, Coroutine[Any, Any, _R]]: ...


@overload
def step(function: Callable[_P, _R], /) -> Callable[_P, Coroutine[Any, Any, _R]]: ...


@overload
def step(
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


def step(function: Any = None, /, **options: Any) -> Any:
    """Declare a function to be a step: in the body of a workflow each of its calls is a tool call of the run.

    Used as `@step` or `@step(...)`. A finished call never runs again: a process that continues the run gets the result
    from the journal. Outside of a body it is the plain function; one that is not async is awaited all the same, and
    runs in a thread. `Agent(tools=[...])` takes it as the tool that it is.

    Arguments and results are JSON data, dataclasses or pydantic models. The function's annotations validate them.

    Args:
        function: the function, when the decorator is used without parentheses.
        **options: those of `haltpoint.tool`.

    Returns:
        An async function of the same parameters.

    Raises:
        TypeError: an unknown option, or one of the wrong type, or a function that can't be a tool.
        ValueError: options that contradict each other or the function's parameters.
    """
    if function is not None:
        return step_function(function, options)
    return functools.partial(step_function, options=options)


def step_function(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    """Return the function that asks for a step in a body, and is the plain function elsewhere."""
    known = StepFunction(function, options)

    @functools.wraps(function)
    async def asked_for(*args: Any, **kwargs: Any) -> Any:
        branch = current_branch()
        if branch is not None:
            return await branch.body.call(branch, known.definition, known.arguments(args, kwargs), known.returns)
        if is_async(function):
            return await cast("Awaitable[Any]", function(*args, **kwargs))
        return await in_thread(functools.partial(function, *args, **kwargs))

    setattr(asked_for, TOOL_ATTRIBUTE, known.as_tool)
    return asked_for


# It takes what `tool` takes, and help and editors read that from the running program.
vars(step)["__signature__"] = inspect.signature(tool)
