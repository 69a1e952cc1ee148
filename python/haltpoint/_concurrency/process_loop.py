"""An event loop that ends with its process, whatever the code does that runs in it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run_process"]

_Result = TypeVar("_Result")

# How long tasks may take to end that `main` left behind, in seconds.
_TIME_TO_END = 1.0


def run_process(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine as `asyncio.run` does, in a process that ends afterwards.

    A tool may stop the loop: it goes on then. A tool may swallow its cancellation: it ends with the process here, while
    `asyncio.run` would wait for it for ever.

    Raises:
        BaseException: whatever `main` raises.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        task = loop.create_task(main)
        _finish(loop, task)
        rest = asyncio.all_tasks(loop)
        for other in rest:
            other.cancel()
        if rest:
            _finish(loop, loop.create_task(_end_of(rest)))
        return task.result()
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _end_of(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks, timeout=_TIME_TO_END)


def _finish(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    task.add_done_callback(lambda _: loop.stop())
    while not task.done():
        loop.run_forever()
