"""The `workflow` decorator: an async function as a durable run."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from haltpoint._concurrency.background_loop import run_blocking
from haltpoint._concurrency.threads import in_thread
from haltpoint.agent import Agent
from haltpoint.runtime.console import warn_not_completed
from haltpoint.task import Task
from haltpoint.tools.definition import ToolDefinition, define_tool
from haltpoint.tools.json_form import json_text
from haltpoint.tools.results import json_data
from haltpoint.workflows.branches import current_branch
from haltpoint.workflows.model import WorkflowModel
from haltpoint.workflows.values import ValueType, returned_by

if TYPE_CHECKING:
    from datetime import datetime

    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["Workflow", "workflow"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

# A body asks for steps as its author wrote it: no model runs away here.
_MOST_STEPS = 2**53

_OPTIONS = ("db", "return_output", "timeout", "user_id", "session_id", "metadata", "not_before")


class Workflow(Generic[_P, _R]):
    """An async function whose calls are durable runs. Made by `haltpoint.workflow`.

    Attributes:
        name: its name, under which its runs are listed and workers find them.
        returns: the type of its result.
        agent: drives its runs; its model is the body.
    """

    def __init__(self, function: Callable[_P, Coroutine[Any, Any, _R]], name: str, db: Database | None = None) -> None:
        self._function = function
        self.name = name
        self.returns: ValueType = returned_by(function)
        self.agent: Agent[Any] = Agent(WorkflowModel(self), name=name, db=db, tool_call_limit=_MOST_STEPS)
        self._signature = inspect.signature(function)
        taken = [option for option in _OPTIONS if option in self._signature.parameters]
        if taken:
            raise ValueError(
                f"a parameter of the workflow {name!r} is an option of start or submit: rename {', '.join(taken)}"
            )
        functools.update_wrapper(self, function)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R]:
        """Call the plain function, without a run: its steps are plain functions, too.

        Raises:
            RuntimeError: the body of a workflow calls it.
        """
        if current_branch() is not None:
            raise RuntimeError(
                f"the workflow {self.name!r} can't be called in the body of a workflow: call an async function "
                "without @workflow, whose steps are then the caller's"
            )
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Workflow({self.name!r})"

    def on_database(self, db: Database) -> Workflow[_P, _R]:
        """Return the same workflow, whose runs are kept in `db`."""
        return Workflow(self._function, self.name, db)

    # Starting

    @overload
    async def start(
        self,
        *args: Any,
        db: Database | None = None,
        return_output: Literal[False] = False,
        timeout: float | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> _R | None: ...

    @overload
    async def start(
        self,
        *args: Any,
        db: Database | None = None,
        return_output: Literal[True],
        timeout: float | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> AgentRunOutput[_R]: ...

    async def start(
        self,
        *args: Any,
        db: Database | None = None,
        return_output: bool = False,
        timeout: float | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Start a run and drive it until it stops.

        Args:
            *args: the function's arguments.
            db: where the run is kept, in place of the workflow's own database.
            return_output: return the `AgentRunOutput` instead of the result alone.
            timeout: longest time that the call may take, in seconds.
            user_id: the user that the run is for.
            session_id: the run's session.
            metadata: JSON data kept with the run.
            **kwargs: the function's arguments by name.

        Returns:
            The result; None, with a warning, for a run that was paused or cancelled.

        Raises:
            TypeError: the arguments do not fit the function's parameters.
            ToolArgumentsError: the value of one does not fit its annotation.
            ModelError: the body raised an exception; the error's `run_id` continues the run.
            RunTimeoutError: `timeout` passed; the run is cancelled and can be continued.
        """
        output = await self._agent_on(db).do_async(
            self._task(args, kwargs),
            return_output=True,
            timeout=timeout,
            user_id=user_id,
            session_id=session_id,
            metadata=metadata,
        )
        return await self._result(output, db, return_output=return_output)

    @overload
    def start_sync(
        self,
        *args: Any,
        db: Database | None = None,
        return_output: Literal[False] = False,
        timeout: float | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> _R | None: ...

    @overload
    def start_sync(
        self,
        *args: Any,
        db: Database | None = None,
        return_output: Literal[True],
        timeout: float | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> AgentRunOutput[_R]: ...

    def start_sync(
        self,
        *args: Any,
        db: Database | None = None,
        return_output: bool = False,
        timeout: float | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Do what `start` does, and wait for it; works where an event loop runs, too."""
        begun: Any = self.start
        run: Coroutine[Any, Any, Any] = begun(
            *args,
            db=db,
            return_output=return_output,
            timeout=timeout,
            user_id=user_id,
            session_id=session_id,
            metadata=metadata,
            **kwargs,
        )
        return run_blocking(run)

    async def submit_async(
        self,
        *args: Any,
        db: Database | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        not_before: datetime | None = None,
        **kwargs: Any,
    ) -> str:
        """Put a run on disk for a worker to take up, and return its id at once.

        Takes what `start` does, and `not_before`, an aware datetime: workers take the run from then on.
        """
        task = self._task(args, kwargs)
        agent = self._agent_on(db)
        return await agent.submit_async(
            task, user_id=user_id, session_id=session_id, metadata=metadata, not_before=not_before
        )

    def submit(
        self,
        *args: Any,
        db: Database | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        not_before: datetime | None = None,
        **kwargs: Any,
    ) -> str:
        """Do what `submit_async` does, and wait for the disk; works where an event loop runs, too."""
        return run_blocking(
            self.submit_async(
                *args,
                db=db,
                user_id=user_id,
                session_id=session_id,
                metadata=metadata,
                not_before=not_before,
                **kwargs,
            )
        )

    # Continuing

    @overload
    async def continue_run_async(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: Literal[False] = False,
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> _R | None: ...

    @overload
    async def continue_run_async(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: Literal[True],
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[_R]: ...

    async def continue_run_async(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: bool = False,
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> Any:
        """Continue a run that was paused, cancelled, failed or orphaned by a process that died.

        The body runs from its beginning; no finished step of it runs again. On a completed run it returns the stored
        result and calls nothing.

        Args:
            run_id: the run.
            db: where it is, in place of the workflow's own database.
            return_output: return the `AgentRunOutput` instead of the result alone.
            timeout: longest time that the call may take, in seconds.
            allow_changed_code: go on although the body no longer asks for a step that is finished.
            allow_changed_tools: run steps whose module or parameters changed since they were planned.

        Returns:
            The result; None, with a warning, for a run that was paused or cancelled.

        Raises:
            WorkflowChangedError: the body no longer asks for a step that is finished; the run stays as it was.
            HaltpointError: what `Agent.continue_run_async` raises.
        """
        output = await self._agent_on(db).continue_run_async(
            run_id=run_id,
            model=WorkflowModel(self, allow_changed_code=allow_changed_code),
            return_output=True,
            timeout=timeout,
            allow_changed_tools=allow_changed_tools,
        )
        return await self._result(output, db, return_output=return_output)

    @overload
    def continue_run(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: Literal[False] = False,
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> _R | None: ...

    @overload
    def continue_run(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: Literal[True],
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[_R]: ...

    def continue_run(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: bool = False,
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> Any:
        """Do what `continue_run_async` does, and wait for it; works where an event loop runs, too."""
        begun: Any = self.continue_run_async
        run: Coroutine[Any, Any, Any] = begun(
            run_id,
            db=db,
            return_output=return_output,
            timeout=timeout,
            allow_changed_code=allow_changed_code,
            allow_changed_tools=allow_changed_tools,
        )
        return run_blocking(run)

    @overload
    async def wait_and_continue_async(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: Literal[False] = False,
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> _R | None: ...

    @overload
    async def wait_and_continue_async(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: Literal[True],
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[_R]: ...

    async def wait_and_continue_async(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: bool = False,
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> Any:
        """Wait until people have decided all that a run asks for, and continue it, until it no longer pauses.

        Takes, returns and raises what `continue_run_async` does.
        """
        output = await self._agent_on(db).wait_and_continue_async(
            run_id,
            model=WorkflowModel(self, allow_changed_code=allow_changed_code),
            return_output=True,
            timeout=timeout,
            allow_changed_tools=allow_changed_tools,
        )
        return await self._result(output, db, return_output=return_output)

    @overload
    def wait_and_continue(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: Literal[False] = False,
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> _R | None: ...

    @overload
    def wait_and_continue(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: Literal[True],
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> AgentRunOutput[_R]: ...

    def wait_and_continue(
        self,
        run_id: str,
        *,
        db: Database | None = None,
        return_output: bool = False,
        timeout: float | None = None,
        allow_changed_code: bool = False,
        allow_changed_tools: bool = False,
    ) -> Any:
        """Do what `wait_and_continue_async` does, and wait for it; works where an event loop runs, too."""
        begun: Any = self.wait_and_continue_async
        run: Coroutine[Any, Any, Any] = begun(
            run_id,
            db=db,
            return_output=return_output,
            timeout=timeout,
            allow_changed_code=allow_changed_code,
            allow_changed_tools=allow_changed_tools,
        )
        return run_blocking(run)

    # For the model

    def body_of(self, description: str) -> Coroutine[Any, Any, _R]:
        """Return the body, called with the arguments that a run's description holds."""
        arguments = self._definition.bind(json.loads(description))
        function: Callable[..., Coroutine[Any, Any, _R]] = self._function
        return function(**arguments)

    @functools.cached_property
    def _definition(self) -> ToolDefinition:
        """The function as a tool, which knows how to check arguments and to make objects of them."""
        return define_tool(self._function)

    def _task(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Task[Any]:
        bound = self._signature.bind(*args, **kwargs).arguments
        arguments = {name: json_data(value) for name, value in bound.items()}
        checked = self._definition.parse_arguments(arguments)
        return Task(json_text(checked))

    def _agent_on(self, db: Database | None) -> Agent[Any]:
        return self.agent if db is None else self.agent.on_database(db)

    async def _result(self, output: AgentRunOutput[Any], db: Database | None, *, return_output: bool) -> Any:
        if output.is_complete:
            await self._read(output)
        if return_output:
            return output
        if not output.is_complete:
            await warn_not_completed(output, has_file=db is not None or not self.agent.db.in_memory)
            return None
        return output.output

    async def _read(self, output: AgentRunOutput[Any]) -> None:
        """Make the value of the text that the run's output is."""
        content = output._content  # pyright: ignore[reportPrivateUsage]
        if not self.returns.is_text and isinstance(content.output, str):
            # It may call validators of users' types.
            content.take_value(await in_thread(functools.partial(self.returns.read, content.output)))


@overload
def workflow(function: Callable[_P, Coroutine[Any, Any, _R]], /) -> Workflow[_P, _R]: ...


@overload
def workflow(
    *, name: str | None = None, db: Database | None = None
) -> Callable[[Callable[_P, Coroutine[Any, Any, _R]]], Workflow[_P, _R]]: ...


def workflow(function: Any = None, /, *, name: str | None = None, db: Database | None = None) -> Any:
    """Make a durable run of each call of an async function.

    Its body may await steps: functions with `@step`, `ask`, `confirm`, `external`, `now` and so on. Each is kept in the
    run's journal, so that the body can be run again from its beginning in any process and comes back to where it was.
    Whatever else it depends on must be the same each time.

    Args:
        function: the function, when the decorator is used without parentheses. Its arguments and its result are JSON
            data, dataclasses or pydantic models.
        name: the name of its runs, in place of the function's own. Workers find runs by it.
        db: where its runs are kept. Without one they live in this process's memory, unless `start` is given one.

    Raises:
        TypeError: it is not an async function, or its parameters can't be passed by name.
    """

    def decorate(decorated: Any) -> Workflow[..., Any]:
        if not inspect.iscoroutinefunction(decorated):
            raise TypeError(f"@workflow decorates an async function, and this is none: {decorated!r}")
        return Workflow(decorated, name or decorated.__name__, db)

    return decorate if function is None else decorate(function)
