"""What the forms of a call have in common: what an agent brings to it, and what its caller gets back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal

from haltpoint._concurrency.threads import in_thread
from haltpoint._engine import keyed_run_id
from haltpoint.exceptions import HaltpointError
from haltpoint.generics import FailureT_co
from haltpoint.given_text import checked_text
from haltpoint.runtime.call import Call, Identity
from haltpoint.runtime.call_arguments import checked_metadata, positive, resolved_model
from haltpoint.runtime.console import print_result, print_trace, warn_not_completed
from haltpoint.runtime.failures import is_failed_run

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from haltpoint._concurrency.time_limit import TimeLimit
    from haltpoint.db.database import Database
    from haltpoint.models.base import Model
    from haltpoint.resolution.commit import Handlers
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.runtime.event_listeners import Listeners

__all__ = ["Calling", "content_of"]


class Calling(Generic[FailureT_co]):
    """The part of `haltpoint.Agent` that all its calls rest on; the agent sets what is declared here."""

    model: Model
    name: str | None
    db: Database
    tools: list[Any]
    retry: int
    mode: Literal["raise", "return_false"]
    on_in_doubt: Literal["ask", "retry", "fail"]
    tool_call_limit: int
    settings: dict[str, Any]
    debug: bool
    print: bool | None
    _has_own_memory: bool
    _listeners: Listeners
    _identity: Identity
    _run_id: str | None
    _agent_run_output: AgentRunOutput[Any] | None

    def _call(
        self,
        model: str | Model | None,
        *,
        debug: bool,
        retry: int,
        limit: TimeLimit,
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
            limit=limit,
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
            user_id=checked_text("user_id", who.user_id if user_id is None else user_id),
            session_id=checked_text("session_id", who.session_id if session_id is None else session_id),
            metadata=who.metadata if metadata is None else checked_metadata(metadata),
        )

    def _id_of_run(self, key: str | None) -> str | None:
        """The id of the run that this agent starts under a key; None where there is no key.

        Raises:
            TypeError: the key is no text.
            ValueError: it is empty, or the agent has no name.
        """
        if checked_text("key", key) is None:
            return None
        if not key:
            raise ValueError("a key must have a character")
        if self.name is None:
            raise ValueError("a key is one of an agent's name: give the agent one, Agent(name=...)")
        return keyed_run_id(self.name, key)

    def _note_run(self, run_id: str) -> None:
        self._run_id = run_id

    def _note_output(self, output: AgentRunOutput[Any]) -> None:
        self._agent_run_output = output
        if output.is_complete and self._run_id == output.run_id:
            self._run_id = None

    async def _result(self, run: Awaitable[AgentRunOutput[Any]], return_output: bool) -> Any:
        try:
            output = await run
        except HaltpointError as error:
            if self.mode == "raise" or not is_failed_run(error):
                raise
            return self._agent_run_output if return_output else False
        content = None if return_output and not self.print else await content_of(output)
        if self.print:
            print_result(output)
        if return_output:
            return output
        if not output.is_complete:
            await warn_not_completed(output, has_file=not self._has_own_memory)
        return content


async def content_of(output: AgentRunOutput[Any]) -> Any:
    """Return the answer of a run. What reads it may call validators of users' types: beside the event loop then."""
    if output._content.is_read:  # pyright: ignore[reportPrivateUsage]
        return output.output
    return await in_thread(lambda: output.output)
