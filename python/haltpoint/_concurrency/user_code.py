"""Calling other people's code so that whatever it raises comes back as a value.

An asyncio task lets KeyboardInterrupt and SystemExit through to the loop, which ends with them, and takes a
CancelledError that the code raises for its own cancellation.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from haltpoint._concurrency import forked_calls
from haltpoint._concurrency.async_functions import is_async
from haltpoint._concurrency.callbacks import call_back
from haltpoint._concurrency.calling_thread import CallInterruptedError
from haltpoint._concurrency.exception_kinds import interrupt_in, is_kind
from haltpoint._concurrency.forked_calls import end_if_forked
from haltpoint._concurrency.threads import in_thread
from haltpoint.exception_text import (
    ErrorTexts,
    calls_own_code,
    remembered_texts,
    texts_at_once,
    texts_of,
    texts_without_words,
)
from haltpoint.exceptions import TooManyThreadsError

__all__ = [
    "Answer",
    "answer_of",
    "cancelled_by_itself",
    "is_taken_apart",
    "read_texts",
    "read_where_it_ran",
    "this_task",
]

_Result = TypeVar("_Result")


class Answer(NamedTuple):
    """What a function returned or raised.

    Attributes:
        value: what it returned.
        error: what it raised, if it did.
        texts: what is shown of that.
    """

    value: Any = None
    error: BaseException | None = None
    texts: ErrorTexts = ErrorTexts("", "")


async def answer_of(function: Callable[[], Any], read: Callable[[Any], Any] | None = None) -> Answer:
    """Call back a function, plain or async, in a task of its own.

    Args:
        function: what to call.
        read: takes what it returns, which may be any object, and returns what is meant. What it raises counts as raised
            by the function.

    Raises:
        asyncio.CancelledError: the calling task was cancelled, not the function by itself.
        KeyboardInterrupt: the function raised it, alone or in a group: the program is to stop.
    """
    task = asyncio.ensure_future(_caught(function, read))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        raise
    answer = _cancelled_itself(task) if task.cancelled() else task.result()
    if is_kind(answer.error, CallInterruptedError):
        raise KeyboardInterrupt from answer.error
    interrupt = interrupt_in(answer.error)
    if interrupt is not None:
        raise interrupt
    return answer


async def read_where_it_ran(function: Callable[..., Any], read: Callable[[], _Result]) -> _Result:
    """Read what a function returned, which calls code of its own: beside the event loop for a plain function.

    Args:
        function: the function.
        read: reads it.
    """
    if is_async(function):
        return read()
    try:
        return await in_thread(read)
    except TooManyThreadsError:
        return read()


async def read_texts(error: BaseException) -> ErrorTexts:
    """Read what is shown of an exception, whose own text may take any time: beside the event loop, and once."""
    if not calls_own_code(error):
        return texts_of(error)
    try:
        return await in_thread(functools.partial(remembered_texts, error))
    except TooManyThreadsError:
        return texts_without_words(error)


async def _caught(function: Callable[[], Any], read: Callable[[Any], Any] | None) -> Answer:
    task = this_task()
    process = forked_calls.generation
    try:
        value = await call_back(function)
        end_if_forked(process)
        if read is not None:
            value = await read_where_it_ran(function, functools.partial(read, value))
        return Answer(value)
    except BaseException as error:
        end_if_forked(process, error)
        if is_kind(error, asyncio.CancelledError):
            raise
        if is_taken_apart(error, task):
            raise
        if is_kind(error, (KeyboardInterrupt, CallInterruptedError)):
            return Answer(error=error)
        return Answer(error=error, texts=await read_texts(error))


def _cancelled_itself(task: asyncio.Future[Any]) -> Answer:
    error = cancelled_by_itself(task) or asyncio.CancelledError("it cancelled itself")
    return Answer(error=error, texts=texts_at_once(error))


def cancelled_by_itself(task: asyncio.Future[Any]) -> BaseException | None:
    """Return the CancelledError with which a task ended, where it says anything."""
    try:
        task.exception()
    except asyncio.CancelledError as error:
        return error if error.args else None
    return None


def this_task() -> asyncio.Task[Any] | None:
    """Return the running task, if one runs."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def is_taken_apart(error: BaseException, task: asyncio.Task[Any] | None) -> bool:
    """Whether a coroutine gets GeneratorExit since its loop has gone, not because its code raised it.

    Args:
        error: what was caught.
        task: the task that the coroutine ran in.
    """
    return is_kind(error, GeneratorExit) and this_task() is not task
