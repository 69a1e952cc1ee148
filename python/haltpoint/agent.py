"""The agent: a model with tools and instructions, whose runs stop for people and survive anything."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload
from uuid import uuid4

from haltpoint._concurrency.async_functions import check_no_generator
from haltpoint._concurrency.background_loop import run_blocking
from haltpoint._concurrency.time_limit import TimeLimit
from haltpoint.db.database import Database, InMemoryDatabase, checked_database
from haltpoint.generics import FailureT_co
from haltpoint.given_text import checked_text
from haltpoint.resolution.commit import Handlers
from haltpoint.run.active_runs import driver_of
from haltpoint.runtime.call import Identity
from haltpoint.runtime.call_arguments import (
    checked_instructions,
    checked_metadata,
    fresh_task,
    positive,
    resolved_model,
)
from haltpoint.runtime.continue_run import Continuing
from haltpoint.runtime.event_listeners import Listeners
from haltpoint.runtime.lifecycle import continue_run
from haltpoint.runtime.start_run import Starting
from haltpoint.runtime.submit import submit_run
from haltpoint.task import Task

if TYPE_CHECKING:
    from datetime import datetime

    from typing_extensions import Never, Self

    from haltpoint.models.base import Model
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.events import RunEvent
    from haltpoint.runtime.call import Work

__all__ = ["Agent"]


class Agent(Starting[FailureT_co], Continuing[FailureT_co]):
    """An agent. One object may drive many runs at once from one event loop.

    To type checkers `Agent` raises for a failed run; one that returns False for it is an `Agent[Literal[False]]`, and
    `Agent[Any]` stands for both.

    Args:
        model: "provider/model-name", or an object with the `haltpoint.models.Model` protocol.
        name: a name for people, kept with each run.
        db: where runs are kept. Without one they live in this process's memory.
        session_id: the session of its runs; the database's by default.
        user_id: the user they are for; the database's by default.
        tools: functions, methods, `ToolKit` instances.
        system_prompt: instructions as they stand.
        role: what the agent is.
        goal: what it is after.
        instructions: further instructions, one text or a list.
        retry: how often a model request is tried at most, with backoff; 1 tries once.
        mode: what a failed run does: "raise" its error, or "return_false".
        tool_call_limit: most tool calls that a run may make.
        on_in_doubt: what becomes of a call that was started and whose outcome is unknown, where its tool neither may be
            repeated nor can tell: "ask" a person, "retry" it, or "fail".
        settings: for the model's requests, such as {"temperature": 0}.
        debug: print to standard error what happens.
        print: print each output.
        agent_id_: an id of your own; a random one by default.
        metadata: JSON data kept with each run.
        on_pause: called with the `AgentRunOutput` of each run that has paused, before any handler is asked.
        on_event: called with a `RunEvent` for each thing that happens to a run while this process drives it, once it is
            on disk, in order. Both may be plain or async; what they raise is a NotificationWarning, and harms no run.

    Raises:
        TypeError: an argument is unknown or of another type.
        ValueError: an argument is out of range; the message says which.
    """

    @overload
    def __init__(
        self: Agent[Never],
        model: str | Model = "openai/gpt-4o",
        *,
        name: str | None = None,
        db: Database | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        tools: Iterable[Any] | None = None,
        system_prompt: str | None = None,
        role: str | None = None,
        goal: str | None = None,
        instructions: str | list[str] | None = None,
        retry: int = 1,
        mode: Literal["raise"] = "raise",
        tool_call_limit: int = 100,
        on_in_doubt: Literal["ask", "retry", "fail"] = "ask",
        settings: Mapping[str, Any] | None = None,
        debug: bool = False,
        print: bool | None = None,
        agent_id_: str | None = None,
        metadata: dict[str, Any] | None = None,
        on_pause: Callable[[AgentRunOutput[Any]], Any] | None = None,
        on_event: Callable[[RunEvent], Any] | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: Agent[Literal[False]],
        model: str | Model = "openai/gpt-4o",
        *,
        name: str | None = None,
        db: Database | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        tools: Iterable[Any] | None = None,
        system_prompt: str | None = None,
        role: str | None = None,
        goal: str | None = None,
        instructions: str | list[str] | None = None,
        retry: int = 1,
        mode: Literal["return_false"],
        tool_call_limit: int = 100,
        on_in_doubt: Literal["ask", "retry", "fail"] = "ask",
        settings: Mapping[str, Any] | None = None,
        debug: bool = False,
        print: bool | None = None,
        agent_id_: str | None = None,
        metadata: dict[str, Any] | None = None,
        on_pause: Callable[[AgentRunOutput[Any]], Any] | None = None,
        on_event: Callable[[RunEvent], Any] | None = None,
    ) -> None: ...

    def __init__(
        self,
        model: str | Model = "openai/gpt-4o",
        *,
        name: str | None = None,
        db: Database | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        tools: Iterable[Any] | None = None,
        system_prompt: str | None = None,
        role: str | None = None,
        goal: str | None = None,
        instructions: str | list[str] | None = None,
        retry: int = 1,
        mode: Literal["raise", "return_false"] = "raise",
        tool_call_limit: int = 100,
        on_in_doubt: Literal["ask", "retry", "fail"] = "ask",
        settings: Mapping[str, Any] | None = None,
        debug: bool = False,
        print: bool | None = None,
        agent_id_: str | None = None,
        metadata: dict[str, Any] | None = None,
        on_pause: Callable[[AgentRunOutput[Any]], Any] | None = None,
        on_event: Callable[[RunEvent], Any] | None = None,
    ) -> None:
        if mode not in ("raise", "return_false"):
            raise ValueError(f'mode must be "raise" or "return_false", got {mode!r}')
        self.model: Model = resolved_model(model, settings)
        self.name = checked_text("name", name)
        self.db: Database = InMemoryDatabase() if db is None else checked_database(db)
        self.tools: list[Any] = list(tools or ())
        self.retry: int = positive("retry", retry)
        self.mode: Literal["raise", "return_false"] = mode
        if on_in_doubt not in ("ask", "retry", "fail"):
            raise ValueError(f'on_in_doubt must be "ask", "retry" or "fail", got {on_in_doubt!r}')
        self.on_in_doubt: Literal["ask", "retry", "fail"] = on_in_doubt
        self.tool_call_limit: int = positive("tool_call_limit", tool_call_limit)
        self.settings: dict[str, Any] = dict(settings or {})
        self.debug = debug
        self.print = print
        self.agent_id: str = checked_text("agent_id_", agent_id_) or str(uuid4())
        self._has_own_memory = db is None
        for what, listener in (("on_pause", on_pause), ("on_event", on_event)):
            check_no_generator(what, listener)
        self._listeners = Listeners(on_pause, on_event)
        self._identity = Identity(
            agent_id=self.agent_id,
            name=name,
            session_id=checked_text("session_id", session_id) or self.db.session_id,
            user_id=checked_text("user_id", user_id) or self.db.user_id,
            system_prompt=checked_text("system_prompt", system_prompt),
            role=checked_text("role", role),
            goal=checked_text("goal", goal),
            instructions=checked_instructions(instructions),
            metadata=checked_metadata(metadata),
        )
        self._run_id: str | None = None
        self._agent_run_output: AgentRunOutput[Any] | None = None

    @property
    def run_id(self) -> str | None:
        """Id of the run that was started or continued last.

        Set before the run's first model request, None again once it is completed.
        """
        return self._run_id

    @property
    def session_id(self) -> str | None:
        """The session of the agent's runs."""
        return self._identity.session_id

    @property
    def user_id(self) -> str | None:
        """The user that the agent's runs are for."""
        return self._identity.user_id

    def get_run_output(self) -> AgentRunOutput[Any] | None:
        """Return the latest output, also of a call that raised; None before the first."""
        return self._agent_run_output

    def cancel_run(self, run_id: str | None = None, *, interrupt: bool = False) -> bool:
        """Stop a run, by default the latest one, also one that another process drives on the same database.

        See `haltpoint.cancel_run`.
        """
        run_id = run_id or self._run_id
        if run_id is None:
            return False
        driver = driver_of(run_id)
        if driver is not None and driver.cancel(interrupt=interrupt, by="cancel_run"):
            return True
        return self.db.cancel(run_id, interrupt=interrupt)

    def on_database(self, db: Database) -> Self:
        """Return a copy of this agent whose runs are kept in `db`."""
        agent = copy.copy(self)
        agent.db = checked_database(db)
        agent._has_own_memory = False
        who = agent._identity
        agent._identity = who._replace(session_id=who.session_id or db.session_id, user_id=who.user_id or db.user_id)
        return agent

    async def submit_async(
        self,
        task: Task[Any] | str,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
        not_before: datetime | None = None,
    ) -> str:
        """Put a run on disk for a worker to take up, and return its id at once. Its status is QUEUED until then.

        A worker takes it that has an agent of the same name. The model that it asks is that agent's.

        Args:
            task: a `Task`, or a str. Tools that only the task has must be found by the worker, too.
            user_id: the user that the run is for, in place of the agent's.
            session_id: the session of the run, in place of the agent's.
            metadata: JSON data kept with the run, in place of the agent's.
            key: names this run among all of the agent's name in the database, such as "order-17". Where a run was
                submitted or started under it before, in whichever process, nothing is written, and its id is returned.
            not_before: an aware datetime: workers take the run from then on.

        Raises:
            ValueError: the agent has no name, or a database in memory, where no worker would find the run;
                or `not_before` has no timezone.
            RunConflictError: the run of this key was started with another task or other arguments.
            UnfinishedRunError: the task has a run that is not finished.
            StoreError: the run can't be written.
        """
        if self.name is None:
            raise ValueError("only runs of agents with a name find their worker: Agent(name=...)")
        if self._has_own_memory:
            raise ValueError("no worker sees this agent's memory: give it a database, Agent(db=SqliteDatabase(...))")
        call = self._call(None, debug=False, retry=1, limit=TimeLimit(None), handlers=Handlers())
        call = call._replace(identity=self._identity_of_run(user_id, session_id, metadata))
        task = Task(task) if isinstance(task, str) else fresh_task(task)
        return await submit_run(call, task, self._id_of_run(key), not_before)

    def submit(
        self,
        task: Task[Any] | str,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
        not_before: datetime | None = None,
    ) -> str:
        """Do what `submit_async` does, and wait for the disk; works where an event loop runs, too."""
        run = self.submit_async(
            task, user_id=user_id, session_id=session_id, metadata=metadata, key=key, not_before=not_before
        )
        return run_blocking(run)

    async def take_up_async(self, run_id: str, work: Work) -> AgentRunOutput[Any]:
        """Drive a run, where it is work for a worker; else return it as it stands.

        Raises:
            RunBusyError: somebody else was faster.
            UnresolvedRequirementsError: somebody else was faster, and it waits for people again.
            ToolNotAvailableError: the run needs a tool that this process does not have.
            ModelError: the model failed; as `continue_run_async` for all that ends a run with an error.
        """
        call = self._call(None, debug=False, retry=1, limit=TimeLimit(None), handlers=Handlers())
        return await continue_run(call._replace(work=work), run_id, None, None)


def _say_agent_in_errors() -> None:
    """Let Python's own errors about calls name `Agent`, where users find its methods."""
    for base in Agent.__mro__:
        if base.__module__.startswith("haltpoint."):
            for method in vars(base).values():
                if inspect.isfunction(method):
                    method.__qualname__ = f"{Agent.__qualname__}.{method.__name__}"


_say_agent_in_errors()
