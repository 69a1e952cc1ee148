"""Runs on their way to workers: submitted here, taken up there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.loop_bridge import LoopBridge
from haltpoint._engine import WorkQueue, new_run_id
from haltpoint.json_value import to_json_text
from haltpoint.resolution.commit import this_process
from haltpoint.runtime.lifecycle import first_entry, recalled
from haltpoint.timestamps import coming_time, microseconds_of
from haltpoint.tools.resolve import resolve_tools

if TYPE_CHECKING:
    from datetime import datetime

    from haltpoint.runtime.call import Call
    from haltpoint.task import Task

__all__ = ["submit_run"]


async def submit_run(call: Call, task: Task[Any], run_id: str | None, not_before: datetime | None = None) -> str:
    """Put a run of a task on disk, for a worker to take up, and return its id.

    Args:
        call: whose run it is.
        task: what to do.
        run_id: the id that was computed of the run's key, if it has one. Where there is such a run, nothing is written.
        not_before: workers take it from then on.

    Raises:
        TypeError, ValueError: `not_before` is not a datetime with a timezone, or is more than 100 years from now.
        RunConflictError: there is such a run, and it was started with something else.
    """
    begins = None if not_before is None else microseconds_of(coming_time("not_before", not_before))
    tools = resolve_tools([*call.tools, *task.tools])
    bridge = LoopBridge.current()
    memory = await recalled(call)
    run_id = run_id or new_run_id()
    started = to_json_text(first_entry(call, task, tools, run_id))
    queue = WorkQueue(call.database.native)
    await bridge.wait(queue.submit(bridge.completions, started, memory, this_process(), begins))
    task._attach(run_id, call.database)  # pyright: ignore[reportPrivateUsage]
    call.on_run(run_id)
    return run_id
