"""Steps in place of what is different each time: the time, random numbers; and a mark of changed code."""

from __future__ import annotations

import random as _random
import uuid
from datetime import datetime, timezone

from haltpoint.tools.callables import TOOL_ATTRIBUTE
from haltpoint.tools.definition import define_tool
from haltpoint.workflows.branches import current_branch
from haltpoint.workflows.steps import step

__all__ = ["now", "patched", "random", "uuid4"]


@step(read_only=True)
async def now() -> datetime:
    """Return the time (aware, UTC), the same in each process that continues the run."""
    return datetime.now(timezone.utc)


@step(read_only=True)
async def uuid4() -> uuid.UUID:
    """Return a random UUID, the same in each process that continues the run."""
    return uuid.uuid4()


@step(read_only=True)
async def random() -> float:
    """Return a random number from 0 up to 1, the same in each process that continues the run."""
    return _random.random()  # noqa: S311 - no secret is made of it


@step(name="patched", read_only=True)
async def _patched(change: str) -> bool:
    """Note that the run takes changed code from here on."""
    return True


async def patched(change: str) -> bool:
    """Whether the run takes changed code: False for a run that had come by here before the change was made.

    Runs that began before keep to the old way, new ones take the new way: `if await patched("v2"): ... else: ...`.
    The first answer that a run gets stays. Outside of a body it is True.

    Args:
        change: a name for the change, the same in all places that belong to it.
    """
    branch = current_branch()
    if branch is None:
        return True
    return await branch.body.patched(change, define_tool(getattr(_patched, TOOL_ATTRIBUTE)))
