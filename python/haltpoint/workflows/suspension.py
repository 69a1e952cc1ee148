"""What the tasks of a body wait for: a step, one another, or something that no journal keeps."""

from __future__ import annotations

import asyncio
import os.path
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any

__all__ = ["StepFuture", "foreign_wait", "is_ready"]

_ASYNCIO = os.path.dirname(asyncio.__file__)
_PACKAGE = os.path.dirname(os.path.dirname(__file__))

# What of asyncio lets tasks wait for one another.
_WAITS_FOR_TASKS = {
    "taskgroups.py": None,
    "locks.py": None,
    "queues.py": None,
    "tasks.py": ("wait", "_wait", "_wait_for_one", "wait_for"),
}


class StepFuture(asyncio.Future[Any]):
    """What code of a body waits for that asked for a step."""


def waiter_of(task: asyncio.Task[Any]) -> asyncio.Future[Any] | None:
    """Return the future that a task waits for; None where it runs or is about to."""
    return getattr(task, "_fut_waiter", None)


def is_ready(task: asyncio.Task[Any]) -> bool:
    """Whether a task that is not done runs as soon as the loop comes by."""
    waiter = waiter_of(task)
    return waiter is None or waiter.done()


def foreign_wait(tasks: Iterable[asyncio.Task[Any]]) -> str | None:
    """Return where one of these tasks waits for something else than steps and one another, as "file:line"; or None."""
    places = (_foreign_place(task) for task in tasks)
    return next((place for place in places if place is not None), None)


def _foreign_place(task: asyncio.Task[Any]) -> str | None:
    waiter = waiter_of(task)
    # A gather, or a task: it is followed by itself.
    if isinstance(waiter, (StepFuture, asyncio.Task)) or type(waiter).__name__ == "_GatheringFuture":
        return None
    frames = list(_frames(task.get_coro()))
    if not frames or _lets_tasks_wait(frames[-1].f_code):
        return None
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith((_ASYNCIO, _PACKAGE))]
    shown = own[-1] if own else frames[-1]
    return f"{shown.f_code.co_filename}:{shown.f_lineno}"


def _frames(coroutine: Any) -> Iterable[FrameType]:
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            return
        yield frame
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)


def _lets_tasks_wait(code: CodeType) -> bool:
    folder, file = os.path.split(code.co_filename)
    if folder != _ASYNCIO or file not in _WAITS_FOR_TASKS:
        return False
    functions = _WAITS_FOR_TASKS[file]
    return functions is None or code.co_name in functions
