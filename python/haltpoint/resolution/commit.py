"""Decisions on their way to disk: drafts on requirement objects, handlers, and awaiting somebody's word."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import socket
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from haltpoint._concurrency.async_functions import check_no_generator, generator_error, is_generator
from haltpoint._concurrency.callbacks import call_back
from haltpoint._concurrency.foreign_checks import NO_LIMIT, checked_apart
from haltpoint._concurrency.fork_guard import no_fork
from haltpoint._concurrency.loop_bridge import LoopBridge
from haltpoint._concurrency.user_code import read_where_it_ran
from haltpoint.exception_text import exception_text
from haltpoint.exceptions import (
    HaltpointError,
    InvalidResolutionError,
    RequirementConflictError,
    RequirementExpiredError,
    RunNotCompletedWarning,
    UnresolvedRequirementsError,
)
from haltpoint.given_text import storable_text
from haltpoint.json_value import to_json_text
from haltpoint.resolution.answers import (
    checked_values,
    shown_by_schema,
    shown_bytes,
    tool_at_hand,
    without_unchanged,
)
from haltpoint.resolution.changed_arguments import with_changed_arguments
from haltpoint.resolution.parse import check_words, checked_decision
from haltpoint.resolution.partly_filled import lacking_words
from haltpoint.resolution.results import check_result
from haltpoint.resolution.same_decisions import same_decision
from haltpoint.run.attribution import checked_note, outline
from haltpoint.run.changed_arguments import approved_arguments
from haltpoint.run.drafts import is_handed_out
from haltpoint.run.open_questions import check_of_question
from haltpoint.run.requirement_data import check_said
from haltpoint.run.requirement_terms import terms_data
from haltpoint.run.requirement_validation import conflict_error, expired_error, nameless_error, undecided_error
from haltpoint.run.requirements import RunRequirement
from haltpoint.run.same_data import same_data
from haltpoint.run.tools.tools import text_of
from haltpoint.sensitive import MASK, Masking
from haltpoint.tools.field_words import schema_of
from haltpoint.tools.json_form import dump_exact, holds_written_floats

if TYPE_CHECKING:
    from collections.abc import Generator

    from haltpoint._concurrency.time_limit import TimeLimit
    from haltpoint._engine import Snapshot
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.drafts import Hearing
    from haltpoint.run.tools.tools import ToolExecution
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["Handlers", "commit_drafts", "concerning", "take_news", "this_process", "unresolved_error", "waiter_for"]

HitlHandler = Callable[[RunRequirement], Any]

_EPOCH = datetime.fromtimestamp(0, timezone.utc)

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

    def __post_init__(self) -> None:
        """Refuse what can't be called before anything is run that it is for."""
        for name, handler in (
            ("hitl_handler", self.hitl_handler),
            ("external_tool_executor", self.external_tool_executor),
        ):
            if handler is not None and not callable(handler):
                raise TypeError(f"{name} must be a function of a requirement, or None, not {handler!r:.80}")
            check_no_generator(name, handler)

    def __bool__(self) -> bool:
        return self.hitl_handler is not None or self.external_tool_executor is not None

    async def resolve(self, requirement: RunRequirement, hearing: Hearing) -> None:
        """Call the function that is responsible for an undecided requirement. Its exceptions pass through."""
        with hearing.open():
            await self._resolve(requirement)

    async def _resolve(self, requirement: RunRequirement) -> None:
        if self.external_tool_executor is not None and requirement.is_external_tool_execution:
            executor = self.external_tool_executor
            result = await _called(executor, requirement, "external_tool_executor")
            if requirement.is_resolved:
                await _check_one_result(executor, requirement, result, "external_tool_executor")
            elif not _is_of(requirement, result):
                # A function that returns nothing has done its work all the same: asking again would do it twice.
                text = await read_where_it_ran(executor, functools.partial(text_of, result))
                requirement.set_external_execution_result(text)
        if self.hitl_handler is not None and not requirement.is_resolved:
            returned: object = await _called(self.hitl_handler, requirement, "hitl_handler")
            if requirement.is_external_tool_execution and not isinstance(returned, bool):
                await _check_one_result(self.hitl_handler, requirement, returned, "hitl_handler")
            if isinstance(returned, bool) and not requirement.is_resolved:
                warnings.warn(
                    RunNotCompletedWarning(
                        f"hitl_handler returned {returned}, which decides nothing about requirement {requirement.id}: "
                        f"{requirement.how_to_resolve}",
                        run_id=requirement.run_id,
                    ),
                    stacklevel=2,
                )


async def _called(handler: HitlHandler, requirement: RunRequirement, name: str) -> object:
    returned: object = await call_back(handler, requirement)
    if is_generator(returned):
        raise generator_error(name)
    return returned


def _is_of(requirement: RunRequirement, returned: object) -> bool:
    """Whether a function hands back the requirement: it says what was drafted on it, and is no result of its call."""
    return isinstance(returned, RunRequirement) and returned.id == requirement.id


async def _check_one_result(handler: HitlHandler, requirement: RunRequirement, returned: object, name: str) -> None:
    """Check that a function which sets the result of a call returns no other one: which is meant nobody knows.

    Raises:
        InvalidResolutionError: it does.
        RequirementConflictError: it has put its result on disk, and returns another.
    """
    if returned is None or _is_of(requirement, returned) or requirement.tool_execution.result is None:
        return
    if requirement.decision is not None and requirement.decided_by not in (requirement.draft_by, this_process()):
        # Somebody else was faster.
        return
    execution = requirement.tool_execution
    texts = await read_where_it_ran(handler, lambda: (execution.result_text(), text_of(returned)))
    if texts[0] == texts[1]:
        return
    if requirement.decision is not None:
        raise conflict_error(requirement, requirement.decision)
    raise InvalidResolutionError(
        f"{name} set one result of the call of {execution.tool_name!r} and returned another: return the result, or "
        f"set it and return nothing; the run waits for it still (requirement {requirement.id})",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="result",
    )


async def commit_drafts(
    database: Database,
    stored: AgentRunOutput,
    drafts: Iterable[RunRequirement | Mapping[str, Any]],
    tools: Mapping[str, ToolDefinition],
    known: Snapshot | None = None,
    *,
    limit: TimeLimit = NO_LIMIT,
) -> int:
    """Put the decisions that `drafts` hold on disk, and return how many requirements are decided by them.

    Nothing is written before all of them are known to be valid.

    Args:
        database: where the run is.
        stored: the run as it stands on disk.
        drafts: requirements, or their `to_dict()` data, decided or not.
        tools: what is at hand for checking a person's input.
        known: the run as it was read from the database, which need not be read once more then.
        limit: how long validators of the tools may take.

    Raises:
        TimeLimitPassedError: a validator had not returned when the time was over; nothing is written.
        InvalidResolutionError: a requirement is not the run's, or its values do not fit.
        RequirementConflictError: somebody decided otherwise before.
        RequirementExpiredError: a decision comes too late; it is taken off the requirement.
    """
    with concerning(stored.run_id):
        asked = await _asked_for(database, stored, known)
        checked = [
            await _checked_apart(_requirement(draft), stored.run_id, asked, tools, limit=limit) for draft in drafts
        ]
        ready = [
            (requirement, on_disk, await with_changed_arguments(database, on_disk, decision, tools, limit=limit))
            for requirement, on_disk, decision in _each_once(checked)
        ]
        for requirement, on_disk, decision in ready:
            await _commit(database, stored.run_id, requirement, on_disk, decision, known)
            # One of several approvals decides nothing, and counts for the message that says what is missing.
            for handed_out in stored.requirements:
                if handed_out.id == on_disk.id and handed_out is not requirement:
                    handed_out.take_terms({**terms_data(requirement), "digest": requirement.digest})
        for requirement, on_disk, _ in ready:
            last = next(item for item, other, _ in reversed(ready) if other.id == on_disk.id)
            if requirement.decision is None and last.decision is not None:
                requirement.take_terms({**terms_data(last), "digest": last.digest})
                requirement.take_committed(last.decision, last.decided_by, last.decided_at)
    return sum(requirement.decision is not None for requirement, _, _ in ready)


async def _asked_for(database: Database, stored: AgentRunOutput, known: Snapshot | None) -> list[dict[str, Any]]:
    """What the run asks for as it stands on disk; the objects that were handed out may have been edited."""
    asked: list[dict[str, Any]] = stored.requirements_data()
    if any(item.get("approvals_needed", 1) > 1 for item in asked):
        # Others may have approved since, and what they approved counts.
        bridge = LoopBridge.current()
        snapshot: Snapshot = await bridge.wait(database.native.load(bridge.completions, stored.run_id, known))
        asked = json.loads(snapshot.requirements_json())
    return asked


_Checked: TypeAlias = "tuple[RunRequirement, RunRequirement, dict[str, Any]]"


def _each_once(checked: Iterable[_Checked | None]) -> list[_Checked]:
    """Leave out what says the same of the same requirement: several objects may stand for it.

    Where several people must approve, two of them may say the same.

    Raises:
        InvalidResolutionError: two objects say different things.
    """
    said: dict[str, _Checked] = {}
    others: list[_Checked] = []
    for found in checked:
        if found is None:
            continue
        requirement, on_disk, decision = found
        first = said.setdefault(on_disk.id, found)
        if first is found:
            continue
        is_same, is_same_person = same_decision(first[2], decision), first[0].draft_by == requirement.draft_by
        if is_same and not is_same_person and on_disk.approvals_needed > 1 and decision["type"] == "confirm":
            if requirement.expected_digest == on_disk.digest:
                # What they were shown: by the time it counts, the first one's word is on disk.
                requirement.expected_digest = None
            others.append(found)
        elif not (is_same and is_same_person):
            raise InvalidResolutionError(
                f"two objects of requirement {on_disk.id} of tool {on_disk.tool_execution.tool_name!r} hold different "
                "decisions; pass the one that is meant: requirements=[...]",
                run_id=on_disk.run_id,
                requirement_id=on_disk.id,
            )
    return [*said.values(), *others]


@contextmanager
def concerning(run_id: str) -> Generator[None]:
    """Let errors that leave the block say which run they are about."""
    try:
        yield
    except HaltpointError as error:
        error.run_id = error.run_id or run_id
        raise


@contextmanager
def _masking_errors(on_disk: RunRequirement, decision: Mapping[str, Any]) -> Generator[None]:
    """Let no error that leaves the block show what is sensitive: others may have approved with other values."""
    try:
        yield
    except HaltpointError as error:
        execution = on_disk.tool_execution
        if execution.sensitive:
            masking = Masking(execution.sensitive)
            masking.learn_execution(execution)
            for said in (decision, getattr(error, "decision", None)):
                masking.learn_decision(said)
            error.args = (masking.text(str(error)), *error.args[1:])
        raise


def _requirement(draft: RunRequirement | Mapping[str, Any]) -> RunRequirement:
    if isinstance(draft, RunRequirement):
        return draft
    try:
        check_said(draft)
        requirement = RunRequirement.from_dict(draft)
        # Data says what was seen; an object may have been made long before it is decided on.
        if requirement.expected_digest is None:
            requirement.expected_digest = requirement.digest
        if "tool_module" in draft and requirement.tool_module is None:
            # No module's name: what data leaves out is not held against the run, and what it says is.
            requirement.tool_module = ""
        return requirement
    except HaltpointError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidResolutionError(
            "requirements= takes a list of RunRequirement objects or of what their to_dict() returns; "
            f"this can't be read as one: {outline(draft)} ({exception_text(error)})"
        ) from error


async def _checked_apart(
    requirement: RunRequirement,
    run_id: str,
    asked: Iterable[Mapping[str, Any]],
    tools: Mapping[str, ToolDefinition],
    *,
    limit: TimeLimit = NO_LIMIT,
) -> _Checked | None:
    check = functools.partial(_checked, requirement, run_id, asked, tools)
    return await checked_apart(check, limit, calls_foreign_code=_calls_foreign_code(requirement, tools))


def _calls_foreign_code(requirement: RunRequirement, tools: Mapping[str, ToolDefinition]) -> bool:
    """Whether checking what was said may call validators of users' types; so it may where the tool is not known."""
    if check_of_question(requirement.run_id, requirement.tool_execution.tool_call_id) is not None:
        return True
    if requirement.kind != "user_input":
        return False
    found = (tools.get(requirement.tool_execution.tool_name), tool_at_hand(requirement))
    known = [definition for definition in found if definition is not None]
    return not known or any(definition.calls_foreign_code for definition in known)


def _checked(
    requirement: RunRequirement, run_id: str, asked: Iterable[Mapping[str, Any]], tools: Mapping[str, ToolDefinition]
) -> _Checked | None:
    """Return a draft, the run's requirement that it is about, and what it decides; None where it decides nothing.

    Raises:
        InvalidResolutionError: it names another run, call, tool or other arguments than the requirement on disk, or its
            values do not fit.
    """
    data = _counterpart(requirement, run_id, asked)
    if data["decision"] is None:
        _check_open(requirement, data)
    # What went through other hands may have lost what its fields take, or say something else of it.
    requirement.take_form(data.get("user_input_schema") or (), is_open=data["decision"] is None)
    if data["decision"] is not None and requirement.is_refused:
        # Refused, and decided since by other means.
        return None
    decision = requirement.draft_decision()
    if decision is None or (data["decision"] is not None and same_decision(decision, data["decision"])):
        return None
    if data["decision"] is None and requirement.decision is not None and is_handed_out(requirement):
        # Committed since the run was read, as by a handler that awaits its requirement.
        return None
    on_disk = RunRequirement.from_dict(data)
    checked_note(on_disk, decision.get("note"))
    decision = checked_decision(on_disk, decision)
    _check_form(requirement, on_disk)
    _check_unmasked(on_disk, decision)
    if on_disk.is_expired:
        requirement.take_terms(data)
        raise expired_error(on_disk)
    _check_name(on_disk, requirement.draft_by, decision)
    if on_disk.decision is None:
        _check_same_call(requirement, on_disk)
        _check_open_fields(requirement, on_disk)
    if decision["type"] == "input":
        # As for changed arguments: what the tool gets is shown wherever its code is at hand.
        definition = tools.get(on_disk.tool_execution.tool_name) or tool_at_hand(requirement)
        decision = {**decision, **_input_values(definition, requirement, on_disk, _said_values(requirement, decision))}
    elif decision["type"] == "result":
        check_result(on_disk, decision["content"])
    elif decision["type"] == "confirm":
        decision = _as_shown(requirement, on_disk, decision)
    _text_of(decision, on_disk)
    return requirement, on_disk, decision


def _check_open(requirement: RunRequirement, data: Mapping[str, Any]) -> None:
    """Check what is said of a requirement that nobody has decided yet."""
    if requirement.kind != data["kind"]:
        # Else its decision, which is of another kind, would go unseen.
        _check_same_call(requirement, RunRequirement.from_dict(data))
    if requirement.decision is None:
        check_words(requirement, data["tool_execution"])
    elif requirement.is_data:
        raise undecided_error(requirement)


def _as_shown(requirement: RunRequirement, on_disk: RunRequirement, decision: dict[str, Any]) -> dict[str, Any]:
    """A yes, which is to the arguments that others changed where these are what the person was shown."""
    approved = approved_arguments(on_disk)
    if approved is None or decision.get("tool_args") is not None or requirement.expected_digest != on_disk.digest:
        return decision
    return {**decision, "tool_args": approved}


def _check_form(requirement: RunRequirement, on_disk: RunRequirement) -> None:
    """Check what else a requirement's data may say that the engine would not understand."""
    digest = cast("object", requirement.expected_digest)
    names = [field["name"] for field in requirement.user_input_schema or ()]
    problem: tuple[str, str] | None = None
    if digest is not None and not (isinstance(digest, str) and digest.isascii()):
        problem = "expected_digest", f"expected_digest must be a digest that was shown or None, not {digest!r:.80}"
    elif len(names) != len(set(names)):
        problem = "user_input_schema", "its form has two fields of one name"
    if problem is not None:
        raise InvalidResolutionError(
            f"the decision on {on_disk.tool_execution.tool_name!r} can't be used: {problem[1]}",
            run_id=on_disk.run_id,
            requirement_id=on_disk.id,
            field_name=problem[0],
        )


def _check_unmasked(on_disk: RunRequirement, decision: Mapping[str, Any]) -> None:
    """Refuse the mask of a sensitive value in the place of one: somebody decides on what a list showed them."""
    given: Mapping[str, Any] = {**(decision.get("tool_args") or {}), **(decision.get("values") or {})}
    name = next((name for name in on_disk.tool_execution.sensitive if given.get(name) == MASK), None)
    if name is not None:
        raise InvalidResolutionError(
            f"{name} of {on_disk.tool_execution.tool_name!r} is {MASK!r}, which lists show in the place of its value: "
            "look the requirement up, and give the value",
            run_id=on_disk.run_id,
            requirement_id=on_disk.id,
            field_name=name,
        )


def _check_same_call(requirement: RunRequirement, on_disk: RunRequirement) -> None:
    """Check that what was decided on is what was asked: the same call of the same tool with the same arguments."""
    said, asked = requirement.tool_execution, on_disk.tool_execution
    differs: str | None = None
    if said.tool_name != asked.tool_name:
        differs = f"it is about a call of {said.tool_name!r}"
    elif requirement.tool_module is not None and (requirement.tool_module or None) != on_disk.tool_module:
        differs = f"it is about a tool of the module {requirement.tool_module!r}, not {on_disk.tool_module!r}"
    elif said.tool_call_id != asked.tool_call_id:
        differs = f"it is about the call {said.tool_call_id!r}, not {asked.tool_call_id!r}"
    elif requirement.kind != on_disk.kind:
        differs = f"it needs another kind of decision, {requirement.kind!r}"
    elif any(said.tool_args.get(name) == MASK != asked.tool_args.get(name) for name in asked.sensitive):
        differs = "its arguments are masked, as in a list; look the requirement up, and decide on what that shows"
    elif not _is_shown(said.tool_args, on_disk) or not _is_same_origin(said, asked):
        differs = "its arguments are not those that were shown; to change them, say so: confirm(tool_args={...})"
    if differs is not None:
        raise InvalidResolutionError(
            f"the decision does not fit requirement {on_disk.id} of {asked.tool_name!r}: {differs}",
            run_id=on_disk.run_id,
            requirement_id=on_disk.id,
        )


def _check_open_fields(requirement: RunRequirement, on_disk: RunRequirement) -> None:
    """Check that data says of the fields that a person is asked to fill what the run says."""
    if requirement.says_open_fields and set(requirement.open_fields) != set(on_disk.open_fields):
        raise InvalidResolutionError(
            f"open_fields of requirement {on_disk.id} of {on_disk.tool_execution.tool_name!r} are not the fields that "
            f"a person is asked to fill: {', '.join(on_disk.open_fields) or 'none'}; leave them as they were",
            run_id=on_disk.run_id,
            requirement_id=on_disk.id,
            field_name="open_fields",
        )


def _is_shown(arguments: Mapping[str, Any], on_disk: RunRequirement) -> bool:
    """Whether these arguments are shown, or were before others approved the call with other ones."""
    asked = on_disk.asked_args
    return same_data(arguments, on_disk.tool_execution.tool_args) or (asked is not None and same_data(arguments, asked))


def _is_same_origin(said: ToolExecution, asked: ToolExecution) -> bool:
    """Whether what the model said is what it said; data that does not tell it shows the arguments in its place."""
    original = said.original_tool_args or {}
    return same_data(original, asked.original_tool_args or {}) or same_data(original, asked.tool_args)


def _check_name(requirement: RunRequirement, by: str | None, decision: Mapping[str, Any]) -> None:
    """One of several approvals has to say whose it is; the name of a process says nothing."""
    if requirement.approvals_needed > 1 and decision["type"] == "confirm" and by is None:
        raise nameless_error(requirement)


def _text_of(decision: Mapping[str, Any], requirement: RunRequirement) -> str:
    """The decision as it is stored; refused here where it has no such form, such as a note with a lone surrogate."""
    note = decision.get("note")
    try:
        text = storable_text("it" if note is None else "its note", to_json_text(decision))
        # A number keeps the digits that it was written with: the tool may make a decimal of it.
        return dump_exact(decision) if holds_written_floats(decision) else text
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidResolutionError(
            f"the decision on {requirement.tool_execution.tool_name!r} can't be stored as JSON text: {error}",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name=None if note is None else "note",
        ) from error


def _said_values(requirement: RunRequirement, decision: Mapping[str, Any]) -> dict[str, Any]:
    """A person's answers as they gave them: what became of them when the draft was checked may be read as others."""
    values: dict[str, Any] = decision["values"]
    if requirement.decision is None:
        return requirement.given_values
    fields = {field["name"]: field for field in requirement.user_input_schema or ()}
    return {name: shown_bytes(schema_of(fields.get(name, {})), value) for name, value in values.items()}


def _input_values(
    definition: ToolDefinition | None, requirement: RunRequirement, on_disk: RunRequirement, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The values as they are kept and, as a sign that the tool's code was asked, what the tool gets for them."""
    try:
        if definition is None or definition.dynamic_user_input:
            # By the form on disk: the one that came as data may be another.
            return shown_by_schema(on_disk, without_unchanged(on_disk, checked_values(on_disk, values)))
        with no_fork:
            from haltpoint.tools.shown_arguments import shown_answers
            from haltpoint.tools.user_values import check_user_input, shown_defaults
        execution = on_disk.tool_execution
        defaults = shown_defaults(execution.user_input_schema or (), execution.defaulted)
        checked = check_user_input(definition, execution.tool_args, values, defaults=defaults)
        checked = without_unchanged(on_disk, checked)
        shown = shown_answers(definition, checked)
    except InvalidResolutionError as error:
        requirement.mark_refused()
        error.run_id, error.requirement_id = on_disk.run_id, on_disk.id
        raise
    return {"values": checked, "shown": shown} if checked else {"values": checked}


def _counterpart(requirement: RunRequirement, run_id: str, asked: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The run's requirement of the same id; of one that has no id from a run, the one that its call waits for."""
    call_id = requirement.tool_execution.tool_call_id
    says_no_run = requirement.run_id is None and requirement.is_data
    if not says_no_run and requirement.run_id != run_id:
        raise InvalidResolutionError(
            f"requirement {requirement.id} is of run {requirement.run_id}, not of run {run_id}; pass requirements of "
            "this run's own output",
            run_id=run_id,
            requirement_id=requirement.id,
        )
    of_call: list[Mapping[str, Any]] = []
    for candidate in asked:
        if candidate["id"] == requirement.id:
            return candidate
        if candidate["tool_execution"]["tool_call_id"] == call_id:
            of_call.append(candidate)
    if of_call and requirement.has_own_id:
        # A call asks for one thing at a time: what is open, if anything is, is what it asked for last.
        return of_call[-1]
    raise InvalidResolutionError(
        f"run {run_id} has no requirement {requirement.id}; pass requirements of this run's own output",
        run_id=run_id,
        requirement_id=requirement.id,
    )


async def _commit(
    database: Database,
    run_id: str,
    requirement: RunRequirement,
    on_disk: RunRequirement,
    decision: Mapping[str, Any],
    known: Snapshot | None = None,
) -> None:
    bridge, requirement_id = LoopBridge.current(), on_disk.id
    text = _text_of(decision, requirement)
    by = requirement.draft_by or this_process()
    ticket = database.native.decide(
        bridge.completions, run_id, requirement_id, text, by, known, requirement.expected_digest
    )
    try:
        with concerning(run_id), _masking_errors(on_disk, decision):
            # A cancelled caller does not take the decision back: it may be on disk already.
            decided: Snapshot = await asyncio.shield(bridge.wait(ticket))
    except RequirementExpiredError:
        await _refresh(database, run_id, requirement, requirement_id, known)
        raise
    if requirement.decision is None and not _take(decided, requirement, requirement_id):
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
    return _take(
        await bridge.wait(database.native.load(bridge.completions, run_id, known)), requirement, requirement_id
    )


def _take(snapshot: Snapshot, requirement: RunRequirement, requirement_id: str) -> bool:
    """As `_refresh`, of a run that was read."""
    for data in json.loads(snapshot.requirements_json()):
        if data["id"] == requirement_id:
            requirement.take_terms(data)
            if data["decision"] is not None:
                requirement.take_committed(data["decision"], data["decided_by"], data["decided_at"])
    return requirement.decision is not None or requirement.is_expired


def take_news(snapshot: Snapshot, requirements: Iterable[RunRequirement]) -> None:
    """Let undecided requirements of a run know what others decided."""
    for requirement in requirements:
        if requirement.decision is None:
            _take(snapshot, requirement, requirement.id)


def waiter_for(database: Database) -> Callable[[RunRequirement], Awaitable[RunRequirement]]:
    """Return what awaiting a requirement of this database does: commit a draft, or wait for somebody's decision."""

    async def wait(requirement: RunRequirement) -> RunRequirement:
        if requirement.decision is not None or requirement.is_expired:
            return requirement
        calls_foreign_code = _calls_foreign_code(requirement, {})
        if await checked_apart(requirement.draft_decision, calls_foreign_code=calls_foreign_code) is not None:
            await _commit_alone(database, requirement)
        else:
            await _until_decided(database, requirement)
        return requirement

    return wait


async def _commit_alone(database: Database, requirement: RunRequirement) -> None:
    """Put a draft on disk, once it is held against what the run asks for."""
    bridge, run_id = LoopBridge.current(), _run_of(requirement)
    snapshot: Snapshot = await bridge.wait(database.native.load(bridge.completions, run_id))
    try:
        checked = await _checked_apart(requirement, run_id, json.loads(snapshot.requirements_json()), {})
        if checked is None:
            await _refresh(database, run_id, requirement, requirement.id, snapshot)
            return
        _, on_disk, decision = checked
        decision = await with_changed_arguments(database, on_disk, decision, {})
        await _commit(database, run_id, requirement, on_disk, decision, snapshot)
    except (InvalidResolutionError, RequirementConflictError):
        # Refused to a person's face: it must not count later, when the run is continued.
        requirement.drop_draft()
        raise


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
        await asyncio.wait_for(news.wait(), _time_left(database, requirement))
    except asyncio.TimeoutError:
        await database.expire_due_async(requirement.run_id)
    else:
        news.clear()


def _time_left(database: Database, requirement: RunRequirement) -> float | None:
    if requirement.expires_at is None:
        return None
    # A little more, so that a clock that is read coarsely says that the time is over.
    # Whether the time is over the database says, by its own clock.
    left = requirement.expires_at - (_EPOCH + timedelta(microseconds=database.native.now()))
    return max(left.total_seconds(), 0.0) + _CLOCK_GRAIN


def _run_of(requirement: RunRequirement) -> str:
    if requirement.run_id is None:
        raise ValueError(f"{requirement!r} belongs to no run")
    return requirement.run_id


def unresolved_error(
    output: AgentRunOutput, drafts: Iterable[RunRequirement | Mapping[str, Any]] = ()
) -> UnresolvedRequirementsError:
    """Return the error for continuing a paused run without a single decision.

    Args:
        output: the run.
        drafts: what was passed, which decides nothing.
    """
    waiting = output.active_requirements
    lacking = lacking_words(output.run_id, map(_requirement, drafts))

    def how(item: RunRequirement) -> str:
        lacks = f"; it is filled in in part: {lacking[item.id]}" if item.id in lacking else ""
        return f"{item.tool_execution.tool_name} ({item.id}): {item.how_to_resolve}{lacks}"

    lines = "; ".join(map(how, waiting))
    return UnresolvedRequirementsError(
        f"run {output.run_id} is paused and none of its requirements is resolved: {lines}",
        run_id=output.run_id,
        requirement_ids=[item.id for item in waiting],
    )
