"""What an agent has to do with workers: hand runs over, take them up, and wait for people meanwhile."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal

from haltpoint.driving.arguments import checked_database, checked_run_id, fresh_task
from haltpoint.driving.background import run_blocking
from haltpoint.driving.decisions import Handlers
from haltpoint.driving.failures import timeout_error
from haltpoint.driving.queueing import submit_run
from haltpoint.driving.runs import continue_run
from haltpoint.driving.telling import warn_not_completed
from haltpoint.driving.waiting import WaitLimit, failure_on_disk, until_decided, until_free
from haltpoint.exceptions import RunBusyError, RunTimeoutError
from haltpoint.task import Task

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from typing_extensions import Self

    from haltpoint.db.database import Database
    from haltpoint.driving.call import Call, Identity, Work
    from haltpoint.driving.decisions import HitlHandler
    from haltpoint.models.base import Model
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["HandingOver"]


class HandingOver:
    """The part of `haltpoint.Agent` that has to do with workers."""

    name: str | None
    db: Database
    mode: Literal["raise", "return_false"]
    tool_call_limit: int
    _identity: Identity
    _has_own_memory: bool

    def on_database(self, db: Database) -> Self:
        """Return a copy of this agent whose runs are kept in `db`."""
        agent = copy.copy(self)
        agent.db = checked_database(db)
        agent._has_own_memory = False
        who = agent._identity
        agent._identity = who._replace(session_id=who.session_id or db.session_id, user_id=who.user_id or db.user_id)
        return agent

    async def submit_async(self, task: Task | str) -> str:
        """Put a run on disk for a worker to take up, and return its id at once. Its status is QUEUED until then.

        A worker takes it that has an agent of the same name. The model that it asks is that agent's.

        Args:
            task: a `Task`, or a str. Tools that only the task has must be found by the worker, too.

        Raises:
            ValueError: the agent has no name, or a database in memory, where no worker would find the run.
            UnfinishedRunError: the task has a run that is not finished.
            StoreError: the run can't be written.
        """
        if self.name is None:
            raise ValueError("only runs of agents with a name find their worker: Agent(name=...)")
        if self._has_own_memory:
            raise ValueError("no worker sees this agent's memory: give it a database, Agent(db=SqliteDatabase(...))")
        call = self._call(None, debug=False, retry=1, timeout=None, handlers=Handlers())
        return await submit_run(call, Task(task) if isinstance(task, str) else fresh_task(task))

    def submit(self, task: Task | str) -> str:
        """Do what `submit_async` does, and wait for the disk; works where an event loop runs, too."""
        return run_blocking(self.submit_async(task))

    async def wait_and_continue_async(
        self,
        run_id: str,
        *,
        task: Task | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> Any:
        """Wait until people have decided all that a run asks for, and continue it, until it no longer pauses.

        Where somebody else continues it first, such as a worker, this waits for what comes of it. A cancelled run of
        which something is undecided is returned as it is: no inbox asks anybody for it before the run goes on.

        Args:
            run_id: the run.
            task: the task whose run it is.
            model: another model than the agent's.
            debug: print to standard error what happens.
            retry: how often a model request is tried at most, where the agent says 1.
            return_output: return the `AgentRunOutput` instead of the content alone.
            timeout: longest time that the call may take, waiting included, in seconds.
            hitl_handler: resolves each requirement of later pauses in place, plain or async.
            external_tool_executor: returns the result of each external tool call of later pauses.
            tools: tools beside the agent's and the task's.
            allow_changed_tools: run calls whose tool's parameters have changed since they were made.

        Returns:
            What `continue_run_async` does: None, with a warning, for a run that is cancelled.

        Raises:
            RunNotFoundError: the database has no such run.
            RequirementExpiredError: nobody decided in time, and the tool says that the run ends then.
            RunTimeoutError: `timeout` passed. A run that waits for people still waits; one under way is cancelled.
            HaltpointError: what `continue_run_async` raises, but for RunBusyError; also where the run failed elsewhere.
        """
        checked_run_id(run_id)
        limit = WaitLimit(run_id, timeout)
        ended = None
        while ended is None:
            ended = await limit.within(until_decided(self.db, run_id))
            if ended is None:
                run = self.continue_run_async(
                    task,
                    run_id,
                    model=model,
                    debug=debug,
                    retry=retry,
                    return_output=True,
                    timeout=limit.rest(),
                    hitl_handler=hitl_handler,
                    external_tool_executor=external_tool_executor,
                    tools=tools,
                    allow_changed_tools=allow_changed_tools,
                )
                ended = await self._continued(run, run_id, limit)
        if ended.is_error and self.mode == "raise":
            raise await failure_on_disk(self.db, run_id, self.tool_call_limit)
        return ended if return_output else self._content(ended)

    async def _continued(self, run: Awaitable[AgentRunOutput], run_id: str, limit: WaitLimit) -> AgentRunOutput | None:
        """Await a continued run; None where it waits once more, for people or for a driver."""
        try:
            output = await run
        except RunBusyError:
            return await limit.within(until_free(self.db, run_id))
        except RunTimeoutError as error:
            # What was left of the time is not what the caller knows.
            raise timeout_error(run_id, limit.timeout) from error
        return None if output.is_paused else output

    def _content(self, output: AgentRunOutput) -> Any:
        if output.is_error:
            return False
        if not output.is_complete:
            warn_not_completed(output, has_file=not self._has_own_memory)
        return output.output

    def wait_and_continue(
        self,
        run_id: str,
        *,
        task: Task | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> Any:
        """Do what `wait_and_continue_async` does, and wait for it; works where an event loop runs, too."""
        run = self.wait_and_continue_async(
            run_id,
            task=task,
            model=model,
            debug=debug,
            retry=retry,
            return_output=return_output,
            timeout=timeout,
            hitl_handler=hitl_handler,
            external_tool_executor=external_tool_executor,
            tools=tools,
            allow_changed_tools=allow_changed_tools,
        )
        return run_blocking(run)

    async def take_up_async(self, run_id: str, work: Work) -> AgentRunOutput:
        """Drive a run, where it is work for a worker; else return it as it stands.

        Raises:
            RunBusyError: somebody else was faster.
            UnresolvedRequirementsError: somebody else was faster, and it waits for people again.
            ToolNotAvailableError: the run needs a tool that this process does not have.
            ModelError: the model failed; as `continue_run_async` for all that ends a run with an error.
        """
        call = self._call(None, debug=False, retry=1, timeout=None, handlers=Handlers())
        return await continue_run(call._replace(work=work), run_id, None, None)

    # What the agent brings.

    def _call(self, model: None, *, debug: bool, retry: int, timeout: None, handlers: Handlers) -> Call:
        raise NotImplementedError

    async def continue_run_async(self, *args: Any, **options: Any) -> Any:
        """Continue a run; see `haltpoint.Agent`."""
        raise NotImplementedError
