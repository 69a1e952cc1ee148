"""The asyncio tasks that tool calls run in.

`asyncio.run` of Python 3.10 answers Ctrl-C by cancelling every task of the loop at once, those of running tools among
them: a plain tool would then work on with nobody left to take its result, and nobody could tell an async one that was
stopped from one that cancelled itself. Later versions cancel the main task only, and the driver does the rest.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["tool_task"]


class _HeldTask(asyncio.Task[None]):
    """A task that can be cancelled only while nobody holds it."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], is_held: Callable[[], bool]) -> None:
        # Before anything else: the loop may be asked to cancel it as soon as it is there.
        self._is_held = is_held
        super().__init__(coroutine, loop=asyncio.get_running_loop())

    def cancel(self, msg: Any | None = None) -> bool:
        return False if self._is_held() else super().cancel(msg)


def tool_task(coroutine: Coroutine[Any, Any, None], is_held: Callable[[], bool]) -> asyncio.Task[None]:
    """Start a tool call in a task.

    Args:
        coroutine: runs the call.
        is_held: whether the driver still waits for the call's own end. Until then nobody else ends it, as far as that
            has to be prevented here.
    """
    if sys.version_info >= (3, 11):
        return asyncio.get_running_loop().create_task(coroutine)
    return _HeldTask(coroutine, is_held)
