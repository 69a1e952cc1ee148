"""Decisions on their way to disk: drafts on requirement objects, handlers, and awaiting somebody's word."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from haltpoint.bridge import LoopBridge
from haltpoint.driving.changed_arguments import check_changed_arguments
from haltpoint.exceptions import (
    HaltpointError,
    InvalidResolutionError,
    RequirementExpiredError,
    UnresolvedRequirementsError,
)
from haltpoint.json_value import to_json_text
from haltpoint.run.answers import checked_values
from haltpoint.run.changed_arguments import asked_arguments
from haltpoint.run.requirement_errors import expired_error, nameless_error
from haltpoint.run.requirements import RunRequirement
from haltpoint.run.said import checked_note
from haltpoint.run.terms import terms_data

if TYPE_CHECKING:
    from collections.abc import Generator

    from haltpoint._engine import Snapshot
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["Handlers", "commit_drafts", "concerning", "this_process", "unresolved_error", "waiter_for"]

HitlHandler = Callable[[RunRequirement], Any]

# In seconds.
_CLOCK_GRAIN = 0.002


@dataclass(frozen=True, slots=True)
class Handlers:
    """Who resolves requirements while a call lasts; plain or async functions.

    Attributes:
        hitl_handler: resolves any requirement in place.
        external_tool_executor: returns the result of an external tool call.
    """

    hitl_handler: HitlHandler | None = None
    external_tool_executor: HitlHandler | None = None

    def __bool__(self) -> bool:
        return self.hitl_handler is not None or self.external_tool_executor is not None

    async def resolve(self, requirement: RunRequirement) -> None:
        """Call whoever is responsible for an undecided requirement. Their exceptions pass through."""
        if self.external_tool_executor is not None and requirement.is_external_tool_execution:
            result = await _called(self.external_tool_executor, requirement)
            if not requirement.is_resolved:
                # A function that returns nothing has done its work all the same: asking again would do it twice.
                requirement.set_external_execution_result(result)
        if self.hitl_handler is not None and not requirement.is_resolved:
            await _called(self.hitl_handler, requirement)


async def _called(function: HitlHandler, requirement: RunRequirement) -> Any:
    answer = function(requirement)
    return await answer if inspect.isawaitable(answer) else answer


async def commit_drafts(
    database: Database,
    stored: AgentRunOutput,
    drafts: Iterable[RunRequirement | Mapping[str, Any]],
    tools: Mapping[str, ToolDefinition],
    known: Snapshot | None = None,
) -> int:
    """Put the decisions that `drafts` hold on disk, and return how many requirements are decided by them.

    Nothing is written before all of them are known to be valid.

    Args:
        database: where the run is.
        stored: the run as it stands on disk.
        drafts: requirements, or their `to_dict()` data, decided or not.
        tools: what is at hand for checking a person's input.
        known: the run as it was read from the database, which need not be read once more then.

    Raises:
        InvalidResolutionError: a requirement is not the run's, or its values do not fit.
        RequirementConflictError: somebody decided otherwise before.
        RequirementExpiredError: a decision comes too late; it is taken off the requirement.
    """
    with concerning(stored.run_id):
        ready = [pair for draft in drafts if (pair := _checked(_requirement(draft), stored, tools)) is not None]
        for _, on_disk, decision in ready:
            await check_changed_arguments(database, on_disk, decision, tools)
        for requirement, on_disk, decision in ready:
            await _commit(database, stored.run_id, requirement, on_disk.id, decision, known)
            # One of several approvals decides nothing, and counts for whoever is told what is missing.
            on_disk.take_terms(terms_data(requirement))
    return sum(requirement.decision is not None for requirement, _, _ in ready)


@contextmanager
def concerning(run_id: str) -> Generator[None]:
    """Let errors that leave the block say which run they are about."""
    try:
        yield
    except HaltpointError as error:
        error.run_id = error.run_id or run_id
        raise


def _requirement(draft: RunRequirement | Mapping[str, Any]) -> RunRequirement:
    if isinstance(draft, RunRequirement):
        return draft
    try:
        return RunRequirement.from_dict(draft)
    except HaltpointError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidResolutionError(
            "requirements= takes a list of RunRequirement objects or of what their to_dict() returns; "
            f"this can't be read as one: {_shortened(draft)} ({type(error).__name__}: {error})"
        ) from error


def _shortened(value: object) -> str:
    return repr(value)[:200]


def _checked(
    requirement: RunRequirement, stored: AgentRunOutput, tools: Mapping[str, ToolDefinition]
) -> tuple[RunRequirement, RunRequirement, dict[str, Any]] | None:
    on_disk = _counterpart(requirement, stored)
    # What went through other hands may have lost what its fields take, or say something else of it.
    requirement.take_form(on_disk.user_input_schema or ())
    decision = requirement.draft_decision()
    if decision is None or decision == on_disk.decision:
        return None
    if on_disk.is_expired:
        requirement.take_terms(on_disk.to_dict())
        raise expired_error(on_disk)
    _check_name(on_disk, requirement.draft_by, decision)
    shown = on_disk.tool_execution
    if requirement.kind == "confirmation" and _is_edited(requirement, on_disk):
        raise InvalidResolutionError(
            f"the arguments of {shown.tool_name!r} were changed on the requirement; what is approved is what runs, "
            "with the arguments that were shown: to change them, say so with confirm(tool_args={...})",
            run_id=stored.run_id,
            requirement_id=on_disk.id,
        )
    definition = tools.get(shown.tool_name)
    if decision["type"] == "input":
        decision = {**decision, "values": _input_values(definition, requirement, on_disk, decision["values"])}
    _text_of(decision, on_disk)
    return requirement, on_disk, decision


def _check_name(requirement: RunRequirement, by: str | None, decision: Mapping[str, Any]) -> None:
    """One of several approvals has to say whose it is; the name of a process says nothing."""
    if requirement.approvals_needed > 1 and decision["type"] == "confirm" and by is None:
        raise nameless_error(requirement)


def _is_edited(requirement: RunRequirement, on_disk: RunRequirement) -> bool:
    """Whether somebody assigned other arguments to the object, which says nothing of who wants them to run."""
    shown = (asked_arguments(on_disk), on_disk.tool_execution.tool_args)
    return requirement.tool_execution.tool_args not in shown


def _text_of(decision: Mapping[str, Any], requirement: RunRequirement) -> str:
    """The decision as it is stored; refused here where it has no such form, such as a note with a lone surrogate."""
    note = checked_note(requirement, decision.get("note"))
    try:
        text = to_json_text(decision)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidResolutionError(
            f"the decision on {requirement.tool_execution.tool_name!r} can't be stored as JSON text: {error}",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name=None if note is None else "note",
        ) from error
    return text


def _input_values(
    definition: ToolDefinition | None, requirement: RunRequirement, on_disk: RunRequirement, values: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        if definition is None or definition.dynamic_user_input:
            # By the form on disk: the one that came as data may be another.
            return checked_values(on_disk, values)
        return definition.check_user_input(on_disk.tool_execution.tool_args, values)
    except InvalidResolutionError as error:
        requirement.mark_refused()
        error.run_id, error.requirement_id = on_disk.run_id, on_disk.id
        raise


def _counterpart(requirement: RunRequirement, stored: AgentRunOutput) -> RunRequirement:
    """The run's requirement of the same id, else the one that the call of the same id waits for."""
    call_id = requirement.tool_execution.tool_call_id
    of_call = [item for item in stored.requirements if item.tool_execution.tool_call_id == call_id]
    for candidate in stored.requirements:
        if candidate.id == requirement.id:
            return candidate
    if of_call:
        return of_call[-1]
    raise InvalidResolutionError(
        f"run {stored.run_id} has no requirement {requirement.id} and no tool call {call_id}; "
        "pass requirements of this run's own output",
        run_id=stored.run_id,
        requirement_id=requirement.id,
    )


async def _commit(
    database: Database,
    run_id: str,
    requirement: RunRequirement,
    requirement_id: str,
    decision: Mapping[str, Any],
    known: Snapshot | None = None,
) -> None:
    bridge = LoopBridge.current()
    text = _text_of(decision, requirement)
    by = requirement.draft_by or this_process()
    ticket = database.native.decide(bridge.completions, run_id, requirement_id, text, by, known)
    try:
        with concerning(run_id):
            # A cancelled caller does not take the decision back: it may be on disk already.
            await asyncio.shield(bridge.wait(ticket))
    except RequirementExpiredError:
        await _refresh(database, run_id, requirement, requirement_id, known)
        raise
    if requirement.decision is None and not await _refresh(database, run_id, requirement, requirement_id, known):
        # One of several approvals: whoever holds the object may speak for the next person.
        requirement.drop_draft()


def this_process() -> str:
    """Return this process, in the words that leases are described in; which person sits before it is not known here."""
    return f"process {os.getpid()} on {socket.gethostname()}"


async def _refresh(
    database: Database, run_id: str, requirement: RunRequirement, requirement_id: str, known: Snapshot | None = None
) -> bool:
    """Take over what is on disk; return whether there is a decision, or none can be made any more."""
    bridge = LoopBridge.current()
    snapshot = await bridge.wait(database.native.load(bridge.completions, run_id, known))
    for data in json.loads(snapshot.requirements_json()):
        if data["id"] == requirement_id:
            requirement.take_terms(data)
            if data["decision"] is not None:
                requirement.take_committed(data["decision"], data["decided_by"], data["decided_at"])
    return requirement.decision is not None or requirement.is_expired


def waiter_for(database: Database) -> Callable[[RunRequirement], Awaitable[RunRequirement]]:
    """Return what awaiting a requirement of this database does: commit a draft, or wait for somebody's decision."""

    async def wait(requirement: RunRequirement) -> RunRequirement:
        if requirement.decision is not None or requirement.is_expired:
            return requirement
        decision = requirement.draft_decision()
        if decision is not None:
            _check_name(requirement, requirement.draft_by, decision)
            await check_changed_arguments(database, requirement, decision, {})
            await _commit(database, _run_of(requirement), requirement, requirement.id, decision)
        else:
            await _until_decided(database, requirement)
        return requirement

    return wait


async def _until_decided(database: Database, requirement: RunRequirement) -> None:
    bridge = LoopBridge.current()
    news = asyncio.Event()
    run_id = _run_of(requirement)
    watch = database.native.watch(bridge.completions, run_id)
    bridge.listen(watch.ticket, lambda _: news.set())
    closing = database._closing  # pyright: ignore[reportPrivateUsage]
    try:
        with closing.wakes(asyncio.get_running_loop(), news):
            # Looked at once before waiting: the decision may have been made before the watch began.
            while not await _refresh(database, run_id, requirement, requirement.id):
                await _next_news(database, requirement, news)
    finally:
        watch.close()
        bridge.forget(watch.ticket)


async def _next_news(database: Database, requirement: RunRequirement, news: asyncio.Event) -> None:
    """Wait until something was written about the run, or until the time to decide is over, which is written then."""
    try:
        await asyncio.wait_for(news.wait(), _time_left(requirement))
    except asyncio.TimeoutError:
        await database.expire_due_async(requirement.run_id)
    else:
        news.clear()


def _time_left(requirement: RunRequirement) -> float | None:
    if requirement.expires_at is None:
        return None
    # A little more, so that a clock that is read coarsely says that the time is over.
    left = requirement.expires_at - datetime.now(timezone.utc)
    return max(left.total_seconds(), 0.0) + _CLOCK_GRAIN


def _run_of(requirement: RunRequirement) -> str:
    if requirement.run_id is None:
        raise ValueError(f"{requirement!r} belongs to no run")
    return requirement.run_id


def unresolved_error(output: AgentRunOutput) -> UnresolvedRequirementsError:
    """Return the error for continuing a paused run without a single decision."""
    waiting = output.active_requirements
    lines = "; ".join(f"{item.tool_execution.tool_name} ({item.id}): {item.how_to_resolve}" for item in waiting)
    return UnresolvedRequirementsError(
        f"run {output.run_id} is paused and none of its requirements is resolved: {lines}",
        run_id=output.run_id,
        requirement_ids=[item.id for item in waiting],
    )
