"""Asking a model, with bounded retries.

A model may be anybody's code: what it raises is the run's error, whatever it is.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from haltpoint._concurrency import forked_calls
from haltpoint._concurrency.exception_kinds import interrupt_in, is_kind
from haltpoint._concurrency.forked_calls import end_if_forked
from haltpoint._concurrency.user_code import is_taken_apart, read_texts
from haltpoint.exceptions import ForkedProcessError, HaltpointError, ModelError, WorkflowChangedError
from haltpoint.logs import log_failure, logger
from haltpoint.models.base import as_reply

if TYPE_CHECKING:
    from haltpoint.models.base import Model, ModelReply, ModelRequest

__all__ = ["ask", "retry_delay"]

_Accepted = TypeVar("_Accepted")

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_LONGEST_ASKED_FOR = 600.0

_log = logger("models")


async def ask(
    model: Model,
    request: ModelRequest,
    attempts: int,
    accept: Callable[[ModelReply, int], Awaitable[_Accepted]],
    *,
    is_awaited: Callable[[asyncio.Task[Any] | None], bool],
) -> _Accepted:
    """Return what `accept` makes of the model's reply.

    Args:
        model: who is asked.
        request: what.
        attempts: how often the model is asked at most, the first time included.
        accept: async; takes the reply and which attempt brought it; raises ModelError for one that can't be used.
        is_awaited: takes the task that asks; whether its reply is still wanted. A cancellation that comes while it is
            is the model's own.

    Raises:
        ModelError: the last attempt failed, or one failed in a way that asking again cannot mend.
        KeyboardInterrupt: the model raised it: the program is to stop.
    """
    attempt, task = 1, asyncio.current_task()
    while True:
        process = forked_calls.generation
        try:
            # In place, not in a coroutine of its own: each step of a run comes by here.
            try:
                answer: object = await model.request(request)
                if process != forked_calls.generation:
                    end_if_forked(process)
                reply = as_reply(answer, model.name)
            except BaseException as error:
                end_if_forked(process, error)
                meant = await _meaning(error, model.name, task, is_awaited)
                if meant is error:
                    raise
                raise meant from error
            return await accept(reply, attempt)
        except ModelError as error:
            failure = error
        except (HaltpointError, asyncio.CancelledError, KeyboardInterrupt):
            # Not the provider's doing: asking again would not mend it.
            raise
        except BaseException as error:
            # A reply may hold objects that fail with anything when they are read.
            if is_taken_apart(error, task):
                raise
            failure = await _wrapped(error, model.name)
        if not failure.retryable or attempt >= attempts:
            raise failure
        await _wait_after(failure, attempt, f"attempt {attempt} of {attempts} to ask {model.name!r} failed")
        attempt += 1


async def _meaning(
    error: BaseException,
    name: str,
    task: asyncio.Task[Any] | None,
    is_awaited: Callable[[asyncio.Task[Any] | None], bool],
) -> BaseException:
    """Return what a model's exception means to the run: the exception itself, or the ModelError that it is."""
    interrupt = interrupt_in(error)
    if interrupt is not None:
        return interrupt
    if is_kind(error, (ModelError, ForkedProcessError, WorkflowChangedError)) or is_taken_apart(error, task):
        if is_kind(error, ModelError):
            # It is written on the event loop, with its causes.
            await read_texts(error)
        return error
    if is_kind(error, asyncio.CancelledError):
        # Who cancels all that runs on the loop cancels the run with it: let it say so first.
        await asyncio.sleep(0)
        if not is_awaited(task):
            return error
    return await _wrapped(error, name)


async def _wait_after(failure: ModelError, attempt: int, what: str) -> None:
    delay = retry_delay(attempt, failure.retry_after)
    log_failure(_log, f"{what}; again in {delay:.1f} s", failure)
    await asyncio.sleep(delay)


def retry_delay(attempt: int, retry_after: float | None) -> float:
    """Return how long to wait after that attempt, in seconds.

    What the provider asks for, at most ten minutes, or exponential backoff with jitter.
    """
    # Whole numbers may be larger than any float; neither infinity nor what is no number lies between these.
    if isinstance(retry_after, (int, float)) and -math.inf < retry_after < math.inf:
        return float(min(max(retry_after, 0), _LONGEST_ASKED_FOR))
    backoff: float = min(_FIRST_DELAY * 2 ** min(attempt - 1, 16), _LONGEST_DELAY)
    return backoff * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing


async def _wrapped(error: BaseException, name: str) -> ModelError:
    # An error of haltpoint in a model comes from a run within it: asking again would not mend it.
    is_retryable = not is_kind(error, HaltpointError)
    failure = ModelError(f"model {name!r} raised {(await read_texts(error)).summary}", retryable=is_retryable)
    failure.__cause__ = error
    # Where the run ends with it, that is written on the event loop.
    await read_texts(failure)
    return failure
