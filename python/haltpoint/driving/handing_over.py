"""What an agent has to do with workers: hand runs over, take them up, and wait for people meanwhile."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from haltpoint.driving.arguments import checked_database, checked_run_id, fresh_task
from haltpoint.driving.background import run_blocking
from haltpoint.driving.decisions import Handlers
from haltpoint.driving.queueing import submit_run
from haltpoint.driving.runs import continue_run
from haltpoint.driving.waiting import until_decided, until_free
from haltpoint.exceptions import RunBusyError
from haltpoint.task import Task

if TYPE_CHECKING:
    from typing_extensions import Self

    from haltpoint.db.database import Database
    from haltpoint.driving.call import Call, Identity, Work
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["HandingOver"]


class HandingOver:
    """The part of `haltpoint.Agent` that has to do with workers."""

    name: str | None
    db: Database
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

    async def wait_and_continue_async(self, run_id: str, *, return_output: bool = False, **options: Any) -> Any:
        """Wait until people have decided all that a run asks for, and continue it, until it no longer pauses.

        Where somebody else continues it first, such as a worker, this waits for what comes of it.

        Args:
            run_id: the run.
            return_output: return the `AgentRunOutput` instead of the content alone.
            options: what else `continue_run_async` takes.

        Returns:
            What `continue_run_async` does; None for a run that somebody cancelled meanwhile.

        Raises:
            RunNotFoundError: the database has no such run.
            HaltpointError: what `continue_run_async` raises, but for RunBusyError.
        """
        checked_run_id(run_id)
        while True:
            if not await until_decided(self.db, run_id):
                stopped = await self.db.run_async(run_id)
                return stopped if return_output else None
            try:
                output: AgentRunOutput = await self.continue_run_async(run_id=run_id, return_output=True, **options)
            except RunBusyError:
                await until_free(self.db, run_id)
                continue
            if not output.is_paused:
                return output if return_output else output.output

    def wait_and_continue(self, run_id: str, *, return_output: bool = False, **options: Any) -> Any:
        """Do what `wait_and_continue_async` does, and wait for it; works where an event loop runs, too."""
        return run_blocking(self.wait_and_continue_async(run_id, return_output=return_output, **options))

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
