"""Starting runs: the forms of `do`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal, overload

from haltpoint.driving.arguments import fresh_task
from haltpoint.driving.background import run_blocking
from haltpoint.driving.calling import Calling
from haltpoint.driving.decisions import Handlers
from haltpoint.driving.runs import start_run
from haltpoint.driving.telling import print_result
from haltpoint.generics import FailureT_co, OutputT, typed_as
from haltpoint.task import Task

if TYPE_CHECKING:
    from haltpoint.driving.decisions import HitlHandler
    from haltpoint.models.base import Model
    from haltpoint.run.agent.output import AgentRunOutput

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
    ) -> AgentRunOutput[OutputT]: ...

    @overload
    async def do_async(
        self,
        task: Task[OutputT] | str,
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
    ) -> AgentRunOutput[OutputT | str] | OutputT | str | FailureT_co | None: ...

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
    ) -> AgentRunOutput[OutputT]: ...

    @overload
    def do(
        self,
        task: Task[OutputT] | str,
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
    ) -> AgentRunOutput[OutputT | str] | OutputT | str | FailureT_co | None: ...

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
        )
        return run_blocking(run)
