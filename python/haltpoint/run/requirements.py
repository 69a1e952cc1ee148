"""What a paused run needs from outside."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime
from typing import Any, TypeAlias

from haltpoint._concurrency.async_functions import AwaitedElsewhere
from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import InvalidResolutionError
from haltpoint.resolution.answers import checked_values, fields_asked_for, without_unchanged
from haltpoint.resolution.parse import (
    Decision,
    RequirementKind,
    apply_decision,
    confirm_decision,
    confirmation_decision,
    is_answered,
    is_undecided,
    result_decision,
    show_bytes,
)
from haltpoint.resolution.results import check_result
from haltpoint.resolution.same_decisions import contradicts, is_same_answer, same_decision
from haltpoint.run.attribution import checked_name, checked_note, said_note
from haltpoint.run.changed_arguments import changed_arguments, decision_as_given, shown_decision
from haltpoint.run.data_types import check_emptied, check_types
from haltpoint.run.drafts import Hearing, drop_kept, keep_draft, note_requirement
from haltpoint.run.remember_scope import RememberScope, memory_of
from haltpoint.run.requirement_data import drafted, merged_execution
from haltpoint.run.requirement_state import RequirementState
from haltpoint.run.requirement_terms import restore_terms, terms_data
from haltpoint.run.requirement_validation import (
    check_changeable,
    check_digest,
    check_names,
    checked_mapping,
    conflict_error,
    expired_error,
    no_field_error,
    wrong_kind_error,
)
from haltpoint.run.tools.tools import answer_data, text_of
from haltpoint.sensitive import masked_requirement
from haltpoint.timestamps import format_time, parse_time

__all__ = ["RunRequirement", "Waiter"]

Waiter: TypeAlias = "Callable[[RunRequirement], Awaitable[RunRequirement]]"

# Where a draft stands, but for the values of fields: in the requirement, and in its call.
_SAID = ("_emptied", "_refused", "_answers", "_recovery", "_confirmation", "_draft_by", "expected_digest", "hearing")
_SAID_OF_CALLS = ("confirmed", "confirmation_note", "answered", "result")


class RunRequirement(RequirementState, AwaitedElsewhere):
    """What a paused run waits for: a confirmation, user input, an external result, or a recovery decision.

    Resolve it with the methods below, or by assigning to `tool_execution` and to the `value` of its fields. Whatever is
    set is a draft: the last word counts, until `await requirement` or continuing the run commits it. Each object has
    its own draft, so that two objects are never equal; compare their `id`. From then on the decision
    is final, and a different decision raises `RequirementConflictError`; one that comes too late raises
    `RequirementExpiredError`. Each of the methods takes `by=`: who decides, which is kept with the decision. A
    name is kept in Unicode's form NFKC, with single spaces, and without characters that can't be seen; upper and lower
    case count. One that is blank, longer than 512 bytes or holds control characters, and a note that is no text, raise
    `InvalidResolutionError`. Each takes `expected_digest=`, too: the `digest` of what the person was shown. Where the
    requirement has another one, the decision is refused with `InvalidResolutionError`, and the requirement stays open:
    at once where one person decides and this object has a digest, else by the commit, which holds it against the disk.

    Attributes:
        id: id of the requirement.
        run_id: the run that waits.
        kind: `"confirmation"`, `"user_input"`, `"external_tool"`, `"recovery"`; or `"wait"`, which asks nobody: the
            run goes on with the signal of its `event`, or at its `expires_at`.
        created_at: since when the run waits (aware, UTC).
        tool_execution: the tool call in question.
        decision: the committed decision as JSON data, or None before there is one.
        decided_by: who made the committed decision.
        decided_at: when it was made (aware, UTC).
        digest: SHA-256, in hexadecimal digits, of what confirming would run now: the run, the requirement, the tool
            with its parameters, and the arguments. None for a requirement that does not come from a database.
        expected_digest: what the draft's `expected_digest=` said.
        details: JSON data or None. For a recovery: what is known of the interrupted call; for a confirmation: why the
            tool's own rule could not tell whether one is needed (`rule_failure`).
        expires_at: until when it can be decided (aware, UTC); None for as long as it takes.
        expired_at: when it was written that nobody decided in time (aware, UTC); None while it was not.
        approvals_needed: how many different people must confirm.
        approvals: who has confirmed, where several must: dicts of `by`, `at` (ISO 8601), `decision`, the `tool_args`.
        always_ask: whether `confirm(remember=...)` is refused, because the tool says so.
        fixed_arguments: whether `confirm(tool_args=...)` is refused: the arguments say what is asked, and whoever asks
            gets a yes or a no alone, as a workflow does that awaits `confirm(...)`.
        remembered_from: the earlier approval that decided it, where nobody was asked: a dict of `requirement_id`,
            `run_id` and `by`; else None.
        event: the `name` and the `key` (or None) of the event that a wait ends with; None where it waits for a time
            alone.
        revoked: who ended that its approval answers later calls, and when: a dict of `by` and `at` (ISO 8601), or None.
    """

    # Set by the run that the requirement belongs to: commits the draft, or waits for somebody's decision.
    _waiter: Waiter | None = None

    # In which handler it was drafted on, if in one.
    hearing: Hearing | None = None

    # Saying it

    def confirm(
        self,
        *,
        tool_args: Mapping[str, Any] | None = None,
        remember: RememberScope | None = None,
        remember_args: bool = False,
        by: str | None = None,
        expected_digest: str | None = None,
    ) -> None:
        """Let the call run, with the arguments shown or with others; and later calls of the tool, where they are meant.

        A wait ends at once: it takes none of the other arguments but `by` and `expected_digest`.

        Args:
            tool_args: all arguments to run with, in the place of those shown: not only the ones that differ. A name
                that the tool does not have is refused at once where this process has its code; the values, and names
                elsewhere, are checked when the decision is committed. The model is told what ran.
            remember: "run": the run's later calls of this tool run without asking; "session": those of all runs of the
                run's session. Until the approval is revoked (`Database.revoke`), and as long as the tool's name, module
                and parameters stay the same.
            remember_args: only later calls with the same arguments.
            by: who decides.
            expected_digest: the digest of what the person was shown.

        Raises:
            ValueError: this requirement is neither a confirmation nor a wait.
            InvalidResolutionError: `tool_args` is no mapping, holds what JSON can't, or a name that the tool does not
                have, or changes `fixed_arguments`; the digest is another one; or `remember` is something else, comes
                with changed arguments, or is refused by the tool (`always_ask=True`). That a run has no session shows
                when the decision is committed.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("wait" if self.kind == "wait" else "confirmation", "confirm()")
        changed = changed_arguments(self, tool_args)
        check_changeable(self, changed)
        check_names(self, changed)
        memory = memory_of(self, remember, with_arguments=remember_args, is_changed=changed is not None)
        self._decide(confirm_decision(changed, memory), by, expected_digest)

    def reject(self, note: str | None = None, *, by: str | None = None, expected_digest: str | None = None) -> None:
        """Keep the call from running; the model is told so, with the note.

        Raises:
            ValueError: this requirement is not a confirmation.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("confirmation", "reject()")
        self._decide({"type": "reject", "note": said_note(note)}, by, expected_digest)

    def answer(self, values: Mapping[str, Any], *, by: str | None = None, expected_digest: str | None = None) -> None:
        """Fill in fields and say that the input is given.

        The values are checked at once: by the tool, where this process has its code, else by the JSON schemas of the
        fields. Values that are refused leave the requirement as it was.

        Args:
            values: the values by the fields' names, in the place of those of an earlier `answer()`. Fields that are not
                named stay as they are otherwise; one that is empty takes its default. None is a value where the field
                takes it. Dates, enumerations, decimals, models and the like are given as their JSON. Bytes are text, or
                `base64:` and their base64. A field that the model filled may be changed, too, which counts as a change
                of the model's arguments.
            by: who decides.
            expected_digest: the digest of what the person was shown.

        Raises:
            ValueError: this requirement asks for no input.
            InvalidResolutionError: there is no such field, a value is missing, or one does not fit; `field_name` is the
                path of the first problem, such as "address.code".
            RequirementConflictError: it was answered otherwise.
        """
        self._check_kind("user_input", "answer()")
        if self.is_expired:
            raise expired_error(self)
        by = checked_name(self, by)
        fields = {field["name"]: field for field in self.user_input_schema or ()}
        for name in checked_mapping(self, values):
            if name not in fields:
                raise no_field_error(self, name, fields)
        values = {name: answer_data(value) for name, value in values.items()}
        if self.decision is not None:
            self._answer_again(values)
            return
        check_digest(self, expected_digest)
        with self._as_before_if_raised():
            self._fill_in(fields, values)
            self.draft_decision()
            self.draft_by, self.expected_digest = by, expected_digest
            keep_draft(self)

    @contextmanager
    def _as_before_if_raised(self) -> Generator[None]:
        """Take back what was said in a block that raises, be it KeyboardInterrupt: half of a word must not count."""
        execution, fields = self.tool_execution, list(self.user_input_schema or ())
        said = {name: getattr(self, name) for name in _SAID}
        told = {name: getattr(execution, name) for name in _SAID_OF_CALLS}
        values = [field.get("value") for field in fields]
        try:
            yield
        except BaseException:
            vars(self).update(said)
            # Not by assignment, which is how people say something.
            vars(execution).update(told)
            for field, value in zip(fields, values, strict=True):
                field["value"] = value
            raise

    def _answer_again(self, values: Mapping[str, Any]) -> None:
        """Hold an answer against the one that is committed, at once, as the other kinds are."""
        decision = self.draft_decision()
        if decision is not None and not is_same_answer(self, values, self._checked_in_full):
            raise conflict_error(self, decision)

    def _fill_in(self, fields: Mapping[str, dict[str, Any]], values: Mapping[str, Any]) -> None:
        for name, (given, asked) in self._answers.items():
            # What was assigned since stays, as what was assigned before does.
            if name in fields and fields[name].get("value") is given:
                fields[name]["value"] = asked
        self._answers = {name: (value, fields[name].get("value")) for name, value in values.items()}
        for name, value in values.items():
            fields[name]["value"] = value
        self._emptied = [name for name in fields if name in values and values[name] is None]
        self.tool_execution.answered = True

    def set_external_execution_result(
        self, result: Any, *, by: str | None = None, expected_digest: str | None = None
    ) -> None:
        """Set what the call returned: a str as it is, any other value (None, too) as JSON.

        Raises:
            ValueError: this requirement is not about an external call.
            ToolResultError: the result has no form as text.
            InvalidResolutionError: a workflow waits for it with `external(..., returns=...)`, and it is none of these.
            RequirementConflictError: it has another result already.
        """
        self._check_kind("external_tool", "set_external_execution_result()")
        text = text_of(result)
        if self.decision is None:
            check_result(self, text)
        self._decide({"type": "result", "content": text}, by, expected_digest)

    def retry(self, *, by: str | None = None, expected_digest: str | None = None) -> None:
        """Run the interrupted call once more, though it may have taken effect already.

        Raises:
            ValueError: this requirement is not a recovery.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("recovery", "retry()")
        self._decide({"type": "retry"}, by, expected_digest)

    def supply(self, result: Any, *, by: str | None = None, expected_digest: str | None = None) -> None:
        """Give the result of the interrupted call, which then is not run again.

        Raises:
            ValueError: this requirement is not a recovery.
            ToolResultError: the result has no form as text.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("recovery", "supply()")
        self._decide({"type": "supply", "content": text_of(result)}, by, expected_digest)

    def skip(self, note: str | None = None, *, by: str | None = None, expected_digest: str | None = None) -> None:
        """Go on without the interrupted call; the model is told that its outcome is unknown, with the note.

        Raises:
            ValueError: this requirement is not a recovery.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("recovery", "skip()")
        self._decide({"type": "skip", "note": said_note(note)}, by, expected_digest)

    def draft_decision(self) -> Decision | None:
        """Return the decision that the present state amounts to, as JSON data, or None when there is none.

        Once a decision is committed, it is that one.

        Raises:
            InvalidResolutionError: user input lacks a value, or has one of the wrong type.
            ToolResultError: the result has no form as text.
            RequirementConflictError: something different was assigned after the commit.
        """
        if self.decision is None:
            return None if self.is_expired else self._drafted()
        if contradicts(self, self.decision, self._checked_in_part):
            raise conflict_error(self, self.decision)
        return deepcopy(self.decision)

    def take_committed(self, decision: Mapping[str, Any], by: str | None, at: datetime | str | None) -> None:
        """Take over the decision that is on disk, in place of any draft.

        Args:
            decision: JSON data as the engine tells it.
            by: who decided.
            at: when, as an aware datetime or ISO 8601 text.
        """
        apply_decision(self.tool_execution, decision)
        if decision["type"] == "input":
            self._empty_others(decision["values"])
        self._settle(decision, by, parse_time(at) if isinstance(at, str) else at)

    def commit(self) -> RunRequirement:
        """Put the draft on disk and wait for it; the synchronous form of `await requirement`, which needs a draft.

        Raises:
            ValueError: there is nothing to commit yet.
            RequirementConflictError: somebody decided otherwise before.
        """
        if self.draft_decision() is None:
            raise ValueError(f"requirement {self.id} has no decision to commit yet: {self.how_to_resolve}")
        with no_fork:
            from haltpoint._concurrency.background_loop import run_blocking
        return run_blocking(self._committed())

    async def _committed(self) -> RunRequirement:
        return await self

    def __await__(self) -> Generator[Any, None, RunRequirement]:
        """Commit a draft, or else wait until somebody decides; the requirement is decided on disk then."""
        if self._waiter is None:
            raise RuntimeError(
                f"requirement {self.id} was loaded as data and belongs to no run of this process: pass it to "
                "continue_run_async(run_id=..., requirements=[...]), or await the one of the run's own output"
            )
        return self._waiter(self).__await__()

    @property
    def is_data(self) -> bool:
        """Whether it was read from data or copied, and belongs to no run of this process."""
        return self._waiter is None

    def take_form(self, form: Iterable[Mapping[str, Any]], *, is_open: bool) -> None:
        """Take over what a form says of its fields, all but their values.

        Args:
            form: the fields as the run has them.
            is_open: whether nobody has filled them in yet: then it tells which are open to data that lost that.
        """
        known = {field["name"]: field for field in form}
        if is_open and self._says_open is False:
            self._open_fields = [name for name, field in known.items() if field.get("value") is None]
        for field in self.user_input_schema or ():
            said = known.get(field["name"], {})
            field.update({key: value for key, value in said.items() if key != "value"})

    def take_terms(self, data: Mapping[str, Any]) -> None:
        """Take over what the engine tells beside the decision: how long it waits, who has confirmed, and so on."""
        restore_terms(self, data)
        self.digest = data.get("digest", self.digest)
        if self.is_expired:
            self.drop_draft()

    def drop_draft(self) -> None:
        """Take back what was said and not committed; values that were filled into fields stay."""
        execution = self.tool_execution
        execution.confirmed = execution.confirmation_note = execution.answered = None
        if self.kind in ("external_tool", "recovery"):
            execution.result = None
        self._recovery, self._confirmation, self._emptied = None, {}, []
        self.draft_by = self.expected_digest = None
        drop_kept(self)

    # Data

    def to_dict(self) -> dict[str, Any]:
        """Return the requirement as JSON data, drafts included; a secret in a committed decision is masked.

        Raises:
            ToolResultError: a result was assigned that has no form as text.
        """
        execution = self.tool_execution.to_dict()
        return {
            "id": self.id,
            "run_id": self.run_id,
            "kind": self.kind,
            "created_at": format_time(self.created_at),
            "decided_by": self.decided_by,
            "decided_at": None if self.decided_at is None else format_time(self.decided_at),
            "confirmation": self.confirmation,
            "confirmation_note": self.confirmation_note,
            "user_input_schema": deepcopy(execution["user_input_schema"]),
            "tool_execution": execution,
            "decision": shown_decision(self.decision),
            "details": deepcopy(self.details),
            "digest": self.digest,
            **terms_data(self),
            "tool_module": self.tool_module,
            "open_fields": list(self._open_fields),
            "emptied_fields": list(self.emptied_fields),
            "recovery_draft": deepcopy(self._recovery),
            "confirmation_draft": deepcopy(self._confirmation),
            "draft_by": self.draft_by,
            "expected_digest": self.expected_digest,
        }

    def masked(self) -> RunRequirement:
        """Return the requirement as lists show it, with the values of sensitive parameters masked.

        For lists, logs and messages of your own: see `@tool(sensitive=[...])`. It has no `digest`, and can't be
        decided: a person decides on what they see. Where its tool has no sensitive parameters, it is this very object.

        Raises:
            ToolResultError: a result was assigned that has no form as text.
        """
        if not self.tool_execution.sensitive:
            return self
        return type(self).from_dict(masked_requirement(self.to_dict()))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, waiter: Waiter | None = None) -> RunRequirement:
        """Read what `to_dict` returns, or what the engine tells of a requirement.

        Args:
            data: the requirement as JSON data. A form may have been filled in on either of the places that show
                it, at the top or within `tool_execution`.
            waiter: what awaiting the requirement calls.

        Raises:
            InvalidResolutionError: the two places contradict each other, or a member is of another type.
            ValueError: a time is malformed, or the kind can't be told.
        """
        if waiter is None:
            check_types(data)
        created_at = data.get("created_at")
        requirement = cls(
            merged_execution(data),
            id=data.get("id"),
            run_id=data.get("run_id"),
            kind=data.get("kind"),
            created_at=None if created_at is None else parse_time(created_at),
            details=data.get("details"),
        )
        restore_terms(requirement, data)
        requirement.digest = data.get("digest")
        requirement._restore(data)
        if waiter is not None:
            requirement._waiter = waiter
            note_requirement(requirement)
            requirement.tool_execution.tell_of_words(weakref.WeakMethod(requirement._said_by_assignment))
        return requirement

    def __repr__(self) -> str:
        decided = "expired" if self.is_expired else "draft" if self.decision is None else "committed"
        state = decided if self.is_resolved else "open"
        return f"RunRequirement({self.kind} for {self.tool_execution.tool_name!r}, id={self.id!r}, {state})"

    def __copy__(self) -> RunRequirement:
        # What is drafted on a copy is no draft on the original.
        return deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        # A copy stands for itself: it must not drag the run's driver along.
        return {name: value for name, value in vars(self).items() if name not in ("_waiter", "hearing")}

    def _empty_others(self, values: Mapping[str, Any]) -> None:
        """Take back what was drafted in fields that the committed answer says nothing of."""
        arguments = self.tool_execution.tool_args
        for field in self.user_input_schema or ():
            name = field["name"]
            if name not in values:
                field["value"] = None if name in self._open_fields else arguments.get(name, field.get("value"))

    def _settle(self, decision: Mapping[str, Any], by: str | None, at: datetime | None) -> None:
        self._decision = deepcopy(decision_as_given(decision, self.tool_execution.original_tool_args))
        self.decided_by = by
        self.decided_at = at
        self._recovery = None
        self._confirmation = {}
        self._emptied = []
        drop_kept(self)

    def _restore(self, data: Mapping[str, Any]) -> None:
        open_fields: Iterable[str] | None = data.get("open_fields")
        self._says_open = open_fields is not None
        if open_fields is not None:
            self._open_fields = list(open_fields)
        self._emptied = list(data.get("emptied_fields") or ())
        check_emptied(self.tool_execution, self._open_fields, self._emptied)
        self.tool_module = data.get("tool_module")
        self._recovery = drafted(self, data, "recovery_draft")
        self._confirmation = drafted(self, data, "confirmation_draft") or {}
        self.draft_by = data.get("draft_by")
        self.expected_digest = data.get("expected_digest")
        decision: Decision | None = data.get("decision")
        if decision is None:
            return
        # Where the call shows a person's word already, that stands, to be held against the decision.
        if is_undecided(self.tool_execution, decision):
            apply_decision(self.tool_execution, decision)
        show_bytes(self.tool_execution, decision)
        decided_at: str | None = data.get("decided_at")
        at = None if decided_at is None else parse_time(decided_at)
        if open_fields is None and decision["type"] == "input":
            self._open_fields = fields_asked_for(self.tool_execution, decision["values"])
        self._settle(decision, data.get("decided_by"), at)

    def _drafted(self) -> Decision | None:
        if self.kind in ("confirmation", "wait"):
            return self._drafted_confirmation()
        if self.kind == "user_input":
            return self._drafted_input()
        result = result_decision(self.tool_execution)
        if self.kind == "external_tool":
            return result
        return deepcopy(self._recovery) if result is None else {**result, "type": "supply"}

    def _drafted_confirmation(self) -> Decision | None:
        decision = confirmation_decision(self.tool_execution)
        if decision is not None and decision["type"] == "confirm":
            decision.update(deepcopy(self._confirmation))
        return decision

    def _drafted_input(self) -> Decision | None:
        if not is_answered(self.tool_execution, self._open_fields):
            return None
        try:
            return {"type": "input", "values": without_unchanged(self, checked_values(self, self.given_values))}
        except InvalidResolutionError:
            self.mark_refused()
            raise

    def _checked_in_part(self, values: dict[str, Any]) -> dict[str, Any]:
        return checked_values(self, values, in_part=True)

    def _checked_in_full(self, values: dict[str, Any]) -> dict[str, Any]:
        return checked_values(self, values)

    def _decide(self, decision: Decision, by: str | None, expected_digest: str | None) -> None:
        by = checked_name(self, by)
        checked_note(self, decision.get("note"))
        if self.is_expired:
            raise expired_error(self)
        if self.decision is not None:
            if not same_decision(decision, self.decision):
                raise conflict_error(self, self.decision)
            return
        check_digest(self, expected_digest)
        with self._as_before_if_raised():
            if self.kind == "recovery":
                # Of retry, supply and skip the last word counts: each takes the others back.
                self.tool_execution.result = None
                self._recovery = None if decision["type"] == "supply" else decision
            # What goes beyond yes or no shows in the call once it is committed.
            self._confirmation = {key: decision[key] for key in ("tool_args", "remember") if key in decision}
            said = {key: decision[key] for key in decision.keys() - self._confirmation.keys()}
            apply_decision(self.tool_execution, said)
            self.draft_by, self.expected_digest = by, expected_digest
            keep_draft(self)

    def _said_by_assignment(self) -> None:
        keep_draft(self)

    def _check_kind(self, kind: RequirementKind, what: str) -> None:
        if self.kind != kind:
            raise wrong_kind_error(self, what)
