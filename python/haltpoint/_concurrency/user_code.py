"""Calling other people's code so that whatever it raises comes back as a value.

An asyncio task lets KeyboardInterrupt and SystemExit through to the loop, which ends with them, and takes a
CancelledError that the code raises for its own cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from haltpoint._concurrency import forked_calls
from haltpoint._concurrency.callbacks import call_back
from haltpoint._concurrency.calling_thread import CallInterruptedError
from haltpoint._concurrency.forked_calls import end_if_forked

__all__ = ["Answer", "answer_of", "is_taken_apart", "this_task"]


class Answer(NamedTuple):
    """What a function returned or raised.

    Attributes:
        value: what it returned.
        error: what it raised, if it did.
    """

    value: Any = None
    error: BaseException | None = None


async def answer_of(function: Callable[[], Any]) -> Answer:
    """Call back a function, plain or async, in a task of its own.

    Raises:
        asyncio.CancelledError: the calling task was cancelled, not the function by itself.
        KeyboardInterrupt: the function raised it: the program is to stop.
    """
    task = asyncio.ensure_future(_caught(function))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        raise
    answer = Answer(error=asyncio.CancelledError("it cancelled itself")) if task.cancelled() else task.result()
    if isinstance(answer.error, CallInterruptedError):
        raise KeyboardInterrupt from answer.error
    if isinstance(answer.error, KeyboardInterrupt):
        raise answer.error
    return answer


async def _caught(function: Callable[[], Any]) -> Answer:
    task = this_task()
    process = forked_calls.generation
    try:
        value = await call_back(function)
        end_if_forked(process)
        return Answer(value)
    except BaseException as error:
        end_if_forked(process, error)
        if isinstance(error, asyncio.CancelledError):
            raise
        if is_taken_apart(error, task):
            raise
        return Answer(error=error)


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
    return isinstance(error, GeneratorExit) and this_task() is not task
