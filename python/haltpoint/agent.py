"""The agent: a model with tools and instructions, whose runs stop for people and survive anything."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from haltpoint.db.database import Database, InMemoryDatabase
from haltpoint.driving.arguments import (
    checked_database,
    checked_run_id,
    fresh_task,
    positive,
    resolved_model,
)
from haltpoint.driving.background import run_blocking
from haltpoint.driving.call import Call, Identity
from haltpoint.driving.decisions import Handlers, HitlHandler
from haltpoint.driving.failures import is_failed_run
from haltpoint.driving.handing_over import HandingOver
from haltpoint.driving.live import driver_of
from haltpoint.driving.observing import Listeners
from haltpoint.driving.runs import continue_run, start_run
from haltpoint.driving.telling import print_result, print_trace, warn_not_completed
from haltpoint.driving.time_limit import TimeLimit
from haltpoint.exceptions import HaltpointError
from haltpoint.task import Task

if TYPE_CHECKING:
    from haltpoint.models.base import Model
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.events import RunEvent
    from haltpoint.run.requirements import RunRequirement

__all__ = ["Agent"]

Requirements = Iterable["RunRequirement | Mapping[str, Any]"]


class Agent(HandingOver):
    """An agent. One object may drive many runs at once from one event loop.

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
        on_pause: Callable[[AgentRunOutput], Any] | None = None,
        on_event: Callable[[RunEvent], Any] | None = None,
    ) -> None:
        if mode not in ("raise", "return_false"):
            raise ValueError(f'mode must be "raise" or "return_false", got {mode!r}')
        self.model = resolved_model(model, settings)
        self.name = name
        self.db: Database = InMemoryDatabase() if db is None else checked_database(db)
        self.tools: list[Any] = list(tools or ())
        self.retry = positive("retry", retry)
        self.mode = mode
        if on_in_doubt not in ("ask", "retry", "fail"):
            raise ValueError(f'on_in_doubt must be "ask", "retry" or "fail", got {on_in_doubt!r}')
        self.on_in_doubt = on_in_doubt
        self.tool_call_limit = positive("tool_call_limit", tool_call_limit)
        self.settings: dict[str, Any] = dict(settings or {})
        self.debug = debug
        self.print = print
        self.agent_id = agent_id_ or str(uuid4())
        self._has_own_memory = db is None
        self._listeners = Listeners(on_pause, on_event)
        self._identity = Identity(
            agent_id=self.agent_id,
            name=name,
            session_id=session_id or self.db.session_id,
            user_id=user_id or self.db.user_id,
            system_prompt=system_prompt,
            role=role,
            goal=goal,
            instructions=instructions,
            metadata=metadata,
        )
        self._run_id: str | None = None
        self._agent_run_output: AgentRunOutput | None = None

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

    def get_run_output(self) -> AgentRunOutput | None:
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

    # Starting

    async def do_async(
        self,
        task: Task | str | list[Task | str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Any:
        """Run a task, or several one after the other.

        Args:
            task: a `Task`, a str, or a list of them, for which a list comes back.
            model: another model than the agent's.
            debug: print to standard error what happens.
            retry: how often a model request is tried at most, where the agent says 1.
            return_output: return the `AgentRunOutput` instead of the content alone.
            timeout: longest time that the call may take, in seconds.
            hitl_handler: resolves each requirement in place, plain or async, until the run no longer pauses.
            external_tool_executor: returns the result of each external tool call.
            user_id: the user that the run is for, in place of the agent's.
            session_id: the session of the run, in place of the agent's.
            metadata: JSON data kept with the run, in place of the agent's.

        Returns:
            The content; None, with a warning, for a run that was paused or cancelled.

        Raises:
            ModelError: the model failed; the error's `run_id` continues the run.
            ToolCallLimitError: the model asked for more tool calls than the run may make.
            RunTimeoutError: `timeout` passed; the run is cancelled and can be continued.
            UnfinishedRunError: the task has a run that is not finished: continue that one.
        """
        if isinstance(task, list):
            do_one = functools.partial(
                self.do_async,
                model=model,
                debug=debug,
                retry=retry,
                return_output=return_output,
                timeout=timeout,
                hitl_handler=hitl_handler,
                external_tool_executor=external_tool_executor,
                user_id=user_id,
                session_id=session_id,
                metadata=metadata,
            )
            return [await do_one(each) for each in task]
        task = Task(task) if isinstance(task, str) else fresh_task(task)
        handlers_of_call = Handlers(hitl_handler, external_tool_executor)
        call = self._call(model, debug=debug, retry=retry, timeout=timeout, handlers=handlers_of_call)
        call = call._replace(identity=self._identity_of_run(user_id, session_id, metadata))
        return await self._result(start_run(call, task), return_output)

    def do(
        self,
        task: Task | str | list[Task | str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Any:
        """Run a task and wait for it. Takes what `do_async` takes; works where an event loop runs, too."""
        run = self.do_async(
            task,
            model=model,
            debug=debug,
            retry=retry,
            return_output=return_output,
            timeout=timeout,
            hitl_handler=hitl_handler,
            external_tool_executor=external_tool_executor,
            user_id=user_id,
            session_id=session_id,
            metadata=metadata,
        )
        return run_blocking(run)

    async def print_do_async(
        self,
        task: Task | str | list[Task | str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Any:
        """Run a task and print its content. Takes and returns what `do_async` does."""
        result = await self.do_async(
            task,
            model=model,
            debug=debug,
            retry=retry,
            return_output=return_output,
            timeout=timeout,
            hitl_handler=hitl_handler,
            external_tool_executor=external_tool_executor,
            user_id=user_id,
            session_id=session_id,
            metadata=metadata,
        )
        if not self.print:
            print_result(result)
        return result

    def print_do(
        self,
        task: Task | str | list[Task | str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: bool = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Any:
        """Run a task, wait for it and print its content. Takes and returns what `do_async` does."""
        run = self.print_do_async(
            task,
            model=model,
            debug=debug,
            retry=retry,
            return_output=return_output,
            timeout=timeout,
            hitl_handler=hitl_handler,
            external_tool_executor=external_tool_executor,
            user_id=user_id,
            session_id=session_id,
            metadata=metadata,
        )
        return run_blocking(run)

    # Continuing

    async def continue_run_async(
        self,
        task: Task | None = None,
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
            timeout: longest time that the call may take, in seconds.
            hitl_handler: resolves each requirement in place, plain or async, until the run no longer pauses.
            external_tool_executor: returns the result of each external tool call.
            tools: tools beside the agent's and the task's.
            allow_changed_tools: run calls whose tool's parameters have changed since they were made.

        Returns:
            The content; None, with a warning, for a run that was paused or cancelled.

        Raises:
            ValueError: neither `task` nor `run_id` is given, or `streaming` is true.
            RunNotFoundError: the database has no such run.
            UnresolvedRequirementsError: the run is paused and not one requirement is resolved.
            RequirementConflictError: somebody decided otherwise before.
            InvalidResolutionError: a decision does not fit.
            RunBusyError: another live process drives the run.
            RunTimeoutError: `timeout` passed; the run is cancelled and can be continued.
            ToolNotAvailableError: the run needs a tool that this process does not have.
        """
        if streaming:
            raise ValueError("a run is continued in direct call mode only: leave streaming=True out")
        database, run_id = self._located(task, run_id)
        call = self._call(
            model,
            debug=debug,
            retry=retry,
            timeout=timeout,
            handlers=Handlers(hitl_handler, external_tool_executor),
            tools=tools,
            database=database,
        )
        run = continue_run(call, run_id, task, requirements, allow_changed_tools=allow_changed_tools)
        return await self._result(run, return_output)

    def continue_run(
        self,
        task: Task | None = None,
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
        run = self.continue_run_async(
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

    # Calls

    def _call(
        self,
        model: str | Model | None,
        *,
        debug: bool,
        retry: int,
        timeout: float | None,
        handlers: Handlers,
        tools: Iterable[Any] | None = None,
        database: Database | None = None,
    ) -> Call:
        return Call(
            identity=self._identity,
            database=database or self.db,
            model=self.model if model is None else resolved_model(model, self.settings),
            tools=[*self.tools, *(tools or ())],
            settings=self.settings,
            attempts=self.retry if retry == 1 else positive("retry", retry),
            tool_call_limit=self.tool_call_limit,
            on_in_doubt=self.on_in_doubt,
            handlers=handlers,
            limit=TimeLimit(timeout),
            on_run=self._note_run,
            on_output=self._note_output,
            trace=print_trace if debug or self.debug else None,
            listeners=self._listeners,
        )

    def _identity_of_run(
        self, user_id: str | None, session_id: str | None, metadata: dict[str, Any] | None
    ) -> Identity:
        """Who runs, with what the caller says about this one run."""
        who = self._identity
        return who._replace(
            user_id=who.user_id if user_id is None else user_id,
            session_id=who.session_id if session_id is None else session_id,
            metadata=who.metadata if metadata is None else metadata,
        )

    def _note_run(self, run_id: str) -> None:
        self._run_id = run_id

    def _note_output(self, output: AgentRunOutput) -> None:
        self._agent_run_output = output
        if output.is_complete and self._run_id == output.run_id:
            self._run_id = None

    async def _result(self, run: Any, return_output: bool) -> Any:
        try:
            output: AgentRunOutput = await run
        except HaltpointError as error:
            if self.mode == "raise" or not is_failed_run(error):
                raise
            return self._agent_run_output if return_output else False
        if self.print:
            print_result(output)
        if return_output:
            return output
        if not output.is_complete:
            warn_not_completed(output, has_file=not self._has_own_memory)
        return output.output
