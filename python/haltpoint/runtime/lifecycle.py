"""Starting and continuing runs: from an agent's call to the output that it gives back."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from haltpoint._concurrency.callbacks import one_call
from haltpoint._concurrency.foreign_checks import checked_unless
from haltpoint._concurrency.lasting_wait import outlast
from haltpoint._concurrency.loop_bridge import LoopBridge
from haltpoint._concurrency.time_limit import GRACE, TimeLimitPassedError
from haltpoint._concurrency.wanted_calls import ended_unless
from haltpoint._engine import Snapshot, new_run_id
from haltpoint.exception_text import message_of
from haltpoint.exceptions import (
    ErasedRunWarning,
    HaltpointError,
    RequirementConflictError,
    RunBusyError,
    RunNotFoundError,
    RunTimeoutError,
)
from haltpoint.given_text import storable_text
from haltpoint.json_value import to_json_text
from haltpoint.logs import logger
from haltpoint.resolution.commit import commit_drafts, concerning, take_news, unresolved_error, waiter_for
from haltpoint.run.active_runs import KnownRun, drafted_requirements, driven_here, known_run, remember_run
from haltpoint.run.agent.output import AgentRunOutput
from haltpoint.run.base import RunStatus
from haltpoint.run.drafts import Hearing, drop_kept, live_requirements
from haltpoint.runtime.drain import Drain
from haltpoint.runtime.drive_options import DriveOptions
from haltpoint.runtime.driver import RunDriver
from haltpoint.runtime.event_listeners import observed
from haltpoint.runtime.failures import failure_of, timeout_error
from haltpoint.runtime.notices import watched
from haltpoint.runtime.output_validation import AnyJson
from haltpoint.runtime.planning import dropped_at_end, model_of_run, planning, replayed
from haltpoint.runtime.prompts import opening_prompt, system_prompt
from haltpoint.runtime.tool_resolution import check_ready, checks_foreign_code, offered_tools, tool_specs, tools_at_hand
from haltpoint.runtime.wait import until_cancelled, until_free, until_status_changes
from haltpoint.task import Task, known_format, response_format_data
from haltpoint.tools.resolve import resolve_tools

if TYPE_CHECKING:
    from collections.abc import Generator

    from haltpoint._concurrency.time_limit import TimeLimit
    from haltpoint._engine import CallToRun, RecalledMemory, Session
    from haltpoint.db.database import Database
    from haltpoint.run.requirements import RunRequirement
    from haltpoint.runtime.call import Call
    from haltpoint.runtime.driver import Handed
    from haltpoint.runtime.notices import Notices
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["continue_run", "first_entry", "recalled", "start_run"]

_FORMAT = 2

_log = logger("runs")
_STILL_PAUSED = "still waits for a decision"
_UNCHECKED = "stays as it is, since a validator of its tools had not returned"


async def start_run(call: Call, task: Task, run_id: str | None = None) -> AgentRunOutput:
    """Start a run of a task and drive it until it stops.

    Args:
        call: whose run it is.
        task: what to do.
        run_id: the id that was computed of the run's key, if it has one. Where there is such a run, that one is driven
            on; it is waited for while somebody else drives it, and returned as it is once it is over.

    Raises:
        RunConflictError: there is such a run, and it was started with something else.
        RunTimeoutError: the call's time is over.
    """
    with one_call():
        return await _start_run(call, task, run_id)


async def _start_run(call: Call, task: Task, keyed_id: str | None) -> AgentRunOutput:
    tools = resolve_tools([*call.tools, *task.tools])
    bridge = LoopBridge.current()
    native = call.database.native
    memory = await recalled(call)
    run_id = keyed_id or new_run_id()
    started = first_entry(call, task, tools, run_id)
    with watched(call.database, run_id) as notices:
        session, ticket = native.start(bridge.completions, to_json_text(started), memory)
        begun: Handed = ([], ticket)
        if keyed_id is not None:
            effects = await _created(bridge, session, ticket)
            if effects is None:
                return await _go_on(call, task, run_id)
            begun = (effects, None)
        task._attach(run_id, call.database)  # pyright: ignore[reportPrivateUsage]
        call.on_run(run_id)
        driving = call._replace(model=model_of_run(call.model, tools))
        output = await _drive(driving, task, tools, session, notices, lambda: begun, is_new=True)
    return await _resolve_and_continue(call, output, tools, set())


async def _created(bridge: LoopBridge, session: Session, ticket: int) -> Any:
    """Wait until a run that has a key is on disk, and return its first effects; None where it was there before."""
    creating, effects = bridge.wait(ticket), None
    try:
        effects = await asyncio.shield(creating)
    except asyncio.CancelledError:
        await outlast(creating)
        if creating.result() is not None:
            _, ending = session.notify_cancelled(True, "the awaiting task was cancelled")
            if ending is not None:
                await outlast(bridge.wait(ending))
        raise
    finally:
        if effects is None:
            session.close()
    return effects


async def _go_on(call: Call, task: Task, run_id: str) -> AgentRunOutput:
    """Drive a run that was started under the same key before, as far as it is to be driven by whoever calls again."""
    while True:
        found = await _load(call.database, run_id)
        snapshot = await _current(call.database, found)
        output = _output(call, task, snapshot)
        is_waiting = output.is_paused and not (call.handlers or snapshot.has_news())
        if output.is_complete or output.is_cancelled or output.is_error or is_waiting:
            known = known_run(run_id)
            _handed_out(call, output, {} if known is None else known.tools, task)
            if output.is_error:
                raise failure_of(snapshot, None, call.tool_call_limit)
            return output
        try:
            return await _continue_run(call, run_id, task, None, allow_changed_tools=False)
        except RunBusyError:
            _log.info("run %s of this key is driven elsewhere, and waited for", run_id)
        try:
            await call.limit.within(functools.partial(until_free, call.database, run_id))
        except TimeLimitPassedError:
            raise timeout_error(run_id, call.limit.seconds, "is still driven elsewhere") from None


async def recalled(call: Call) -> RecalledMemory | None:
    """Return what a new run remembers of its session."""
    if not call.database.full_session_memory or call.identity.session_id is None:
        return None
    bridge = LoopBridge.current()
    memory: RecalledMemory = await bridge.wait(
        call.database.native.recall(bridge.completions, call.identity.session_id)
    )
    for run_id in memory.erased:
        message = f"session {call.identity.session_id} goes on without what run {run_id} said, which was erased"
        warnings.warn(ErasedRunWarning(message, run_id=run_id), stacklevel=2)
    return memory


def first_entry(call: Call, task: Task, tools: Mapping[str, ToolDefinition], run_id: str) -> dict[str, Any]:
    """Return what a run's journal begins with."""
    who = call.identity
    # It may have been assigned since the task was made.
    storable_text("Task.description", task.description)
    storable_text("the name of the model", call.model.name)
    entry = {
        "format": _FORMAT,
        "run_id": run_id,
        "agent_id": who.agent_id,
        "agent_name": who.name,
        "session_id": who.session_id,
        "user_id": who.user_id,
        "model_name": call.model.name,
        "system_prompt": system_prompt(who.system_prompt, who.role, who.goal, who.instructions, task),
        "description": task.description,
        "context": task.context_text(),
        "prompt": opening_prompt(task),
        "response_format": response_format_data(task.response_format),
        "tools": offered_tools(tools),
        "tool_call_limit": call.tool_call_limit,
        "metadata": who.metadata,
    }
    return {key: value for key, value in entry.items() if value is not None}


async def continue_run(
    call: Call,
    run_id: str,
    task: Task | None,
    requirements: Iterable[RunRequirement | Mapping[str, Any]] | None,
    *,
    allow_changed_tools: bool = False,
) -> AgentRunOutput:
    """Continue a run from where its journal ends, and drive it until it stops.

    Raises:
        RunNotFoundError: the database has no such run.
        UnresolvedRequirementsError: it is paused, and there is neither a decision nor a handler.
        RunBusyError: another live process, or another task of this one, drives it.
        RunTimeoutError: the call's time is over.
    """
    with one_call():
        return await _continue_run(call, run_id, task, requirements, allow_changed_tools=allow_changed_tools)


async def _continue_run(
    call: Call,
    run_id: str,
    task: Task | None,
    requirements: Iterable[RunRequirement | Mapping[str, Any]] | None,
    *,
    allow_changed_tools: bool,
) -> AgentRunOutput:
    found = await _load(call.database, run_id)
    snapshot = await _current(call.database, found)
    known = known_run(run_id)
    task = task or (known.task if known is not None else None) or _task_of(snapshot)
    output = _output(call, task, snapshot)
    if output.is_complete:
        # What was decided stands: a caller who says something else hears of it.
        await _commit(call, output, requirements or (), {}, snapshot)
        return _handed_out(call, output, {}, task)
    call.on_run(run_id)
    if snapshot.status != found.status:
        return await _ended_by_expiry(call, output, requirements, snapshot, task)
    started = json.loads(snapshot.started_json())
    remembered: Mapping[str, ToolDefinition] = {} if known is None else known.tools
    given, has_begun = [*call.tools, *task.tools], snapshot.has_begun()
    tools = tools_at_hand(started.get("tools", ()), given, remembered, run_id, has_begun=has_begun)
    passed = None if requirements is None else list(requirements)
    committed = await _commit_said(call, output, passed, tools, snapshot)
    undecided: set[str] = set()
    if output.is_paused and not committed and not snapshot.has_news():
        if not call.handlers and not output.active_requirements:
            # It only waits for a time, which has not come.
            return _handed_out(call, output, tools, task)
        if not call.handlers:
            raise unresolved_error(output, passed or ())
        if not await _ask_handlers(call, output, tools, undecided, snapshot):
            return await _as_on_disk(call, _handed_out(call, output, tools, task), tools)
    elif output.is_paused and call.handlers:
        snapshot = await _load(call.database, run_id, snapshot)
        await _ask_handlers(call, _output(call, task, snapshot), tools, undecided, snapshot)
    output = await _take_up(call, output, tools, snapshot=snapshot, allow_changed_tools=allow_changed_tools)
    return await _resolve_and_continue(call, output, tools, undecided)


async def _commit_said(
    call: Call,
    output: AgentRunOutput,
    requirements: Iterable[RunRequirement | Mapping[str, Any]] | None,
    tools: Mapping[str, ToolDefinition],
    known: Snapshot,
) -> int:
    """Commit what the caller passes; else what users decided on the objects that they were handed in this process."""
    drafts = _drafts_here(call, output.run_id) if requirements is None else list(requirements)
    try:
        return await _commit(call, output, drafts, tools, known)
    except RunTimeoutError:
        # Nothing was found to be wrong with it.
        raise
    except HaltpointError as error:
        if requirements is None:
            _let_go(output.run_id, error)
        raise


async def _commit(
    call: Call,
    output: AgentRunOutput,
    drafts: Iterable[RunRequirement | Mapping[str, Any]],
    tools: Mapping[str, ToolDefinition],
    known: Snapshot | None,
) -> int:
    with _time_for_validators(call, output.run_id):
        return await commit_drafts(call.database, output, drafts, tools, known, limit=call.limit)


@contextmanager
def _time_for_validators(call: Call, run_id: str) -> Generator[None]:
    try:
        yield
    except TimeLimitPassedError:
        raise timeout_error(run_id, call.limit.seconds, _UNCHECKED) from None


def _drafts_here(call: Call, run_id: str) -> list[RunRequirement]:
    """The requirements that were handed out here; where there are handlers, they ask again for what was refused."""
    return [item for item in drafted_requirements(run_id) if not (call.handlers and item.is_refused)]


def _let_go(run_id: str, error: HaltpointError) -> None:
    """Block the run no longer by what was said once: drafts that only this package holds, and overruled ones."""
    for requirement in drafted_requirements(run_id):
        drop_kept(requirement)
        if isinstance(error, RequirementConflictError) and requirement.id == error.requirement_id:
            requirement.drop_draft()


async def _current(database: Database, snapshot: Snapshot) -> Snapshot:
    """The run as it stands once it is written that nobody decided in time what is due."""
    if not database.native.is_due(snapshot):
        return snapshot
    await database.expire_due_async(snapshot.run_id)
    return await _load(database, snapshot.run_id, snapshot)


async def _ended_by_expiry(
    call: Call,
    output: AgentRunOutput,
    requirements: Iterable[RunRequirement | Mapping[str, Any]] | None,
    snapshot: Snapshot,
    task: Task,
) -> AgentRunOutput:
    """What a caller is told whose run just ended because nobody answered; the next one who continues it goes on.

    Raises:
        RequirementExpiredError: the caller passes a decision, which comes too late.
    """
    known = known_run(output.run_id)
    tools: Mapping[str, ToolDefinition] = {} if known is None else known.tools
    _handed_out(call, output, tools, task)
    await _commit_said(call, output, requirements, tools, snapshot)
    if output.is_error:
        raise failure_of(snapshot, None, call.tool_call_limit)
    return output


async def _resolve_and_continue(
    call: Call, output: AgentRunOutput, tools: Mapping[str, ToolDefinition], undecided: set[str]
) -> AgentRunOutput:
    """Let the handlers answer pause after pause, until the run no longer pauses for more than what they left undecided.

    Args:
        call: whose handlers.
        output: the run.
        tools: its tools by name.
        undecided: ids of requirements that the handlers left undecided; they are not asked about again.
    """
    while await _goes_on(call, output) or (
        output.is_paused and call.handlers and await _ask_handlers(call, output, tools, undecided)
    ):
        try:
            output = await _take_up(call, output, tools)
        except RunBusyError:
            # Whoever decided elsewhere lets it go on there, as a worker does.
            break
    return await _as_on_disk(call, output, tools)


async def _goes_on(call: Call, output: AgentRunOutput) -> bool:
    """Whether a signal that was kept, or came just now, has ended a wait of a run that paused for it."""
    if not output.is_paused or all(item.event is None for item in output.requirements):
        return False
    snapshot = await _load(call.database, output.run_id)
    return snapshot.status == output.status.value and snapshot.has_news()


async def _as_on_disk(call: Call, output: AgentRunOutput, tools: Mapping[str, ToolDefinition]) -> AgentRunOutput:
    """The run as it is now: a handler or a listener of the call may have continued or cancelled it while it paused.

    Raises:
        HaltpointError: what made it fail then.
    """
    if not output.is_paused or not (call.handlers or any(call.listeners)):
        return output
    snapshot = await _load(call.database, output.run_id)
    if snapshot.status == output.status:
        return output
    now = _handed_out(call, _output(call, output.task, snapshot), tools, output.task)
    if now.is_error:
        raise failure_of(snapshot, None, call.tool_call_limit)
    return now


async def _ask_handlers(
    call: Call,
    output: AgentRunOutput,
    tools: Mapping[str, ToolDefinition],
    undecided: set[str],
    known: Snapshot | None = None,
) -> int:
    """Ask about each undecided requirement; each decision is on disk before the next question.

    Returns:
        How many are decided now that were not.

    Raises:
        RunTimeoutError: the call's time is over. The run stays paused.
    """
    asked = [item for item in output.requirements if _is_open(item) and item.id not in undecided]
    # Others may decide meanwhile, in whichever process.
    for requirement in filter(_is_open, asked):
        try:
            await _ask_and_commit(call, output, requirement, tools, known)
        except _CancelledMeanwhileError:
            # Nobody is asked about a cancelled run. Whoever continues it is.
            undecided.update(item.id for item in output.requirements)
            break
        if requirement.decision is None:
            undecided.add(requirement.id)
    decided = sum(item.decision is not None for item in asked)
    if decided and call.limit.has_passed:
        raise timeout_error(output.run_id, call.limit.seconds, _STILL_PAUSED)
    return decided


def _is_open(requirement: RunRequirement) -> bool:
    return requirement.kind != "wait" and requirement.decision is None and not requirement.is_expired


async def _ask_and_commit(
    call: Call,
    output: AgentRunOutput,
    requirement: RunRequirement,
    tools: Mapping[str, ToolDefinition],
    known: Snapshot | None,
) -> None:
    """Ask about a requirement; where it takes several approvals, again after each one.

    Raises:
        _CancelledMeanwhileError: the run was cancelled before the handler had answered.
    """
    approvals = -1
    while _is_open(requirement) and len(requirement.approvals) > approvals:
        approvals = len(requirement.approvals)
        hearing = Hearing()
        await _ask(call, output, requirement, hearing)
        drafts = [requirement, *_drafted_beside(requirement)]
        try:
            await _commit(call, output, drafts, tools, known)
        except HaltpointError:
            _give_up_draft(output, requirement, hearing)
            raise
        if any(map(_is_open, output.requirements)):
            take_news(await _load(call.database, output.run_id, known), output.requirements)


def _drafted_beside(requirement: RunRequirement) -> list[RunRequirement]:
    """Other objects of the same requirement, on which a handler may have decided as well."""
    live = live_requirements(requirement.run_id or "")
    return [item for item in live if item.id == requirement.id and item is not requirement and item.hearing is not None]


class _CancelledMeanwhileError(Exception):
    """A run was cancelled while a handler was asked."""


async def _ask(call: Call, output: AgentRunOutput, requirement: RunRequirement, hearing: Hearing) -> None:
    ask = functools.partial(call.handlers.resolve, requirement, hearing)
    try:
        with concerning(output.run_id):
            if not await ended_unless(
                ask, call.limit, functools.partial(until_cancelled, call.database, output.run_id)
            ):
                _log.info("run %s was cancelled while its handler was asked", output.run_id)
                raise _CancelledMeanwhileError
    except BaseException as error:
        # It may work on in a thread: what it has said or says without being heard is nobody's decision.
        _give_up_draft(output, requirement, hearing)
        if isinstance(error, TimeLimitPassedError):
            raise timeout_error(output.run_id, call.limit.seconds, _STILL_PAUSED) from None
        if isinstance(error, _CancelledMeanwhileError):
            raise
        _note_run(error, output.run_id)
        raise


def _note_run(error: BaseException, run_id: str) -> None:
    """Let the traceback of what a handler raised say which run waits; before Python 3.11 there is no place for it."""
    if isinstance(error, Exception) and sys.version_info >= (3, 11):
        # Exceptions of users' code may refuse it, or lack what it needs.
        with suppress(Exception):
            error.add_note(f"a handler raised it; run {run_id} stays paused: continue it with this run_id")


def _give_up_draft(output: AgentRunOutput, requirement: RunRequirement, hearing: Hearing) -> None:
    """Let what a handler said, on whichever object, count no more, so that the next one is asked anew."""
    hearing.is_void = True
    if requirement.decision is None:
        output._content.renew(requirement)  # pyright: ignore[reportPrivateUsage]


async def _take_up(
    call: Call,
    known: AgentRunOutput,
    tools: Mapping[str, ToolDefinition],
    *,
    snapshot: Snapshot | None = None,
    allow_changed_tools: bool = False,
) -> AgentRunOutput:
    # Watched from before the journal is read: what others write in between is then heard of, at worst twice.
    with watched(call.database, known.run_id) as notices:
        check = functools.partial(check_ready, tools=tools, run_id=known.run_id, allow_changed=allow_changed_tools)
        call = call._replace(model=model_of_run(call.model, tools))
        async with dropped_at_end(call.model):
            opened = await _ready(call, known, tools, check, snapshot)
            if isinstance(opened, AgentRunOutput):
                return opened
            return await _resume(call, known.task, tools, opened, notices, allow_changed_tools=allow_changed_tools)


async def _resume(
    call: Call,
    task: Task,
    tools: Mapping[str, ToolDefinition],
    opened: Session,
    notices: Notices,
    *,
    allow_changed_tools: bool,
) -> AgentRunOutput:
    _log_take_up(opened.run_id, opened.status)
    return await _drive(
        call,
        task,
        tools,
        opened,
        notices,
        lambda: opened.notify_continued(call.tool_call_limit, call.on_in_doubt),
        allow_changed_tools=allow_changed_tools,
    )


async def _ready(
    call: Call,
    known: AgentRunOutput,
    tools: Mapping[str, ToolDefinition],
    check: Callable[[list[CallToRun]], None],
    snapshot: Snapshot | None,
) -> Session | AgentRunOutput:
    """Take the right to drive a run whose calls can run; return the run where it is not to be driven."""
    checked: list[tuple[Any, ...]] | None = None
    while True:
        opened: Session | Snapshot = await LoopBridge.current().wait(_opening(call, known.run_id, snapshot))
        if isinstance(opened, Snapshot):
            return _handed_out(call, _output(call, known.task, opened), {}, known.task)
        if opened.status == RunStatus.cancelled and not known.is_cancelled:
            # Meanwhile, and whoever did it was told that it holds.
            ended = opened.snapshot()
            opened.close()
            return _handed_out(call, _output(call, known.task, ended), tools, known.task)
        await replayed(call.model, opened)
        calls = opened.calls_to_run(call.on_in_doubt)
        facts = [_facts_of(item) for item in calls]
        if facts == checked:
            return opened
        if not checks_foreign_code(calls, tools):
            _close_on_error(opened, functools.partial(check, calls))
            return opened
        # Free meanwhile: a validator may never return, and others can cancel the run all the same.
        snapshot, status = opened.snapshot(), RunStatus(opened.status)
        opened.close()
        if await _is_checked(call, known.run_id, functools.partial(check, calls), status):
            checked = facts
        elif call.work is not None and call.work.drain.is_asked:
            return known


def _facts_of(call: CallToRun) -> tuple[Any, ...]:
    """What `check_ready` looks at."""
    return call.name, call.module, call.digest, call.args, call.approved, call.unchecked, call.defaulted


def _close_on_error(opened: Session, check: Callable[[], None]) -> None:
    try:
        check()
    except BaseException:
        opened.close()
        raise


async def _is_checked(call: Call, run_id: str, check: Callable[[], None], status: RunStatus) -> bool:
    """Make a check that may take any time; False where others did something to the run, or it is not to go on here."""
    endings: list[Callable[[], Coroutine[Any, Any, None]]] = [
        functools.partial(until_status_changes, call.database, run_id, status)
    ]
    if call.work is not None:
        endings.append(call.work.drain.until_asked)
    with _time_for_validators(call, run_id):
        return await checked_unless(check, call.limit, endings)


def _log_take_up(run_id: str, status: str) -> None:
    if status == RunStatus.running:
        _log.warning("took over run %s, whose driver ended without giving it back", run_id)
    else:
        _log.info("took up run %s, which was %s", run_id, status)


def _opening(call: Call, run_id: str, known: Snapshot | None) -> int:
    completions = LoopBridge.current().completions
    if call.work is None:
        return call.database.native.open(completions, run_id, known)
    return call.work.queue.take(completions, run_id, call.work.max_recoveries)


async def _drive(
    call: Call,
    task: Task,
    tools: Mapping[str, ToolDefinition],
    session: Session,
    notices: Notices,
    begin: Callable[[], Handed],
    *,
    is_new: bool = False,
    allow_changed_tools: bool = False,
) -> AgentRunOutput:
    options = _drive_options(call, task, tools, allow_changed_tools=allow_changed_tools)
    driver = RunDriver(session, LoopBridge.current(), options)
    drain = Drain() if call.work is None else call.work.drain
    try:
        async with observed(
            call.listeners, call.database, session, call.limit, driver.stop_program, is_new=is_new
        ) as driver.on_commit:
            with driven_here(driver), drain.attached(driver), _within(call.limit, driver) as time:
                async with planning(call.model, session, driver):
                    await driver.drive(begin, notices)
    except HaltpointError as error:
        error.run_id = error.run_id or session.run_id
        _log.warning("run %s is no longer driven here: %s", session.run_id, message_of(error))
        raise
    finally:
        snapshot = session.snapshot()
        session.close()
        output = _handed_out(call, _output(call, task, snapshot), tools, task)
        output._content.take_answer(driver.verdict.output, driver.verdict.instance)  # pyright: ignore[reportPrivateUsage]
    if output.is_paused:
        await call.listeners.paused(
            output, call.limit, functools.partial(until_cancelled, call.database, output.run_id)
        )
    if output.is_error:
        raise failure_of(snapshot, driver.error, call.tool_call_limit)
    if time.is_over and output.is_cancelled:
        raise timeout_error(output.run_id, call.limit.seconds)
    return output


def _drive_options(
    call: Call, task: Task, tools: Mapping[str, ToolDefinition], *, allow_changed_tools: bool
) -> DriveOptions:
    return DriveOptions(
        model=call.model,
        tools=tools,
        tool_specs=tool_specs(tools),
        settings=call.settings,
        attempts=call.attempts,
        response_format=task.response_format,
        trace=call.trace,
        allow_changed_tools=allow_changed_tools,
        gives_back=call.work is not None,
    )


class _Time:
    is_over = False


@contextmanager
def _within(limit: TimeLimit, driver: RunDriver) -> Generator[_Time]:
    """Cancel the driver's run when the time is over. Plain tools can't be stopped: they are given up a while later."""
    time, loop, rest = _Time(), asyncio.get_running_loop(), limit.rest()
    if rest is None:
        yield time
        return

    def cancel() -> None:
        time.is_over = driver.cancel(interrupt=True, by="timeout")

    timers = [loop.call_later(rest, cancel), loop.call_later(rest + GRACE, driver.abandon)]
    try:
        yield time
    finally:
        for timer in timers:
            timer.cancel()


# Outputs


async def _load(database: Database, run_id: str, known: Snapshot | None = None) -> Snapshot:
    bridge = LoopBridge.current()
    try:
        snapshot: Snapshot = await bridge.wait(database.native.load(bridge.completions, run_id, known))
    except RunNotFoundError as error:
        if not database.in_memory:
            raise
        raise RunNotFoundError(
            f"{error}, which is in memory; to continue runs with other agents and from other processes, give each "
            "agent a SqliteDatabase on the same file",
            run_id=run_id,
        ) from error
    return snapshot


def _output(call: Call, task: Task, snapshot: Snapshot) -> AgentRunOutput:
    known: dict[str, Any] = {"run_id": snapshot.run_id, "status": snapshot.status}
    if snapshot.output_json is not None:
        known["output"] = json.loads(snapshot.output_json)
        known["output_json"] = snapshot.output_json
    return AgentRunOutput.from_view_text(
        snapshot.view_json,
        known,
        requirements=snapshot.requirements_json,
        task=task,
        waiter=waiter_for(call.database),
    )


def _handed_out(call: Call, output: AgentRunOutput, tools: Mapping[str, ToolDefinition], task: Task) -> AgentRunOutput:
    """Note an output as the latest of its run, wherever users look for it."""
    task._attach(output.run_id, call.database)  # pyright: ignore[reportPrivateUsage]
    task._update(output)  # pyright: ignore[reportPrivateUsage]
    remember_run(KnownRun(output, tools, task))
    call.on_output(output)
    return output


def _task_of(snapshot: Snapshot) -> Task:
    """A task of the words that the run was started with; its response format is found by name, where it is at all."""
    started = json.loads(snapshot.started_json())
    data = {key: started.get(key) for key in ("description", "context", "response_format")}
    task = Task.from_dict(data)
    if data["response_format"] is not None:
        task.response_format = known_format(data["response_format"]) or cast("Any", AnyJson)
    return task
