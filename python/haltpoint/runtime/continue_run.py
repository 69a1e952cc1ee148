"""Continuing runs: the forms of `continue_run` and `wait_and_continue`."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from haltpoint._concurrency.background_loop import run_blocking
from haltpoint._concurrency.time_limit import TimeLimit, TimeLimitPassedError
from haltpoint.exceptions import RunBusyError
from haltpoint.generics import FailureT_co, StoredOutputT
from haltpoint.resolution.commit import Handlers
from haltpoint.runtime.call_arguments import checked_run_id
from haltpoint.runtime.call_forms import Calling, content_of
from haltpoint.runtime.console import warn_not_completed
from haltpoint.runtime.failures import timeout_error
from haltpoint.runtime.lifecycle import continue_run
from haltpoint.runtime.wait import failure_on_disk, until_decided, until_free

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from haltpoint.db.database import Database
    from haltpoint.models.base import Model
    from haltpoint.resolution.commit import HitlHandler
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement
    from haltpoint.task import Task

__all__ = ["Continuing", "Requirements"]

Requirements = Iterable["RunRequirement | Mapping[str, Any]"]


class Continuing(Calling[FailureT_co]):
    """The part of `haltpoint.Agent` that continues runs."""

    @overload
    async def continue_run_async(
        self,
        task: Task[StoredOutputT] | None = None,
        run_id: str | None = None,
        requirements: Requirements | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        streaming: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> StoredOutputT | FailureT_co | None: ...

    @overload
    async def continue_run_async(
        self,
        task: Task[StoredOutputT] | None = None,
        run_id: str | None = None,
        requirements: Requirements | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        streaming: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[StoredOutputT]: ...

    @overload
    async def continue_run_async(
        self,
        task: Task[StoredOutputT] | None = None,
        run_id: str | None = None,
        requirements: Requirements | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: bool,
        streaming: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[StoredOutputT] | StoredOutputT | FailureT_co | None: ...

    async def continue_run_async(
        self,
        task: Task[Any] | None = None,
        run_id: str | None = None,
        requirements: Requirements | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool = False,
        *,
        streaming: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> Any:
        """Continue a run that was paused, cancelled, failed or orphaned by a process that died.

        No finished step runs again. On a completed run it returns the stored output and calls nothing.

        Args:
            task: the task whose run to continue.
            run_id: the run to continue, from the database; any process will do.
            requirements: resolved requirements, or their `to_dict()` data. Not needed for decisions that are on disk,
                or that were made on objects which this process handed out.
            model: another model than the agent's.
            debug: print to standard error what happens.
            retry: how often a model request is tried at most, where the agent says 1.
            return_output: return the `AgentRunOutput` instead of the content alone.
            streaming: not possible here.
            timeout: longest time that the call may take, handlers included, in seconds.
            hitl_handler: resolves each requirement in place, plain or async, until the run no longer pauses or it
                leaves one undecided.
            external_tool_executor: returns the result of each external tool call.
            tools: tools beside the agent's and the task's.
            allow_changed_tools: run calls whose tool has another module or other parameters since they were made.

        Returns:
            The content; None, with a warning, for a run that was paused or cancelled.

        Raises:
            ValueError: neither `task` nor `run_id` is given, or `streaming` is true.
            RunNotFoundError: the database has no such run.
            UnresolvedRequirementsError: the run is paused and not one requirement is resolved.
            RequirementConflictError: somebody decided otherwise before.
            InvalidResolutionError: a decision does not fit.
            RunBusyError: another live process drives the run.
            RunTimeoutError: `timeout` passed; the run is cancelled, or still paused where a handler was asked, and can
                be continued.
            ToolNotAvailableError: the run needs a tool that this process does not have.
        """
        if streaming:
            raise ValueError("a run is continued in direct call mode only: leave streaming=True out")
        run = self._continued(
            task,
            run_id,
            requirements,
            model=model,
            debug=debug,
            retry=retry,
            limit=TimeLimit(timeout),
            handlers=Handlers(hitl_handler, external_tool_executor),
            tools=tools,
            allow_changed_tools=allow_changed_tools,
        )
        return await self._result(run, return_output)

    def _continued(
        self,
        task: Task[Any] | None,
        run_id: str | None,
        requirements: Requirements | None,
        *,
        model: str | Model | None,
        debug: bool,
        retry: int,
        limit: TimeLimit,
        handlers: Handlers,
        tools: Iterable[Any] | None,
        allow_changed_tools: bool,
    ) -> Awaitable[AgentRunOutput[Any]]:
        database, run_id = self._located(task, run_id)
        call = self._call(
            model, debug=debug, retry=retry, limit=limit, handlers=handlers, tools=tools, database=database
        )
        return continue_run(call, run_id, task, requirements, allow_changed_tools=allow_changed_tools)

    @overload
    def continue_run(
        self,
        task: Task[StoredOutputT] | None = None,
        run_id: str | None = None,
        requirements: Requirements | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        streaming: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> StoredOutputT | FailureT_co | None: ...

    @overload
    def continue_run(
        self,
        task: Task[StoredOutputT] | None = None,
        run_id: str | None = None,
        requirements: Requirements | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        streaming: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[StoredOutputT]: ...

    @overload
    def continue_run(
        self,
        task: Task[StoredOutputT] | None = None,
        run_id: str | None = None,
        requirements: Requirements | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: bool,
        streaming: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[StoredOutputT] | StoredOutputT | FailureT_co | None: ...

    def continue_run(
        self,
        task: Task[Any] | None = None,
        run_id: str | None = None,
        requirements: Requirements | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool = False,
        *,
        streaming: bool = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> Any:
        """Continue a run and wait for it. Takes what `continue_run_async` does; works where an event loop runs, too."""
        run: Any = self.continue_run_async(
            task,
            run_id=run_id,
            requirements=requirements,
            model=model,
            debug=debug,
            retry=retry,
            return_output=return_output,
            streaming=streaming,
            timeout=timeout,
            hitl_handler=hitl_handler,
            external_tool_executor=external_tool_executor,
            tools=tools,
            allow_changed_tools=allow_changed_tools,
        )
        return run_blocking(run)

    @overload
    async def wait_and_continue_async(
        self,
        run_id: str,
        *,
        task: Task[StoredOutputT] | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> StoredOutputT | FailureT_co | None: ...

    @overload
    async def wait_and_continue_async(
        self,
        run_id: str,
        *,
        task: Task[StoredOutputT] | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[StoredOutputT]: ...

    @overload
    async def wait_and_continue_async(
        self,
        run_id: str,
        *,
        task: Task[StoredOutputT] | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[StoredOutputT] | StoredOutputT | FailureT_co | None: ...

    async def wait_and_continue_async(
        self,
        run_id: str,
        *,
        task: Task[Any] | None = None,
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
            allow_changed_tools: run calls whose tool has another module or other parameters since they were made.

        Returns:
            What `continue_run_async` does: None, with a warning, for a run that is cancelled.

        Raises:
            RunNotFoundError: the database has no such run.
            RequirementExpiredError: nobody decided in time, and the tool says that the run ends then.
            RunTimeoutError: `timeout` passed. A run that waits for people still waits; one under way is cancelled.
            HaltpointError: what `continue_run_async` raises, but for RunBusyError; also where the run failed elsewhere.
        """
        checked_run_id(run_id)
        limit = TimeLimit(timeout)
        continued = functools.partial(
            self._continued,
            task,
            run_id,
            None,
            model=model,
            debug=debug,
            retry=retry,
            limit=limit,
            handlers=Handlers(hitl_handler, external_tool_executor),
            tools=tools,
            allow_changed_tools=allow_changed_tools,
        )
        ended = None
        while ended is None:
            ended = await self._waited_for(until_decided, run_id, limit)
            if ended is None:
                ended = await self._stopped(self._result(continued(), return_output=True), run_id, limit)
        if ended.is_error and self.mode == "raise":
            raise await failure_on_disk(self.db, run_id, self.tool_call_limit)
        return ended if return_output else await self._content(ended)

    async def _stopped(
        self, run: Awaitable[AgentRunOutput[Any]], run_id: str, limit: TimeLimit
    ) -> AgentRunOutput[Any] | None:
        """Await a continued run; None where it waits once more, for people or for a driver."""
        try:
            output = await run
        except RunBusyError:
            return await self._waited_for(until_free, run_id, limit)
        return None if output.is_paused else output

    async def _waited_for(
        self,
        until: Callable[[Database, str], Coroutine[Any, Any, AgentRunOutput[Any] | None]],
        run_id: str,
        limit: TimeLimit,
    ) -> AgentRunOutput[Any] | None:
        try:
            return await limit.within(functools.partial(until, self.db, run_id))
        except TimeLimitPassedError:
            raise timeout_error(run_id, limit.seconds, "still waits for people or for who drives it") from None

    async def _content(self, output: AgentRunOutput) -> Any:
        if output.is_error:
            return False
        if not output.is_complete:
            await warn_not_completed(output, has_file=not self._has_own_memory)
        return await content_of(output)

    @overload
    def wait_and_continue(
        self,
        run_id: str,
        *,
        task: Task[StoredOutputT] | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> StoredOutputT | FailureT_co | None: ...

    @overload
    def wait_and_continue(
        self,
        run_id: str,
        *,
        task: Task[StoredOutputT] | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[StoredOutputT]: ...

    @overload
    def wait_and_continue(
        self,
        run_id: str,
        *,
        task: Task[StoredOutputT] | None = None,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        tools: Iterable[Any] | None = None,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[StoredOutputT] | StoredOutputT | FailureT_co | None: ...

    def wait_and_continue(
        self,
        run_id: str,
        *,
        task: Task[Any] | None = None,
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
        run: Any = self.wait_and_continue_async(
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

    def _located(self, task: Task | None, run_id: str | None) -> tuple[Database, str]:
        """The database and the id of the run to continue; a task knows its own, whichever agent started its run."""
        if run_id is not None:
            return self._database_of(task, checked_run_id(run_id)), run_id
        if task is None:
            raise ValueError("continue_run needs a task or a run_id")
        if task.run_id is None:
            raise ValueError(f"{task!r} has no run yet: start one with do_async(task), or give run_id")
        return self._database_of(task, task.run_id), task.run_id

    def _database_of(self, task: Task | None, run_id: str) -> Database:
        if self._has_own_memory and task is not None and task.run_id == run_id:
            return task.database or self.db
        return self.db
