"""Running one tool call, in the loop or in a thread, with its timeout and retries, to the text that the model gets."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from haltpoint._concurrency import forked_calls
from haltpoint._concurrency.async_functions import is_meant_to_be_awaited
from haltpoint._concurrency.exception_kinds import interrupt_in, is_kind
from haltpoint._concurrency.forked_calls import end_if_forked
from haltpoint._concurrency.threads import in_thread
from haltpoint._concurrency.user_code import is_taken_apart, read_texts
from haltpoint.exception_text import ErrorTexts, calls_own_code, texts_of
from haltpoint.exceptions import ToolArgumentsError, ToolResultError
from haltpoint.logs import log_failure, logger
from haltpoint.tools.context import ToolCallContext, enter_tool_call, leave_tool_call
from haltpoint.tools.results import render_result

if TYPE_CHECKING:
    from haltpoint.sensitive import Masking
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["Arguments", "ToolOutcome", "run_tool"]

Arguments: TypeAlias = "Callable[[], dict[str, Any]]"

_FIRST_RETRY_DELAY = 0.1
_LONGEST_RETRY_DELAY = 5.0

# How long an async tool may take to end after it was cancelled, in seconds: one may swallow that and go on for ever.
_TIME_TO_STOP = 1.0

_COROUTINE: type = CoroutineType

_log = logger("tools")


class ToolOutcome(NamedTuple):
    """What a tool call came to.

    Attributes:
        content: the text that the model gets.
        is_error: the tool raised, timed out, or returned what has no form as text.
        error: what the tool raised, if it did.
        traceback: the text of that, for people who debug, with sensitive arguments masked.
    """

    content: str
    is_error: bool = False
    error: BaseException | None = None
    traceback: str | None = None


async def run_tool(
    definition: ToolDefinition, arguments: Arguments, context: ToolCallContext, masking: Masking | None = None
) -> ToolOutcome:
    """Run a tool and return its outcome; whatever the tool raises is the outcome.

    A tool that declares `max_retries` is run again when it fails, which its declaration allows only for one that may
    be repeated.

    Args:
        definition: the tool.
        arguments: makes the keyword arguments of one attempt.
        context: what the tool sees of its call.
        masking: masks the sensitive arguments in logs, where there are any.

    Raises:
        asyncio.CancelledError: the calling task was cancelled, or an async tool cancelled itself.
        KeyboardInterrupt: the tool raised it: the program is to stop.
    """
    outcome = await _attempt(definition, arguments, context, masking)
    for retry in range(definition.max_retries):
        if not outcome.is_error or is_kind(outcome.error, ToolArgumentsError) or context.cancelled:
            break
        await asyncio.sleep(min(_FIRST_RETRY_DELAY * 2**retry, _LONGEST_RETRY_DELAY))
        context = context.next_attempt()
        outcome = await _attempt(definition, arguments, context, masking)
    return outcome


def _attempt(
    definition: ToolDefinition, arguments: Arguments, context: ToolCallContext, masking: Masking | None
) -> Awaitable[ToolOutcome]:
    call = _called(definition, arguments, context, masking)
    return call if definition.timeout is None else _timed(definition, definition.timeout, call)


async def _timed(definition: ToolDefinition, timeout: float, call: Awaitable[ToolOutcome]) -> ToolOutcome:
    try:
        return await _within(timeout, call)
    except _TimeoutPassedError as passed:
        return ToolOutcome(_timeout_message(definition, has_ended=passed.has_ended), is_error=True)


async def _called(
    definition: ToolDefinition, arguments: Arguments, context: ToolCallContext, masking: Masking | None
) -> ToolOutcome:
    process = forked_calls.generation
    task = asyncio.current_task()
    token = enter_tool_call(context)
    try:
        # All of it where the tool itself runs: reading what it raises or returns calls code of its own, too.
        if definition.is_async:
            found = _call(definition, arguments, context, masking)
        else:
            found = await in_thread(functools.partial(_call, definition, arguments, context, masking))
        if isinstance(found, ToolOutcome):
            return found
        value = await found
        if process != forked_calls.generation:
            end_if_forked(process)
        return ToolOutcome(render_result(value))
    except BaseException as error:
        end_if_forked(process, error)
        if is_kind(error, asyncio.CancelledError):
            raise
        if is_taken_apart(error, task):
            raise
        return await _failed_on_loop(definition, context, error, masking)
    finally:
        leave_tool_call(token)


def _call(
    definition: ToolDefinition, arguments: Arguments, context: ToolCallContext, masking: Masking | None
) -> ToolOutcome | Awaitable[Any]:
    """Call the tool's function; return its outcome, or what is to be awaited for it."""
    process = forked_calls.generation
    try:
        # Bound anew for each attempt: a tool may change what it was given.
        value = definition.function(**arguments())
        if process != forked_calls.generation:
            end_if_forked(process)
        # A coroutine, mostly: the general question is a slow one.
        is_awaitable = type(value) is _COROUTINE or is_meant_to_be_awaited(value)
        return value if is_awaitable else ToolOutcome(render_result(value))
    except BaseException as error:  # noqa: BLE001 - any failure of a tool is an outcome, told to the model
        end_if_forked(process, error)
        return _failed(definition, context, error, masking)


def _failed(
    definition: ToolDefinition, context: ToolCallContext, error: BaseException, masking: Masking | None
) -> ToolOutcome:
    interrupt = interrupt_in(error)
    if interrupt is not None:
        raise interrupt
    return _outcome(definition, context, error, masking, texts_of(error))


def _outcome(
    definition: ToolDefinition,
    context: ToolCallContext,
    error: BaseException,
    masking: Masking | None,
    texts: ErrorTexts,
) -> ToolOutcome:
    what = f"{definition.name} failed (call {context.tool_call_id} of run {context.run_id})"
    log_failure(_log, what, error, texts, masking)
    # Some are written for the model.
    content = texts.message if is_kind(error, (ToolArgumentsError, ToolResultError)) else texts.summary
    trace = texts.traceback if masking is None else masking.text(texts.traceback)
    return ToolOutcome(content, is_error=True, error=error, traceback=trace)


async def _failed_on_loop(
    definition: ToolDefinition, context: ToolCallContext, error: BaseException, masking: Masking | None
) -> ToolOutcome:
    """Do the same for what an async tool raised, whose text may take any time: no other run waits for it."""
    if interrupt_in(error) is None and calls_own_code(error):
        return _outcome(definition, context, error, masking, await read_texts(error))
    return _failed(definition, context, error, masking)


class _TimeoutPassedError(Exception):
    """The timeout of the call passed; the tool's own TimeoutError is not this."""

    def __init__(self, *, has_ended: bool) -> None:
        super().__init__(has_ended)
        self.has_ended = has_ended


async def _within(timeout: float, call: Any) -> ToolOutcome:
    task = asyncio.ensure_future(_without_interrupt(call))
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout)
    except asyncio.CancelledError:
        await _stop(task)
        raise
    if not done:
        raise _TimeoutPassedError(has_ended=await _stop(task))
    outcome = task.result()
    if isinstance(outcome, KeyboardInterrupt):
        raise outcome
    return outcome


async def _without_interrupt(call: Awaitable[ToolOutcome]) -> ToolOutcome | KeyboardInterrupt:
    """A task that ends with KeyboardInterrupt takes the loop along."""
    try:
        return await call
    except KeyboardInterrupt as error:
        return error


async def _stop(task: asyncio.Future[Any]) -> bool:
    """Cancel a call; return whether it has ended."""
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=_TIME_TO_STOP)
    return bool(done)


def _timeout_message(definition: ToolDefinition, *, has_ended: bool) -> str:
    message = f"The tool did not finish within {definition.timeout:g} seconds."
    if definition.is_async and has_ended:
        return f"{message} It was stopped; it may have taken effect in part."
    return f"{message} It cannot be stopped and may still take effect."
