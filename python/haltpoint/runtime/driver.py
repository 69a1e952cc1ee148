"""The driver: performs what the engine asks for and reports what came of it, until the run stops.

Everything here happens on the event loop's thread. Outcomes are fed to the engine as they come; what must not be seen
before it is on disk comes back from the engine once it is.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from haltpoint._concurrency.lasting_wait import outlast
from haltpoint._concurrency.threads import in_thread
from haltpoint._concurrency.time_limit import GRACE
from haltpoint._concurrency.user_code import cancelled_by_itself
from haltpoint._engine import InterruptTool, ReconcileTool, RequestModel, StartTool, Stop, learn_replies
from haltpoint.exception_text import message_of, storable, texts_at_once, traceback_text
from haltpoint.exceptions import HaltpointError, LeaseLostError, ModelError, ToolChangedError, ToolNotAvailableError
from haltpoint.logs import log_failure, logger
from haltpoint.models.base import MessageLog, ModelRequest
from haltpoint.models.planning import StepsReply
from haltpoint.runtime.model_request import ask
from haltpoint.runtime.output_validation import judge
from haltpoint.runtime.plan import ACCEPTED, PlannedCall, PlannedReply, plan_reply
from haltpoint.runtime.reconciler import reconcile
from haltpoint.runtime.remembered_approvals import with_approvals
from haltpoint.runtime.running_call import RunningCall
from haltpoint.runtime.tool_call import ToolOutcome, run_tool
from haltpoint.runtime.tool_resolution import check_ready, checks_foreign_code
from haltpoint.runtime.tool_task import tool_task
from haltpoint.sensitive import Masking
from haltpoint.tools.arguments import bind_journaled
from haltpoint.tools.context import RunFacts, ToolCallContext
from haltpoint.tools.json_form import json_text
from haltpoint.tools.reconcile import NotStarted, Unknown

if TYPE_CHECKING:
    from haltpoint._concurrency.loop_bridge import LoopBridge
    from haltpoint._engine import CallToRun, OutsiderNotice, Session
    from haltpoint.models.base import ModelReply
    from haltpoint.runtime.drive_options import DriveOptions
    from haltpoint.runtime.notices import Notices
    from haltpoint.tools.definition import ToolDefinition

    Effect = RequestModel | StartTool | ReconcileTool | InterruptTool | Stop
    Handed = tuple[list[Effect], int | None]

__all__ = ["RunDriver"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_STOPPED_BY_OTHERS = "a task of the run was cancelled by something else"

# How often it is looked whether this process may still count on its lease, in seconds.
_LOOK_EVERY = 0.5

_log = logger("runs")

# Now, while the module is imported and nobody forks.
learn_replies(PlannedReply(None, [PlannedCall(None, "", "{}")], None, None, None, duration_us=0, attempt=1))


class RunDriver:
    """Drives one run through one session, once.

    Attributes:
        run_id: the run that is driven.
        error: the exception that the model failed with, when it did.
        on_commit: called after each commit.
        tells_messages: whether the model is told the conversation; without, a long run costs less.
    """

    def __init__(self, session: Session, bridge: LoopBridge, options: DriveOptions) -> None:
        self.error: ModelError | None = None
        self.on_commit: Callable[[], None] | None = None
        self.tells_messages = True
        self.run_id = session.run_id
        self._session = session
        self._bridge = bridge
        self._options = options
        self._log = MessageLog(native=session.conversation)
        self._request: asyncio.Task[None] | None = None
        self._calls: dict[str, RunningCall] = {}
        self._facts: RunFacts | None = None
        # What the calls of the model's last reply are called with, by their tools' names and their arguments.
        self._bound: dict[tuple[str, str], dict[str, Any]] = {}
        # What was found of the last answer: whoever hands it out need not call validators once more.
        self.verdict = ACCEPTED
        self._reconciling: set[asyncio.Task[None]] = set()
        # What others wrote and is not taken in yet, and the task that checks the first of it.
        self._unread: deque[OutsiderNotice] = deque()
        self._checking: asyncio.Task[bool] | None = None
        self._loop = asyncio.get_running_loop()
        # The caller's: what a tool or a model sets in its own context reaches no other.
        self._context = contextvars.copy_context()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._cancel_reason = "cancelled"
        self._has_begun = False
        # Whether the run is to be given back, and if so, whether in a hurry.
        self._drain_asked: bool | None = None
        self._is_cancelled = False
        self._waits_for_threads = False
        self._interrupt_error: KeyboardInterrupt | None = None
        # Looks after the lease, from when the run is on disk.
        self._lease_watch: asyncio.TimerHandle | None = None

    async def drive(self, begin: Callable[[], Handed], notices: Notices) -> None:
        """Drive until the run stops; then its status says why.

        When the awaiting task is cancelled, the run is: async tools are cancelled, plain ones are waited for, and
        what they return is kept. A second cancellation waits for the disk alone; calls that still run are in doubt
        then. One that is repeated in each turn of the loop, as anyio does it, is one.

        Args:
            begin: feeds the session its first input.
            notices: what others write into the run's journal meanwhile.

        Raises:
            LeaseLostError: the run was taken over, or may be since its lease could not be renewed in time. Async tools
                are cancelled; calls that were under way are in doubt.
            HaltpointError: the store failed.
            asyncio.CancelledError: the awaiting task was cancelled; the run is stored as cancelled.
            KeyboardInterrupt: other people's code raised it; the run is stored as cancelled.
        """
        if self.on_commit is not None:
            self._session.listen()
        self._feed(begin)
        self._has_begun = True
        notices.listen(self._notice)
        if self._drain_asked is not None:
            self.drain(force=self._drain_asked)
        try:
            await asyncio.shield(self._stopped)
        except asyncio.CancelledError:
            if self._stopped.done():
                raise
            await self._wind_down()
            raise
        finally:
            self._drop_questions()
            if self._lease_watch is not None:
                self._lease_watch.cancel()
            # From here on nobody listens: what is yet to come from the disk is not to be acted upon.
            self._stopped.cancel()
            self._stop_async_calls()
        if self._interrupt_error is not None:
            raise self._interrupt_error

    def cancel(self, *, interrupt: bool, by: str) -> bool:
        """Ask the run to stop. Safe to call from any thread.

        Args:
            interrupt: cancel running async tools, too, instead of letting them finish.
            by: who or what asks, for the journal.

        Returns:
            Whether the run ends cancelled; not where its end is being written already.
        """
        if not self._session.want_cancelled(interrupt, by):
            return False
        self._loop.call_soon_threadsafe(self._cancel, interrupt, by)
        return True

    def abandon(self) -> None:
        """Wait no longer for tool calls that were asked to stop; they are in doubt then. Call it on the event loop."""
        if self._stopped.done():
            return
        for call in list(self._calls.values()):
            self._give_up(call, f"{self._cancel_reason}, and the program did not wait for it to end")

    def stop_program(self, error: KeyboardInterrupt) -> None:
        """Cancel the run and let `drive` raise the error. To be called on the event loop.

        Code of the run raised it, or it was raised wherever the program was at that moment.
        """
        self._interrupt_error = error
        reason = "the program was interrupted"
        self._session.want_cancelled(True, reason)
        self._cancel(True, reason)

    def drain(self, *, force: bool) -> None:
        """Stop without stopping the run: another driver goes on with it. To be called on the event loop.

        Args:
            force: do not wait for steps that run. Tool calls among them are in doubt then.
        """
        self._drain_asked = force
        if self._has_begun and not self._stopped.done():
            self._feed(self._session.notify_drained, force)

    def _notice(self, notice: OutsiderNotice) -> None:
        """Take in what somebody else wrote into the run's journal."""
        if self._stopped.done():
            return
        if notice.kind == "cancel_requested":
            # At once: what came before it may wait for a validator, which may never return.
            self._mark_cancelled("cancelled by another process")
            self._feed(self._session.notify_outsider, notice)
            return
        self._unread.append(notice)
        self._read_notices()

    def _read_notices(self) -> None:
        """Take in what others wrote, in order, up to where a validator has to be waited for."""
        while self._unread and self._checking is None and not self._stopped.done():
            notice = self._unread.popleft()
            try:
                call = self._session.call_decided_by(notice)
            except HaltpointError as error:
                self._fail(error)
                return
            if call is not None and checks_foreign_code([call], self._options.tools):
                self._checking = self._spawn_check(call, notice)
            elif call is None or self._can_run(call):
                self._feed(self._session.notify_outsider, notice)

    def _spawn_check(self, call: CallToRun, notice: OutsiderNotice) -> asyncio.Task[bool]:
        checking = self._spawn(self._can_run_apart(call))
        checking.add_done_callback(functools.partial(self._check_ended, notice))
        return checking

    async def _can_run_apart(self, call: CallToRun) -> bool:
        try:
            return await in_thread(functools.partial(self._can_run, call))
        except KeyboardInterrupt as error:
            self.stop_program(error)
        except Exception as error:  # noqa: BLE001 - passed on whole: `drive` raises it
            self._fail(error)
        return False

    def _check_ended(self, notice: OutsiderNotice, checking: asyncio.Task[bool]) -> None:
        self._checking = None
        if self._stopped.done():
            return
        if not checking.cancelled() and checking.result():
            self._feed(self._session.notify_outsider, notice)
        self._read_notices()

    def _can_run(self, call: CallToRun) -> bool:
        """Whether this process has what a call needs that somebody else's decision lets run.

        Where it has not, the call stays undecided for this driver. The next one that has the tool runs it.
        """
        try:
            allow_changed = self._options.allow_changed_tools
            check_ready([call], self._options.tools, self.run_id, allow_changed=allow_changed)
        except (ToolChangedError, ToolNotAvailableError) as error:
            _log.warning("%s", error)
            return False
        return True

    def ask_model(self) -> None:
        """Ask a model that plans ahead, which has steps to name although none has a new outcome."""
        if not self._stopped.done():
            self._feed(self._session.notify_steps_ready)

    # Stopping

    def _stop_for_others(self) -> None:
        """Stop since something else cancelled a task of the run."""
        if self._options.gives_back:
            self.drain(force=True)
        else:
            self._cancel(True, _STOPPED_BY_OTHERS)

    async def _wind_down(self) -> None:
        reason = "the awaiting task was cancelled"
        self._waits_for_threads = True
        if self._options.gives_back:
            self.drain(force=True)
        else:
            self._session.want_cancelled(True, reason)
            self._cancel(True, reason)
        try:
            await outlast(self._stopped)
        except asyncio.CancelledError:
            self.abandon()
            # What is left to wait for is the disk.
            await outlast(self._stopped)
            raise
        self._stopped.result()

    def _cancel(self, interrupt: bool, by: str) -> None:
        if self._stopped.done():
            return
        self._mark_cancelled(by)
        self._feed(self._session.notify_cancelled, interrupt, by)

    def _mark_cancelled(self, reason: str) -> None:
        self._cancel_reason = reason
        self._is_cancelled = True
        for call in self._calls.values():
            call.context.mark_cancelled()

    def _stop(self) -> None:
        self._session.pass_fault_point("before_stop")
        self._drop_questions()
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _drop_questions(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
        for task in self._reconciling:
            task.cancel()
        if self._request is not None and not self._request.done():
            self._request.cancel()
        self._request = None

    def _fail(self, error: BaseException) -> None:
        """Nothing can be written any more: stop what can be stopped, and tell the caller."""
        self._drop_questions()
        if not self._stopped.done():
            self._stopped.set_exception(error)
        for call in self._calls.values():
            call.context.mark_cancelled()
        self._stop_async_calls()

    def _stop_async_calls(self) -> None:
        for call in self._calls.values():
            if call.is_async:
                call.task.cancel()

    def _look_after_lease(self) -> None:
        """Stop once another process may drive the run: what runs here must not work on beside that."""
        if self._stopped.done():
            return
        try:
            self._session.check_lease()
        except LeaseLostError as error:
            self._fail(error)
        else:
            self._lease_watch = self._loop.call_later(_LOOK_EVERY, self._look_after_lease)

    # Inputs

    def _feed(self, notify: Callable[_Arguments, Handed], *given: _Arguments.args, **named: _Arguments.kwargs) -> None:
        """Tell the engine something, and do what it then asks for.

        An exception is the run's caller's, not that of the event loop's callback: `drive` raises it.
        """
        try:
            effects, ticket = notify(*given, **named)
            if ticket is not None:
                self._bridge.receive(ticket, self._committed)
            elif self.on_commit is not None:
                # What was to be written is on disk by now.
                self.on_commit()
            self._perform(effects)
        except Exception as error:  # noqa: BLE001 - passed on whole
            self._fail(error)

    def _committed(self, effects: list[Effect], error: BaseException | None) -> None:
        """Do what had to wait for the disk."""
        if self._stopped.done():
            # The caller has its answer.
            return
        if error is not None:
            self._fail(error)
        elif effects or self.on_commit is not None:
            self._feed(_nothing_more_to_wait_for, effects)

    # Effects

    def _perform(self, effects: list[Effect]) -> None:
        if effects and self._lease_watch is None:
            self._lease_watch = self._loop.call_later(_LOOK_EVERY, self._look_after_lease)
        for effect in effects:
            if isinstance(effect, StartTool):
                self._start_tool(effect)
            elif isinstance(effect, RequestModel):
                self._start_request()
            elif isinstance(effect, ReconcileTool):
                self._start_reconciling(effect)
            elif isinstance(effect, InterruptTool):
                self._interrupt(effect.call_id)
            else:
                self._stop()

    def _spawn(self, coroutine: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        # A copy each time: a context can't be entered twice, which a loop that starts tasks eagerly would do.
        return self._context.copy().run(self._loop.create_task, coroutine)

    # The model

    def _start_request(self) -> None:
        factory = self._loop.get_task_factory()
        # The factory that follows the tasks of workflows says so of itself.
        if factory is None or getattr(factory, "begins_later", False):
            self._ask()
        else:
            # The factory may begin tasks at once: each step of the run would be called by the one before.
            self._loop.call_soon(self._start_request_later)

    def _start_request_later(self) -> None:
        if not self._stopped.done():
            self._ask()

    def _ask(self) -> None:
        self._request = self._spawn(self._request_model())
        self._request.add_done_callback(self._request_ended)

    def _request_ended(self, task: asyncio.Task[None]) -> None:
        """Stop the run where its request is gone and nobody of the run stopped it: nothing would ever come of it."""
        if self._request is task and task.cancelled():
            self._request = None
            self._stop_for_others()

    async def _request_model(self) -> None:
        task = self._request
        trace = self._options.trace
        if trace is not None:
            trace("asking the model")
        started = time.monotonic()
        try:
            reply = await self._planned_reply(started)
        except ModelError as error:
            self.error = error
            self._request = None
            self._report_failure(error, started)
        except KeyboardInterrupt as error:
            self._request = None
            self.stop_program(error)
        except Exception as error:  # noqa: BLE001 - passed on whole: `drive` raises it
            self._request = None
            self._fail(error)
        else:
            self._request = None
            self._feed(self._report_reply, reply)
        if task is not None:
            # Ended by itself: the callback would cost a turn of the loop, and find nothing to do.
            task.remove_done_callback(self._request_ended)

    async def _planned_reply(self, started: float) -> PlannedReply:
        options, session = self._options, self._session
        if self.tells_messages:
            self._log.extend_with_records(session.messages_since(len(self._log)))
        request = ModelRequest(self._log.view(), options.tool_specs, options.settings, session.first_new_message)
        session.pass_fault_point("before_model_request")
        accept = functools.partial(self._plan, started)
        return await ask(options.model, request, options.attempts, accept, is_awaited=self._awaits)

    def _awaits(self, request: asyncio.Task[Any] | None) -> bool:
        """Whether the model's reply is still wanted."""
        return self._request is request and not (self._is_cancelled or self._stopped.done())

    async def _plan(self, started: float, reply: ModelReply, attempt: int) -> PlannedReply:
        options = self._options
        verdict = ACCEPTED
        if options.response_format is not str and not reply.tool_calls and not isinstance(reply, StepsReply):
            # In a thread: its validators are other people's code.
            verdict = await in_thread(
                functools.partial(judge, reply.text, options.response_format, self._session.refusals)
            )
            self.verdict = verdict
        duration = _micros_since(started)
        planned = await plan_reply(reply, options.tools, duration_us=duration, attempt=attempt, verdict=verdict)
        asks_for_approval = False
        self._bound.clear()
        for call in planned.calls:
            asks_for_approval |= call.asks == "confirmation"
            if call.bound is not None:
                self._bound[call.name, call.args] = call.bound
        return await with_approvals(planned, self._session) if asks_for_approval else planned

    def _report_reply(self, reply: PlannedReply) -> Handed:
        self._session.pass_fault_point("after_model_reply")
        if reply.joins:
            return self._session.notify_steps_planned(reply.calls)
        return self._session.notify_model_replied(reply)

    def _report_failure(self, error: ModelError, started: float) -> None:
        log_failure(_log, f"run {self.run_id} ends, since its model failed", error)
        if self._options.trace is not None:
            self._options.trace(f"the model failed:\n{traceback_text(error)}")
        duration = _micros_since(started)
        provider, status_code = _text(error.provider), _status_code(error.status_code)
        self._feed(self._session.notify_model_failed, message_of(error), provider, status_code, duration)

    # Tools

    def _start_tool(self, start: StartTool) -> None:
        call_id, name = start.call_id, start.name
        definition = self._options.tools[name]
        if self._options.trace is not None:
            self._options.trace(f"running {name}({_traced_arguments(definition, start.args)})")
        if self._facts is None:
            self._facts = RunFacts(self._session.started_json())
        context = ToolCallContext(self.run_id, call_id, name, start.idempotency_key, start.attempt, self._facts)
        self._session.pass_fault_point("before_tool")
        # Known before it begins: a loop that starts tasks eagerly may end it at once.
        call = self._calls[call_id] = RunningCall(context, definition.is_async)
        is_held = functools.partial(self._is_held, call)
        ended = functools.partial(self._tool_ended, call)
        call.task = self._context.copy().run(tool_task, self._run_tool(call, definition, start, ended), is_held)
        call.task.add_done_callback(ended)

    async def _run_tool(
        self, call: RunningCall, definition: ToolDefinition, start: StartTool, ended: Callable[..., None]
    ) -> None:
        # Made when the reply was planned, for the first attempt: the tool may change what it is given.
        bound = None if start.attempt > 1 else self._bound.pop((start.name, start.args), None)

        def arguments() -> dict[str, Any]:
            nonlocal bound
            ready, bound = bound, None
            if ready is not None:
                return ready
            return bind_journaled(definition, start, allow_changed=self._options.allow_changed_tools)

        try:
            masking = Masking(definition.sensitive, json.loads(start.args)) if definition.sensitive else None
            outcome = await run_tool(definition, arguments, call.context, masking)
        except KeyboardInterrupt as error:
            self.stop_program(error)
            self._give_up(call, self._cancel_reason)
        else:
            self._report_outcome(call, outcome)
        # As for a request to the model. A loop that starts tasks eagerly may come by here before the task is known.
        task: asyncio.Task[None] | None = getattr(call, "task", None)
        if task is not None:
            task.remove_done_callback(ended)

    def _report_outcome(self, call: RunningCall, outcome: ToolOutcome) -> None:
        if self._is_over(call):
            return
        if self._options.trace is not None:
            told = "" if outcome.traceback is None else f":\n{outcome.traceback}"
            self._options.trace(f"{call.context.tool_name} {'failed' if outcome.is_error else 'returned'}{told}")
        self._feed(self._take_outcome, call, outcome)

    def _take_outcome(self, call: RunningCall, outcome: ToolOutcome) -> Handed:
        call_id = call.context.tool_call_id
        del self._calls[call_id]
        self._session.pass_fault_point("after_tool")
        duration = _micros_since(call.started)
        return self._session.notify_tool_finished(call_id, outcome.content, outcome.is_error, duration)

    def _tool_ended(self, call: RunningCall, task: asyncio.Task[None]) -> None:
        """Report a call that could not report itself: its task was cancelled, perhaps before it began."""
        if self._is_over(call):
            return
        if task.cancelled() and not call.context.cancelled:
            self._report_outcome(call, ToolOutcome(_cancelled_text(task), is_error=True))
        elif task.cancelled():
            # By whoever stopped the run, or by whatever stopped the tool's own tasks with it.
            self._give_up(call, self._cancel_reason)
        else:
            self._fail(task.exception() or RuntimeError("a tool call ended without an outcome"))

    def _give_up(self, call: RunningCall, reason: str) -> None:
        """Report a call that was stopped in its middle, or that nobody waits for any more."""
        if not self._is_over(call):
            self._feed(self._take_interruption, call, reason)
            call.task.cancel()

    def _take_interruption(self, call: RunningCall, reason: str) -> Handed:
        call_id = call.context.tool_call_id
        del self._calls[call_id]
        self._session.pass_fault_point("after_tool")
        return self._session.notify_tool_interrupted(call_id, reason)

    def _is_over(self, call: RunningCall) -> bool:
        """Whether the call has been reported, or the run's caller has its answer."""
        return self._stopped.done() or self._calls.get(call.context.tool_call_id) is not call

    def _is_held(self, call: RunningCall) -> bool:
        return not (call.interrupted or self._is_over(call))

    def _interrupt(self, call_id: str) -> None:
        call = self._calls.get(call_id)
        if call is None or call.interrupted:
            return
        if call.is_async:
            call.interrupted = True
            call.task.cancel()
        if call.is_async or not self._waits_for_threads:
            reason = f"{self._cancel_reason}; it did not end within {GRACE:g} s"
            self._loop.call_later(GRACE, self._give_up, call, reason)

    # Calls in doubt

    def _start_reconciling(self, effect: ReconcileTool) -> None:
        if self._options.trace is not None:
            self._options.trace(f"asking {effect.name} what became of call {effect.call_id}")
        task = self._spawn(self._reconcile(effect))
        self._reconciling.add(task)
        task.add_done_callback(self._reconciliation_ended)

    def _reconciliation_ended(self, task: asyncio.Task[None]) -> None:
        self._reconciling.discard(task)
        if task.cancelled():
            # Not given back: the next driver would ask again, and perhaps for ever.
            self._cancel(True, _STOPPED_BY_OTHERS)

    async def _reconcile(self, effect: ReconcileTool) -> None:
        self._session.pass_fault_point("before_reconcile")
        try:
            answer = await reconcile(self._options.tools[effect.name], effect, self.run_id)
        except KeyboardInterrupt as error:
            self.stop_program(error)
        except Exception as error:  # noqa: BLE001 - passed on whole: `drive` raises it
            self._fail(error)
        else:
            self._feed(self._report_reconciled, effect.call_id, answer)

    def _report_reconciled(self, call_id: str, answer: str | NotStarted | Unknown) -> Handed:
        self._session.pass_fault_point("after_reconcile")
        if isinstance(answer, NotStarted):
            return self._session.notify_not_started(call_id)
        if isinstance(answer, Unknown):
            return self._session.notify_unknown(call_id, answer.reason)
        return self._session.notify_reconciled(call_id, answer)


def _nothing_more_to_wait_for(effects: list[Effect]) -> Handed:
    return effects, None


def _text(value: object) -> str | None:
    """A fact about a failure, which may be anything where somebody's own model raised it."""
    return storable(value) if isinstance(value, str) else None


def _status_code(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 2**16 else None


def _traced_arguments(definition: ToolDefinition, args: str) -> str:
    return json_text(Masking(definition.sensitive).arguments(json.loads(args))) if definition.sensitive else args


def _cancelled_text(task: asyncio.Task[None]) -> str:
    """What the model reads of a tool that raised CancelledError: what that says, as of a tool that raises another."""
    error = cancelled_by_itself(task)
    if error is None:
        return "The tool cancelled itself."
    return texts_at_once(error).summary


def _micros_since(started: float) -> int:
    return int((time.monotonic() - started) * 1_000_000)
