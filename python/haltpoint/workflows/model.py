"""The body of a workflow in the place of a model: what it asks for are tool calls, what it returns is the answer."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from haltpoint.exception_text import exception_text
from haltpoint.exceptions import ModelError, WorkflowChangedError
from haltpoint.models.base import ModelReply
from haltpoint.models.planning import PlannedStep, StepsReply
from haltpoint.workflows.body import Body, HaltedError
from haltpoint.workflows.outcomes import Outcome

if TYPE_CHECKING:
    from haltpoint._engine import Session
    from haltpoint.models.base import ModelRequest
    from haltpoint.tools.definition import ToolDefinition
    from haltpoint.workflows.definition import Workflow

__all__ = ["WorkflowModel"]

REPLAY_CHECK = "HALTPOINT_REPLAY_CHECK"

# As many as a model may ask for at once.
_AT_ONCE = 1_000


class WorkflowModel:
    """Makes the model of each run of a workflow.

    Args:
        workflow: the workflow.
        allow_changed_code: go on although a body no longer asks for a step that is finished.
    """

    def __init__(self, workflow: Workflow[..., Any], *, allow_changed_code: bool = False) -> None:
        self.name = "workflow"
        self._workflow = workflow
        self._allow_changed_code = allow_changed_code

    def for_run(self, tools: dict[str, ToolDefinition]) -> _BodyModel:
        """Return the model of one run."""
        return _BodyModel(self._workflow, tools, allow_changed_code=self._allow_changed_code)

    async def request(self, request: ModelRequest) -> ModelReply:
        """Answer nothing: `for_run` makes what answers."""
        raise ModelError("the body of a workflow answers for one run: start it with start or submit")


class _BodyModel:
    """A workflow's body as the model of one run."""

    def __init__(
        self, workflow: Workflow[..., Any], tools: dict[str, ToolDefinition], *, allow_changed_code: bool
    ) -> None:
        self.name = "workflow"
        self._workflow = workflow
        self._tools = tools
        self._allow_changed_code = allow_changed_code
        self._session: Session | None = None
        self._body: Body | None = None
        self._seen = 0
        self._is_asked = False
        self._ask: Callable[[], None] | None = None

    async def replay(self, session: Session) -> None:
        """Get to where the run's journal ends."""
        await self.end(cancelled=False)
        body = self._body = self._begun(session)
        body.take_open(session.unfinished_calls())
        try:
            self._take_outcomes(session, body)
            await body.advance()
        except BaseException:
            await self.end(cancelled=False)
            raise

    def begin(self, session: Session, ask: Callable[[], None]) -> None:
        """Get ready for the first request."""
        self._session, self._ask = session, ask
        if self._body is None:
            self._body = self._begun(session)
        self._body.on_move = self._moved

    async def end(self, *, cancelled: bool) -> None:
        """Drop the body."""
        body, self._body, self._seen = self._body, None, 0
        if body is not None:
            await body.end(asyncio.CancelledError if cancelled else HaltedError)

    async def request(self, request: ModelRequest) -> ModelReply:
        """Let the body go on; return the steps that it asks for, or its answer once all of them have an outcome."""
        body, session = self._body, self._session
        if body is None or session is None:
            raise ModelError("the body of the workflow does not run")
        self._is_asked = True
        try:
            while True:
                self._take_outcomes(session, body)
                await body.advance()
                if body.is_checked:
                    await self._check(session, body)
                if (body.has_new or body.has_open) and not body.has_failed:
                    return self._steps(body)
                if body.is_done:
                    return ModelReply(text=self._answer(body))
                await body.until_moved()
        finally:
            self._is_asked = False
            if body.has_new:
                self._moved()

    def _begun(self, session: Session) -> Body:
        started = json.loads(session.started_json())
        body = Body(
            self._workflow.body_of(started["description"]),
            session.run_id,
            self._tools,
            allow_changed_code=self._allow_changed_code,
        )
        body.is_checked = os.environ.get(REPLAY_CHECK) == "1"
        return body

    def _take_outcomes(self, session: Session, body: Body) -> None:
        outcomes = [Outcome(*call) for call in session.finished_calls(self._seen)]
        self._seen += len(outcomes)
        body.take_finished(outcomes)

    def _moved(self) -> None:
        if not self._is_asked:
            asyncio.get_running_loop().call_soon(self._ask_for_new)

    def _ask_for_new(self) -> None:
        if not self._is_asked and self._ask is not None and self._body is not None and self._body.has_new:
            self._ask()

    def _steps(self, body: Body) -> StepsReply:
        steps = body.take_new(_AT_ONCE)
        return StepsReply(
            tool_calls=[
                PlannedStep(step.definition.name, dict(step.arguments), step.step_id, step.definition) for step in steps
            ]
        )

    def _answer(self, body: Body) -> str:
        name = self._workflow.name
        try:
            return self._workflow.returns.write(body.result())
        except asyncio.CancelledError as error:
            raise ModelError(f"the workflow {name!r} cancelled itself") from error
        except Exception as error:
            raise ModelError(f"the workflow {name!r} raised {exception_text(error)}") from error

    async def _check(self, session: Session, body: Body) -> None:
        """Replay all outcomes so far with a fresh body, and compare what both ask for.

        Raises:
            WorkflowChangedError: they differ.
        """
        again = self._begun(session)
        again.take_open(session.unfinished_calls())
        again.take_finished(Outcome(*call) for call in session.finished_calls(0)[: self._seen])
        try:
            await again.advance()
            (waits, is_done), (waited, was_done) = again.asked_for, body.asked_for
        finally:
            await again.end()
        if (waits, is_done) != (waited, was_done):
            steps = sorted(waits ^ waited)
            raise WorkflowChangedError(
                f"the body of run {session.run_id} took another way when it was replayed: it differs in "
                f"{', '.join(steps) or 'whether it is done'}; a body may depend on its arguments and steps only",
                run_id=session.run_id,
                steps=steps,
            )
