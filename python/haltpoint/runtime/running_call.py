"""A tool call that runs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haltpoint.tools.context import ToolCallContext

__all__ = ["RunningCall"]


class RunningCall:
    """A tool call that runs.

    Attributes:
        context: what the tool sees of its call.
        is_async: whether it can be stopped in its middle.
        started: when it began, on the monotonic clock, in seconds.
        interrupted: whether it was told to stop in its middle.
        task: runs it.
    """

    __slots__ = ("context", "interrupted", "is_async", "started", "task")

    task: asyncio.Task[None]

    def __init__(self, context: ToolCallContext, is_async: bool) -> None:
        self.context = context
        self.is_async = is_async
        self.started = time.monotonic()
        self.interrupted = False
