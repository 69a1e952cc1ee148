"""What this process knows of runs beyond their journals: who drives them here, and what users hold of them."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from haltpoint.run.drafts import live_requirements

if TYPE_CHECKING:
    from collections.abc import Generator

    from haltpoint.run.agent.content import RunContent
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement
    from haltpoint.runtime.driver import RunDriver
    from haltpoint.task import Task
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["KnownRun", "drafted_requirements", "driven_here", "driver_of", "known_run", "remember_run"]

# Users resolve requirements on the objects they were handed and continue by id alone, often after dropping the
# output: the latest unfinished runs are therefore held; older ones only as long as the user holds their output or task.
_MOST_HELD = 1024


class KnownRun(NamedTuple):
    """A run that was started or continued in this process.

    Attributes:
        output: the latest output that was handed out.
        tools: the tools that it works with, by name.
        task: the task that it was started with.
    """

    output: AgentRunOutput
    tools: Mapping[str, ToolDefinition]
    task: Task


_lock = threading.Lock()
_drivers: dict[str, RunDriver] = {}
_held: OrderedDict[str, KnownRun] = OrderedDict()
_contents: weakref.WeakValueDictionary[str, RunContent] = weakref.WeakValueDictionary()


def _start_afresh() -> None:
    # A fork may have caught the lock in the hands of another thread; and the drivers go on in the parent only.
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _drivers.clear()


os.register_at_fork(after_in_child=_start_afresh)


@contextmanager
def driven_here(driver: RunDriver) -> Generator[None]:
    """Make the driver known as its run's, for as long as the block lasts."""
    with _lock:
        _drivers[driver.run_id] = driver
    try:
        yield
    finally:
        with _lock:
            if _drivers.get(driver.run_id) is driver:
                del _drivers[driver.run_id]


def driver_of(run_id: str) -> RunDriver | None:
    """Return the driver that runs in this process, if there is one."""
    with _lock:
        return _drivers.get(run_id)


def remember_run(known: KnownRun) -> None:
    """Remember a run that stopped. A completed one needs no remembering."""
    run_id = known.output.run_id
    with _lock:
        _held.pop(run_id, None)
        _contents.pop(run_id, None)
        if known.output.is_complete:
            return
        _held[run_id] = known
        _contents[run_id] = known.output._content  # pyright: ignore[reportPrivateUsage]
        if len(_held) > _MOST_HELD:
            _held.popitem(last=False)


def known_run(run_id: str) -> KnownRun | None:
    """Return what this process holds of a run."""
    with _lock:
        return _held.get(run_id)


def drafted_requirements(run_id: str) -> list[RunRequirement]:
    """Return the requirement objects of a run that this process has handed out and that may hold a person's word."""
    with _lock:
        content = _contents.get(run_id)
    held = [] if content is None else list(content.requirements)
    return [*held, *(item for item in live_requirements(run_id) if all(item is not other for other in held))]
