"""What an agent has to do with workers: hand runs over to them, and take them up for one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.background_loop import run_blocking
from haltpoint._concurrency.time_limit import TimeLimit
from haltpoint.generics import FailureT_co
from haltpoint.resolution.commit import Handlers
from haltpoint.runtime.call_arguments import checked_database, fresh_task
from haltpoint.runtime.call_forms import Calling
from haltpoint.runtime.lifecycle import continue_run
from haltpoint.runtime.submit import submit_run
from haltpoint.task import Task

if TYPE_CHECKING:
    from typing_extensions import Self

    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.runtime.call import Work

__all__ = ["HandingOver"]


class HandingOver(Calling[FailureT_co]):
    """The part of `haltpoint.Agent` that has to do with workers."""

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
    ) -> str:
        """Put a run on disk for a worker to take up, and return its id at once. Its status is QUEUED until then.

        A worker takes it that has an agent of the same name. The model that it asks is that agent's.

        Args:
            task: a `Task`, or a str. Tools that only the task has must be found by the worker, too.
            user_id: the user that the run is for, in place of the agent's.
            session_id: the session of the run, in place of the agent's.
            metadata: JSON data kept with the run, in place of the agent's.

        Raises:
            ValueError: the agent has no name, or a database in memory, where no worker would find the run.
            UnfinishedRunError: the task has a run that is not finished.
            StoreError: the run can't be written.
        """
        if self.name is None:
            raise ValueError("only runs of agents with a name find their worker: Agent(name=...)")
        if self._has_own_memory:
            raise ValueError("no worker sees this agent's memory: give it a database, Agent(db=SqliteDatabase(...))")
        call = self._call(None, debug=False, retry=1, limit=TimeLimit(None), handlers=Handlers())
        call = call._replace(identity=self._identity_of_run(user_id, session_id, metadata))
        return await submit_run(call, Task(task) if isinstance(task, str) else fresh_task(task))

    def submit(
        self,
        task: Task[Any] | str,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Do what `submit_async` does, and wait for the disk; works where an event loop runs, too."""
        return run_blocking(self.submit_async(task, user_id=user_id, session_id=session_id, metadata=metadata))

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
