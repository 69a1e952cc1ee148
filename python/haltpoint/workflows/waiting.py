"""Steps that only wait for a time."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from haltpoint.timestamps import with_timezone
from haltpoint.tools.decorator import tool
from haltpoint.tools.definition import define_tool
from haltpoint.workflows.branches import needed_branch
from haltpoint.workflows.values import ValueType

if TYPE_CHECKING:
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["sleep", "sleep_until"]

# 100 years, as for what people are waited for.
_LONGEST = 36_525 * 86_400


def _sleep(seconds: float) -> str:
    """Sleep."""
    raise RuntimeError("a wait ends by itself, and has nothing to run")


def _sleep_until(time: str) -> str:
    """Sleep until a time."""
    raise RuntimeError("a wait ends by itself, and has nothing to run")


# By the names that people read.
for _name, _function in {"sleep": _sleep, "sleep_until": _sleep_until}.items():
    _function.__name__ = _function.__qualname__ = _name
tool(read_only=True)(_sleep)
tool(read_only=True)(_sleep_until)

_TEXT = ValueType(lambda: str)


async def sleep(seconds: float) -> None:
    """Wait, while no process has to live: the run is paused, and a worker continues it when the time has come.

    Args:
        seconds: how long, at most 100 years. 0 and less do not wait.

    Raises:
        RuntimeError: no body of a workflow runs here.
        ValueError: `seconds` is not a finite number, or more than 100 years.
    """
    if not math.isfinite(seconds) or seconds > _LONGEST:
        raise ValueError(f"sleep(seconds) takes a finite number of seconds, at most 100 years, got {seconds!r}")
    definition = replace(_wait(_sleep), expires_after=max(0.0, seconds))
    await _call("sleep", definition, {"seconds": seconds})


async def sleep_until(time: datetime) -> None:
    """Wait for a time, as `sleep` does.

    Args:
        time: an aware datetime, the same in each process that continues the run. One that has passed does not wait.

    Raises:
        RuntimeError: no body of a workflow runs here.
        ValueError: `time` has no timezone.
    """
    utc = with_timezone("time", time).astimezone(timezone.utc)
    await _call("sleep_until", replace(_wait(_sleep_until), expires_at=utc), {"time": utc.isoformat()})


def _wait(function: Any) -> ToolDefinition:
    return replace(define_tool(function), pause="wait", on_expiry="proceed")


async def _call(name: str, definition: ToolDefinition, arguments: dict[str, Any]) -> None:
    branch = needed_branch(name)
    await branch.body.call(branch, definition, arguments, _TEXT)
