"""Asking a model, with bounded retries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from haltpoint.exceptions import HaltpointError, ModelError
from haltpoint.models.base import as_reply

if TYPE_CHECKING:
    from haltpoint.models.base import Model, ModelReply, ModelRequest

__all__ = ["ask", "retry_delay"]

_Accepted = TypeVar("_Accepted")

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0


async def ask(
    model: Model, request: ModelRequest, attempts: int, accept: Callable[[ModelReply, int], Awaitable[_Accepted]]
) -> _Accepted:
    """Return what `accept` makes of the model's reply.

    Args:
        model: who is asked.
        request: what.
        attempts: how often the model is asked at most, the first time included.
        accept: async; takes the reply and which attempt brought it; raises ModelError for one that can't be used.

    Raises:
        ModelError: the last attempt failed, or one failed in a way that asking again cannot mend.
    """
    attempt = 1
    while True:
        try:
            return await accept(as_reply(await model.request(request), model.name), attempt)
        except ModelError as error:
            failure = error
        except HaltpointError:
            # Not the provider's doing: asking again would not mend it.
            raise
        except Exception as error:  # noqa: BLE001 - a model may be anybody's code: what it raises is the run's error
            failure = _wrapped(error, model.name)
        if not failure.retryable or attempt >= attempts:
            raise failure
        await asyncio.sleep(retry_delay(attempt, failure.retry_after))
        attempt += 1


def retry_delay(attempt: int, retry_after: float | None) -> float:
    """Return how long to wait after that attempt, in seconds.

    What the provider asks for, or exponential backoff with jitter.
    """
    if retry_after is not None:
        return max(retry_after, 0.0)
    backoff: float = min(_FIRST_DELAY * 2 ** min(attempt - 1, 16), _LONGEST_DELAY)
    return backoff * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing


def _wrapped(error: Exception, name: str) -> ModelError:
    failure = ModelError(f"model {name!r} raised {type(error).__name__}: {error}", retryable=True)
    failure.__cause__ = error
    return failure
