"""Starting runs: the forms of `do`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from haltpoint._concurrency.background_loop import run_blocking
from haltpoint._concurrency.time_limit import TimeLimit
from haltpoint.generics import FailureT_co, OutputT, typed_as
from haltpoint.resolution.commit import Handlers
from haltpoint.runtime.call_arguments import fresh_task
from haltpoint.runtime.call_forms import Calling
from haltpoint.runtime.console import print_result
from haltpoint.runtime.lifecycle import start_run
from haltpoint.task import Task

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from haltpoint.models.base import Model
    from haltpoint.resolution.commit import HitlHandler
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.runtime.call import Identity

__all__ = ["Starting"]


class Starting(Calling[FailureT_co]):
    """The part of `haltpoint.Agent` that starts runs."""

    @overload
    async def do_async(
        self,
        task: str,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> str | FailureT_co | None: ...

    @overload
    async def do_async(
        self,
        task: str,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> AgentRunOutput[str]: ...

    @overload
    async def do_async(
        self,
        task: Task[OutputT],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> OutputT | FailureT_co | None: ...

    @overload
    async def do_async(
        self,
        task: Task[OutputT],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> AgentRunOutput[OutputT]: ...

    @overload
    async def do_async(
        self,
        task: str,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: bool,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> AgentRunOutput[str] | str | FailureT_co | None: ...

    @overload
    async def do_async(
        self,
        task: Task[OutputT],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: bool,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> AgentRunOutput[OutputT] | OutputT | FailureT_co | None: ...

    @overload
    async def do_async(
        self,
        task: list[str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[str | FailureT_co | None]: ...

    @overload
    async def do_async(
        self,
        task: list[str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[AgentRunOutput[str]]: ...

    @overload
    async def do_async(
        self,
        task: list[Task[OutputT]],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[OutputT | FailureT_co | None]: ...

    @overload
    async def do_async(
        self,
        task: list[Task[OutputT]],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[AgentRunOutput[OutputT]]: ...

    @overload
    async def do_async(
        self,
        task: list[Task[OutputT] | str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[OutputT | str | FailureT_co | None]: ...

    @overload
    async def do_async(
        self,
        task: list[Task[OutputT] | str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[AgentRunOutput[OutputT | str]]: ...

    @overload
    async def do_async(
        self,
        task: list[Task[Any] | str],
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
        key: None = None,
    ) -> list[Any]: ...

    async def do_async(
        self,
        task: Task[Any] | str | list[Any],
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
        key: str | None = None,
    ) -> Any:
        """Run a task, or several one after the other.

        Args:
            task: a `Task`, a str, or a list of them, for which a list comes back.
            model: another model than the agent's.
            debug: print to standard error what happens.
            retry: how often a model request is tried at most, where the agent says 1.
            return_output: return the `AgentRunOutput` instead of the content alone.
            timeout: longest time that the call may take, handlers and all tasks included, in seconds.
            hitl_handler: resolves each requirement in place, plain or async, until the run no longer pauses or it
                leaves one undecided.
            external_tool_executor: returns the result of each external tool call.
            user_id: the user that the run is for, in place of the agent's.
            session_id: the session of the run, in place of the agent's.
            metadata: JSON data kept with the run, in place of the agent's.
            key: names this call among all of the agent's name in the database, such as "order-17". Where the run was
                started under it before, in whichever process, that one is gone on with, or waited for where somebody
                drives it; one that is over is returned. Not for several tasks.

        Returns:
            The content; None, with a warning, for a run that was paused or cancelled.

        Raises:
            RunConflictError: the run of this key was started with another task or other arguments.
            ModelError: the model failed; the error's `run_id` continues the run.
            ToolCallLimitError: the model asked for more tool calls than the run may make.
            RunTimeoutError: `timeout` passed; the run is cancelled, or still paused where a handler was asked, and can
                be continued.
            UnfinishedRunError: the task has a run that is not finished: continue that one.
        """
        if key is not None and isinstance(task, list):
            raise ValueError("a key names one run: give it with one task")
        started = functools.partial(
            self._started,
            model=model,
            debug=debug,
            retry=retry,
            limit=TimeLimit(timeout),
            handlers=Handlers(hitl_handler, external_tool_executor),
            identity=self._identity_of_run(user_id, session_id, metadata),
            run_id=self._id_of_run(key),
        )
        if isinstance(task, list):
            return [await self._result(started(each), return_output) for each in task]
        return await self._result(started(task), return_output)

    def _started(
        self,
        task: Task[Any] | str,
        *,
        model: str | Model | None,
        debug: bool,
        retry: int,
        limit: TimeLimit,
        handlers: Handlers,
        identity: Identity,
        run_id: str | None,
    ) -> Awaitable[AgentRunOutput[Any]]:
        task = Task(task) if isinstance(task, str) else fresh_task(task)
        call = self._call(model, debug=debug, retry=retry, limit=limit, handlers=handlers)
        return start_run(call._replace(identity=identity), task, run_id)

    @overload
    def do(
        self,
        task: str,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> str | FailureT_co | None: ...

    @overload
    def do(
        self,
        task: str,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> AgentRunOutput[str]: ...

    @overload
    def do(
        self,
        task: Task[OutputT],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> OutputT | FailureT_co | None: ...

    @overload
    def do(
        self,
        task: Task[OutputT],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> AgentRunOutput[OutputT]: ...

    @overload
    def do(
        self,
        task: str,
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: bool,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> AgentRunOutput[str] | str | FailureT_co | None: ...

    @overload
    def do(
        self,
        task: Task[OutputT],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: bool,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> AgentRunOutput[OutputT] | OutputT | FailureT_co | None: ...

    @overload
    def do(
        self,
        task: list[str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[str | FailureT_co | None]: ...

    @overload
    def do(
        self,
        task: list[str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[AgentRunOutput[str]]: ...

    @overload
    def do(
        self,
        task: list[Task[OutputT]],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[OutputT | FailureT_co | None]: ...

    @overload
    def do(
        self,
        task: list[Task[OutputT]],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[AgentRunOutput[OutputT]]: ...

    @overload
    def do(
        self,
        task: list[Task[OutputT] | str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        return_output: Literal[False] = False,
        *,
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[OutputT | str | FailureT_co | None]: ...

    @overload
    def do(
        self,
        task: list[Task[OutputT] | str],
        model: str | Model | None = None,
        debug: bool = False,
        retry: int = 1,
        *,
        return_output: Literal[True],
        timeout: float | None = None,
        hitl_handler: HitlHandler | None = None,
        external_tool_executor: HitlHandler | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: None = None,
    ) -> list[AgentRunOutput[OutputT | str]]: ...

    @overload
    def do(
        self,
        task: list[Task[Any] | str],
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
        key: None = None,
    ) -> list[Any]: ...

    def do(
        self,
        task: Task[Any] | str | list[Any],
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
        key: str | None = None,
    ) -> Any:
        """Run a task and wait for it. Takes what `do_async` takes; works where an event loop runs, too."""
        run: Any = self.do_async(
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
            key=cast("Any", key),
        )
        return run_blocking(run)

    @typed_as(do_async)
    async def print_do_async(
        self,
        task: Task[Any] | str | list[Any],
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
        key: str | None = None,
    ) -> Any:
        """Run a task and print its content. Takes and returns what `do_async` does."""
        result: Any = await self.do_async(
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
            key=cast("Any", key),
        )
        if not self.print:
            print_result(result)
        return result

    @typed_as(do)
    def print_do(
        self,
        task: Task[Any] | str | list[Any],
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
        key: str | None = None,
    ) -> Any:
        """Run a task, wait for it and print its content. Takes and returns what `do_async` does."""
        run: Any = self.print_do_async(
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
            key=cast("Any", key),
        )
        return run_blocking(run)
