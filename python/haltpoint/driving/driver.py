"""The driver: performs what the engine asks for and reports what came of it, until the run stops.

Everything here happens on the event loop's thread. Outcomes are fed to the engine as they come; what must not be seen
before it is on disk comes back from the engine once it is.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from haltpoint._engine import InterruptTool, ReconcileTool, RequestModel, StartTool, Stop
from haltpoint.driving.answers import judge
from haltpoint.driving.conversation import extend_log
from haltpoint.driving.model_caller import ask
from haltpoint.driving.planning import PlannedReply, plan_reply
from haltpoint.driving.reconciler import reconcile
from haltpoint.driving.tool_runner import ToolOutcome, run_tool
from haltpoint.exceptions import ModelError
from haltpoint.models.base import MessageLog, ModelRequest
from haltpoint.tools.context import ToolCallContext
from haltpoint.tools.reconcile import NotStarted, Unknown

if TYPE_CHECKING:
    from haltpoint._engine import OutsiderNotice, Session
    from haltpoint.bridge import LoopBridge
    from haltpoint.models.base import Model, ModelReply, ToolSpec
    from haltpoint.tools.definition import ToolDefinition

    Effect = RequestModel | StartTool | ReconcileTool | InterruptTool | Stop
    Handed = tuple[list[Effect], int | None]

__all__ = ["DriveOptions", "Notices", "RunDriver"]


@dataclass(frozen=True, slots=True)
class DriveOptions:
    """What a driver works with.

    Attributes:
        model: who is asked.
        tools: the tools by name.
        tool_specs: the same as the model is told of them.
        settings: for the model's requests.
        attempts: how often a model request is tried at most.
        response_format: `str`, or a pydantic model class.
        trace: called with a line for each thing that happens.
    """

    model: Model
    tools: Mapping[str, ToolDefinition]
    tool_specs: Sequence[ToolSpec]
    settings: Mapping[str, Any]
    attempts: int = 1
    response_format: Any = str
    trace: Callable[[str], None] | None = None


@dataclass(slots=True)
class _RunningCall:
    task: asyncio.Task[ToolOutcome]
    context: ToolCallContext
    is_async: bool
    started: float
    interrupted: bool = field(default=False)


class Notices:
    """What others write into a run's journal, on its way to the run's driver."""

    def __init__(self) -> None:
        self._early: list[OutsiderNotice] = []
        self._listener: Callable[[OutsiderNotice], None] | None = None

    def put(self, notice: OutsiderNotice) -> None:
        """Hand a notice on, or keep it until somebody listens."""
        if self._listener is None:
            self._early.append(notice)
        else:
            self._listener(notice)

    def listen(self, listener: Callable[[OutsiderNotice], None]) -> None:
        """Hand all notices to `listener`, first those that came before."""
        self._listener = listener
        for notice in self._early:
            listener(notice)
        self._early.clear()


class RunDriver:
    """Drives one run through one session, once.

    Attributes:
        error: the exception that the model failed with, when it did.
        on_commit: called after each commit.
    """

    def __init__(self, session: Session, bridge: LoopBridge, options: DriveOptions) -> None:
        self.error: ModelError | None = None
        self.on_commit: Callable[[], None] | None = None
        self._session = session
        self._bridge = bridge
        self._options = options
        self._log = MessageLog()
        self._request: asyncio.Task[None] | None = None
        self._calls: dict[str, _RunningCall] = {}
        self._reconciling: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._cancel_reason = "cancelled"
        self._has_begun = False
        # Whether the run is to be given back, and if so, whether in a hurry.
        self._hand_back_asked: bool | None = None

    @property
    def run_id(self) -> str:
        """The run that is driven."""
        return self._session.run_id

    async def drive(self, begin: Callable[[], Handed], notices: Notices) -> None:
        """Drive until the run stops; then its status says why.

        When the awaiting task is cancelled, the run is: async tools are cancelled, plain ones are waited for, and
        what they return is kept. A second cancellation waits for nothing any more; calls that still run are in doubt
        then.

        Args:
            begin: feeds the session its first input.
            notices: what others write into the run's journal meanwhile.

        Raises:
            HaltpointError: the store failed, or the run was taken over.
            asyncio.CancelledError: the awaiting task was cancelled; the run is stored as cancelled.
        """
        self._guarded(lambda: self._handle(begin()))
        self._has_begun = True
        notices.listen(self._notice)
        if self._hand_back_asked is not None:
            self.hand_back(in_a_hurry=self._hand_back_asked)
        try:
            await asyncio.shield(self._stopped)
        except asyncio.CancelledError:
            if self._stopped.done():
                raise
            await self._wind_down()
            raise
        finally:
            self._drop_questions()

    def cancel(self, *, interrupt: bool, by: str) -> None:
        """Ask the run to stop. Safe to call from any thread.

        Args:
            interrupt: cancel running async tools, too, instead of letting them finish.
            by: who or what asks, for the journal.
        """
        self._loop.call_soon_threadsafe(self._cancel, interrupt, by)

    def hand_back(self, *, in_a_hurry: bool) -> None:
        """Stop without stopping the run: another driver goes on with it. To be called on the event loop.

        Args:
            in_a_hurry: do not wait for steps that run. Tool calls among them are in doubt then.
        """
        self._hand_back_asked = in_a_hurry
        if self._has_begun and not self._stopped.done():
            self._guarded(lambda: self._handle(self._session.notify_handed_back(in_a_hurry)))

    def _notice(self, notice: OutsiderNotice) -> None:
        """Take in what somebody else wrote into the run's journal."""
        if self._stopped.done():
            return
        if notice.kind == "cancel_requested":
            self._mark_cancelled("cancelled by another process")
        self._guarded(lambda: self._handle(self._session.notify_outsider(notice)))

    # Stopping

    async def _wind_down(self) -> None:
        self._cancel(True, "the awaiting task was cancelled")
        try:
            await asyncio.shield(self._stopped)
        except asyncio.CancelledError:
            self._abandon()
            raise

    def _cancel(self, interrupt: bool, by: str) -> None:
        if self._stopped.done():
            return
        self._mark_cancelled(by)
        self._guarded(lambda: self._handle(self._session.notify_cancelled(interrupt, by)))

    def _mark_cancelled(self, reason: str) -> None:
        self._cancel_reason = reason
        for call in self._calls.values():
            call.context.mark_cancelled()

    def _abandon(self) -> None:
        for call_id in list(self._calls):
            self._calls.pop(call_id).task.cancel()
            self._guarded(functools.partial(self._report_abandoned, call_id))

    def _report_abandoned(self, call_id: str) -> None:
        self._handle(self._session.notify_tool_interrupted(call_id, "abandoned"))

    def _stop(self) -> None:
        self._session.pass_fault_point("before_stop")
        self._drop_questions()
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _drop_questions(self) -> None:
        for task in self._reconciling:
            task.cancel()
        if self._request is not None and not self._request.done():
            self._request.cancel()
        self._request = None

    def _fail(self, error: BaseException) -> None:
        """Nothing can be written any more: stop what can be stopped, and tell the caller."""
        self._drop_questions()
        for call in self._calls.values():
            call.context.mark_cancelled()
            if call.is_async:
                call.task.cancel()
        if not self._stopped.done():
            self._stopped.set_exception(error)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run a step of a callback; its exception is the run's caller's, not the event loop's."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - passed on whole: `drive` raises it
            self._fail(error)

    # Effects

    def _handle(self, handed: Handed) -> None:
        effects, ticket = handed
        if ticket is not None:
            self.expect(ticket)
        self._perform(effects)

    def expect(self, ticket: int) -> None:
        """Perform the effects that come under `ticket` once they are on disk."""
        self._bridge.wait(ticket).add_done_callback(self._committed)

    def _committed(self, future: asyncio.Future[list[Effect]]) -> None:
        if self._stopped.done():
            # The caller has its answer. Asked for all the same, so that a failure does not look forgotten.
            if not future.cancelled():
                future.exception()
            return
        if self.on_commit is not None:
            self.on_commit()
        self._guarded(lambda: self._perform(future.result()))

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, StartTool):
                self._start_tool(effect)
            elif isinstance(effect, RequestModel):
                self._request = self._loop.create_task(self._request_model())
            elif isinstance(effect, ReconcileTool):
                self._start_reconciling(effect)
            elif isinstance(effect, InterruptTool):
                self._interrupt(effect.call_id)
            else:
                self._stop()

    # The model

    async def _request_model(self) -> None:
        self._trace("asking the model")
        started = time.monotonic()
        try:
            reply = await self._planned_reply(started)
        except ModelError as error:
            self.error = error
            self._request = None
            self._guarded(functools.partial(self._report_failure, error, started))
        except Exception as error:  # noqa: BLE001 - passed on whole: `drive` raises it
            self._request = None
            self._fail(error)
        else:
            self._request = None
            self._guarded(lambda: self._handle(self._report_reply(reply)))

    async def _planned_reply(self, started: float) -> PlannedReply:
        options = self._options
        extend_log(self._log, self._session)
        request = ModelRequest(self._log.view(), options.tool_specs, options.settings, self._session.first_new_message)
        self._session.pass_fault_point("before_model_request")
        return await ask(
            options.model, request, options.attempts, lambda reply, attempt: self._plan(reply, attempt, started)
        )

    async def _plan(self, reply: ModelReply, attempt: int, started: float) -> PlannedReply:
        is_final = not reply.tool_calls
        verdict = judge(reply.text, self._options.response_format if is_final else str, self._session.refusals)
        return await plan_reply(
            reply, self._options.tools, duration_us=_micros_since(started), attempt=attempt, verdict=verdict
        )

    def _report_reply(self, reply: PlannedReply) -> Handed:
        self._session.pass_fault_point("after_model_reply")
        return self._session.notify_model_replied(reply)

    def _report_failure(self, error: ModelError, started: float) -> None:
        self._trace(f"the model failed: {error}")
        message = str(error).encode("utf-8", "replace").decode()
        duration = _micros_since(started)
        self._handle(self._session.notify_model_failed(message, error.provider, error.status_code, duration))

    # Tools

    def _start_tool(self, start: StartTool) -> None:
        self._trace(f"running {start.name}({start.args})")
        context = ToolCallContext(self.run_id, start.call_id, start.name, start.idempotency_key, start.attempt)
        definition = self._options.tools[start.name]
        self._session.pass_fault_point("before_tool")
        task = self._loop.create_task(run_tool(definition, start.args, context))
        self._calls[start.call_id] = _RunningCall(task, context, definition.is_async, time.monotonic())
        task.add_done_callback(lambda task: self._tool_done(start.call_id, task))

    def _start_reconciling(self, effect: ReconcileTool) -> None:
        self._trace(f"asking {effect.name} what became of call {effect.call_id}")
        task = self._loop.create_task(self._reconcile(effect))
        self._reconciling.add(task)
        task.add_done_callback(self._reconciling.discard)

    async def _reconcile(self, effect: ReconcileTool) -> None:
        self._session.pass_fault_point("before_reconcile")
        answer = await reconcile(self._options.tools[effect.name], effect, self.run_id)
        self._guarded(lambda: self._handle(self._report_reconciled(effect.call_id, answer)))

    def _report_reconciled(self, call_id: str, answer: str | NotStarted | Unknown) -> Handed:
        self._session.pass_fault_point("after_reconcile")
        if isinstance(answer, NotStarted):
            return self._session.notify_not_started(call_id)
        if isinstance(answer, Unknown):
            return self._session.notify_unknown(call_id, answer.reason)
        return self._session.notify_reconciled(call_id, answer)

    def _interrupt(self, call_id: str) -> None:
        call = self._calls.get(call_id)
        if call is not None and call.is_async and not call.interrupted:
            call.interrupted = True
            call.task.cancel()

    def _tool_done(self, call_id: str, task: asyncio.Task[ToolOutcome]) -> None:
        call = self._calls.pop(call_id, None)
        if call is None or self._stopped.done():
            return
        self._guarded(lambda: self._handle(self._report_outcome(call_id, call, task)))

    def _report_outcome(self, call_id: str, call: _RunningCall, task: asyncio.Task[ToolOutcome]) -> Handed:
        self._session.pass_fault_point("after_tool")
        if task.cancelled():
            if call.interrupted:
                return self._session.notify_tool_interrupted(call_id, self._cancel_reason)
            outcome = ToolOutcome("The tool cancelled itself.", is_error=True)
        else:
            outcome = task.result()
        self._trace(f"{call.context.tool_name} {'failed' if outcome.is_error else 'returned'}")
        return self._session.notify_tool_finished(
            call_id, outcome.content, outcome.is_error, _micros_since(call.started)
        )

    def _trace(self, line: str) -> None:
        if self._options.trace is not None:
            self._options.trace(line)


def _micros_since(started: float) -> int:
    return int((time.monotonic() - started) * 1_000_000)
