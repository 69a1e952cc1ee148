"""One call of an agent: who runs, with what, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint.runtime.event_listeners import NOBODY, Listeners

if TYPE_CHECKING:
    from haltpoint._concurrency.time_limit import TimeLimit
    from haltpoint._engine import WorkQueue
    from haltpoint.db.database import Database
    from haltpoint.models.base import Model
    from haltpoint.resolution.commit import Handlers
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.runtime.drain import Drain

__all__ = ["Call", "Identity", "Work"]


class Identity(NamedTuple):
    """Who runs: what an agent brings to each of its runs.

    Attributes:
        agent_id: id of the agent.
        name: its name.
        session_id: the session of its runs.
        user_id: the user they are for.
        system_prompt: instructions as they stand.
        role: what the agent is.
        goal: what it is after.
        instructions: further instructions.
        metadata: kept with each run.
    """

    agent_id: str
    name: str | None
    session_id: str | None
    user_id: str | None
    system_prompt: str | None
    role: str | None
    goal: str | None
    instructions: str | list[str] | None
    metadata: dict[str, Any] | None


class Work(NamedTuple):
    """What a worker adds to a call.

    Attributes:
        max_recoveries: how many drivers after the first a run may end before it is set aside.
        drain: stops its drivers without stopping their runs.
        queue: has the runs that it claimed.
    """

    max_recoveries: int
    drain: Drain
    queue: WorkQueue


class Call(NamedTuple):
    """One call of an agent that starts or continues a run.

    Attributes:
        identity: who runs.
        database: where the run is kept.
        model: who is asked.
        tools: tools that the caller brings, as users list them.
        settings: for the model's requests.
        attempts: how often a model request is tried at most.
        tool_call_limit: most tool calls that the run may make.
        on_in_doubt: what becomes of calls whose outcome is unknown: "ask", "retry" or "fail".
        handlers: who resolves requirements while the call lasts.
        limit: longest time that the call may take.
        on_run: told the run's id before anything of it leaves this process.
        on_output: told each output, also one that an exception keeps from being returned.
        trace: called with a line for each thing that happens.
        listeners: who is told what happens to the run.
        work: where a worker calls.
    """

    identity: Identity
    database: Database
    model: Model
    tools: list[Any]
    settings: Mapping[str, Any]
    attempts: int
    tool_call_limit: int
    on_in_doubt: str
    handlers: Handlers
    limit: TimeLimit
    on_run: Callable[[str], None]
    on_output: Callable[[AgentRunOutput[Any]], None]
    trace: Callable[[str], None] | None
    listeners: Listeners = NOBODY
    work: Work | None = None
