"""Tests that are coroutines."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["asynchronous", "until"]

_PATIENCE = 20.0


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that is a coroutine function on an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **options: Any) -> None:
        asyncio.run(test(*arguments, **options))

    return run


async def until(event: Any) -> None:
    """Wait for a `threading.Event` without holding up the loop."""
    assert await asyncio.to_thread(event.wait, _PATIENCE)
