"""The threads that plain functions run in, so that a slow one does not hold up the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_thread"]

_Result = TypeVar("_Result")

# A bound against running out of threads, not a target: threads are made when all others are busy.
_MOST_THREADS = 256

_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


async def in_thread(call: Callable[[], _Result]) -> _Result:
    """Call a plain function in one of the threads, in the caller's context, and return its result."""
    run = functools.partial(contextvars.copy_context().run, call)
    return await asyncio.wrap_future(_tool_threads().submit(run))


def _tool_threads() -> ThreadPoolExecutor:
    """Return this process's pool. It is not asyncio's default one, which a tool may need itself while it waits."""
    pid = os.getpid()
    with _lock:
        if pid not in _pools:
            # After a fork the parent's pool has no threads here.
            _pools.clear()
            _pools[pid] = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="haltpoint-tool")
        return _pools[pid]
