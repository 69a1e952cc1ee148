"""Running one tool call, in the loop or in a thread, with its timeout and retries, to the text that the model gets."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint.driving.threads import in_thread
from haltpoint.exceptions import ToolArgumentsError, ToolResultError
from haltpoint.tools.arguments import bind_journaled
from haltpoint.tools.context import ToolCallContext, tool_call_scope
from haltpoint.tools.results import render_result

if TYPE_CHECKING:
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["ToolOutcome", "run_tool"]

_FIRST_RETRY_DELAY = 0.1
_LONGEST_RETRY_DELAY = 5.0


class ToolOutcome(NamedTuple):
    """What a tool call came to.

    Attributes:
        content: the text that the model gets.
        is_error: the tool raised, timed out, or returned what has no form as text.
    """

    content: str
    is_error: bool = False


async def run_tool(definition: ToolDefinition, arguments_json: str, context: ToolCallContext) -> ToolOutcome:
    """Run a tool and return its outcome; whatever the tool raises is the outcome.

    A tool that declares `max_retries` is run again when it fails, which its declaration allows only for one that may
    be repeated.
    """
    try:
        arguments = bind_journaled(definition, arguments_json)
    except ToolArgumentsError as error:
        return _error(str(error))
    outcome = await _attempt(definition, arguments, context)
    for retry in range(definition.max_retries):
        if not outcome.is_error or context.cancelled:
            break
        await asyncio.sleep(min(_FIRST_RETRY_DELAY * 2**retry, _LONGEST_RETRY_DELAY))
        context = context.next_attempt()
        # Bound anew for each attempt: a tool may change what it was given.
        outcome = await _attempt(definition, bind_journaled(definition, arguments_json), context)
    return outcome


async def _attempt(definition: ToolDefinition, arguments: dict[str, Any], context: ToolCallContext) -> ToolOutcome:
    try:
        call = _call(definition, arguments, context)
        value = await (call if definition.timeout is None else _within(definition.timeout, call))
        return ToolOutcome(render_result(value))
    except ToolResultError as error:
        return _error(str(error))
    except _TimeoutPassedError:
        return _error(_timeout_message(definition))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any failure of a tool is an outcome, told to the model
        return _error(f"{type(error).__name__}: {error}")


async def _call(definition: ToolDefinition, arguments: dict[str, Any], context: ToolCallContext) -> Any:
    function = definition.function
    with tool_call_scope(context):
        value = (
            function(**arguments) if definition.is_async else await in_thread(functools.partial(function, **arguments))
        )
        return await value if inspect.isawaitable(value) else value


class _TimeoutPassedError(Exception):
    """The timeout of the call passed; the tool's own TimeoutError is not this."""


async def _within(timeout: float, coroutine: Any) -> Any:
    task = asyncio.ensure_future(coroutine)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout)
    except asyncio.CancelledError:
        await _stop(task)
        raise
    if not done:
        await _stop(task)
        raise _TimeoutPassedError
    return task.result()


async def _stop(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _timeout_message(definition: ToolDefinition) -> str:
    message = f"The tool did not finish within {definition.timeout:g} seconds."
    if definition.is_async:
        return f"{message} It was stopped; it may have taken effect in part."
    return f"{message} It cannot be stopped and may still take effect."


def _error(message: str) -> ToolOutcome:
    return ToolOutcome(message.encode("utf-8", "replace").decode(), is_error=True)
