"""What a paused run needs from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from copy import deepcopy
from datetime import datetime, timezone
from typing import Any, TypeAlias

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.forking import no_fork
from haltpoint.run.decisions import (
    Decision,
    RequirementKind,
    apply_decision,
    confirmation_decision,
    contradicts,
    input_decision,
    is_undecided,
    kind_of,
    result_decision,
    same_decision,
    unfilled_fields,
)
from haltpoint.run.requirement_data import merged_execution
from haltpoint.run.requirement_errors import HOW_TO_RESOLVE, conflict_error, wrong_kind_error
from haltpoint.run.timestamps import format_time, parse_time
from haltpoint.run.tools.tools import ToolExecution, text_of

__all__ = ["RunRequirement", "Waiter"]

Waiter: TypeAlias = "Callable[[RunRequirement], Awaitable[RunRequirement]]"

_DYNAMIC_INPUT_TOOL = "get_user_input"


class RunRequirement:
    """What a paused run waits for: a confirmation, user input, an external result, or a recovery decision.

    Resolve it with the methods below, or by assigning to `tool_execution` and to the `value` of its fields. Whatever is
    set is a draft: the last word counts, until `await requirement` or continuing the run commits it. From then on it
    is final, and a different decision raises `RequirementConflictError`. Each of the methods takes `by=`: who decides,
    which is kept with the decision.

    Attributes:
        id: id of the requirement.
        run_id: the run that waits.
        kind: `"confirmation"`, `"user_input"`, `"external_tool"` or `"recovery"`.
        created_at: since when the run waits (aware, UTC).
        tool_execution: the tool call in question.
        decision: the committed decision as JSON data, or None before there is one.
        decided_by: who made the committed decision.
        decided_at: when it was made (aware, UTC).
        details: for a recovery: what is known of the interrupted call, as JSON data.
    """

    # Set by the run that the requirement belongs to: commits the draft, or waits for somebody's decision.
    _waiter: Waiter | None = None

    def __init__(
        self,
        tool_execution: ToolExecution,
        *,
        id: str | None = None,
        run_id: str | None = None,
        kind: RequirementKind | None = None,
        created_at: datetime | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.tool_execution = tool_execution
        self.id = id or _new_id()
        self.run_id = run_id
        self.kind: RequirementKind = kind or kind_of(tool_execution)
        self.created_at = created_at or datetime.now(timezone.utc)
        self.details = details
        self.decision: Decision | None = None
        self.decided_by: str | None = None
        # Who drafts: what `by=` said last, committed along with the draft.
        self.draft_by: str | None = None
        self.decided_at: datetime | None = None
        # Fields that a person is asked to fill: once they all have values, the input counts as given.
        self._open_fields: list[str] = unfilled_fields(tool_execution)
        # A draft of retry or skip, which leave no trace in the tool call's own state.
        self._recovery: Decision | None = None
        self._committed_result: Any = None

    # What is asked

    @property
    def user_input_schema(self) -> list[dict[str, Any]] | None:
        """The fields to fill in: the same list as `tool_execution.user_input_schema`."""
        return self.tool_execution.user_input_schema

    @user_input_schema.setter
    def user_input_schema(self, schema: list[dict[str, Any]] | None) -> None:
        self.tool_execution.user_input_schema = schema

    @property
    def is_external_tool_execution(self) -> bool:
        """Whether this is about a call that is run outside of haltpoint, answered or not."""
        return self.kind == "external_tool"

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person has yet to confirm or reject the call."""
        return self.kind == "confirmation" and not self.is_resolved

    @property
    def needs_user_input(self) -> bool:
        """Whether a person has yet to fill in fields."""
        return self.kind == "user_input" and not self.is_resolved

    @property
    def needs_external_execution(self) -> bool:
        """Whether the call has yet to be run elsewhere and its result set."""
        return self.kind == "external_tool" and not self.is_resolved

    @property
    def needs_recovery(self) -> bool:
        """Whether a person has yet to say what becomes of an interrupted call."""
        return self.kind == "recovery" and not self.is_resolved

    @property
    def how_to_resolve(self) -> str:
        """One line of advice, for messages."""
        return HOW_TO_RESOLVE[self.kind]

    # What was said

    @property
    def confirmation(self) -> bool | None:
        """True once confirmed, False once rejected; the same as `tool_execution.confirmed`."""
        return self.tool_execution.confirmed

    @confirmation.setter
    def confirmation(self, confirmed: bool | None) -> None:
        self.tool_execution.confirmed = confirmed

    @property
    def confirmation_note(self) -> str | None:
        """The reason given with a rejection; the same as `tool_execution.confirmation_note`."""
        return self.tool_execution.confirmation_note

    @confirmation_note.setter
    def confirmation_note(self, note: str | None) -> None:
        self.tool_execution.confirmation_note = note

    @property
    def has_result(self) -> bool:
        """Whether the tool call has a result; the empty str is one."""
        return self.tool_execution.result is not None

    @property
    def is_resolved(self) -> bool:
        """Whether there is a decision, be it committed or a draft."""
        if self.decision is not None:
            return True
        if self.kind == "confirmation":
            return self.confirmation is not None
        if self.kind == "user_input":
            all_filled = bool(self._open_fields) and not unfilled_fields(self.tool_execution)
            return bool(self.tool_execution.answered) or all_filled
        return self.has_result or self._recovery is not None

    # Saying it

    def confirm(self, *, by: str | None = None) -> None:
        """Let the call run with the arguments shown.

        Raises:
            ValueError: this requirement is not a confirmation.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("confirmation", "confirm()")
        self._decide({"type": "confirm"}, by)

    def reject(self, note: str | None = None, *, by: str | None = None) -> None:
        """Keep the call from running; the model is told so, with the note.

        Raises:
            ValueError: this requirement is not a confirmation.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("confirmation", "reject()")
        self._decide({"type": "reject", "note": note}, by)

    def answer(self, values: Mapping[str, Any], *, by: str | None = None) -> None:
        """Fill in fields and say that the input is given.

        Args:
            values: the values by the fields' names; fields that are not named stay as they are.
            by: who decides.

        Raises:
            ValueError: this requirement asks for no input.
            InvalidResolutionError: there is no such field.
            RequirementConflictError: it was answered otherwise.
        """
        self._check_kind("user_input", "answer()")
        fields = {field["name"]: field for field in self.user_input_schema or ()}
        for name in values:
            if name not in fields:
                raise InvalidResolutionError(
                    f"there is no field {name!r}; the fields are: {', '.join(fields)}",
                    run_id=self.run_id,
                    requirement_id=self.id,
                    field_name=name,
                )
        for name, value in values.items():
            fields[name]["value"] = value
        self.tool_execution.answered = True
        self.draft_by = by
        # Held against a committed decision at once, as the other kinds are.
        self.draft_decision()

    def set_external_execution_result(self, result: Any, *, by: str | None = None) -> None:
        """Set what the call returned: a str as it is, any other value (None, too) as JSON.

        Raises:
            ValueError: this requirement is not about an external call.
            ToolResultError: the result has no form as text.
            RequirementConflictError: it has another result already.
        """
        self._check_kind("external_tool", "set_external_execution_result()")
        self._decide({"type": "result", "content": text_of(result)}, by)

    def retry(self, *, by: str | None = None) -> None:
        """Run the interrupted call once more, though it may have taken effect already.

        Raises:
            ValueError: this requirement is not a recovery.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("recovery", "retry()")
        self._decide({"type": "retry"}, by)

    def supply(self, result: Any, *, by: str | None = None) -> None:
        """Give the result of the interrupted call, which then is not run again.

        Raises:
            ValueError: this requirement is not a recovery.
            ToolResultError: the result has no form as text.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("recovery", "supply()")
        self._decide({"type": "supply", "content": text_of(result)}, by)

    def skip(self, note: str | None = None, *, by: str | None = None) -> None:
        """Go on without the interrupted call; the model is told that its outcome is unknown, with the note.

        Raises:
            ValueError: this requirement is not a recovery.
            RequirementConflictError: it was decided otherwise.
        """
        self._check_kind("recovery", "skip()")
        self._decide({"type": "skip", "note": note}, by)

    def draft_decision(self) -> Decision | None:
        """Return the decision that the present state amounts to, as JSON data, or None when there is none.

        Once a decision is committed, it is that one.

        Raises:
            InvalidResolutionError: user input lacks a value, or has one of the wrong type.
            ToolResultError: the result has no form as text.
            RequirementConflictError: something different was assigned after the commit.
        """
        if self.decision is None:
            return self._drafted()
        if contradicts(self.tool_execution, self.decision, self._committed_result):
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
            from haltpoint.driving.background import run_blocking
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

    # Data

    def to_dict(self) -> dict[str, Any]:
        """Return the requirement as JSON data, drafts included.

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
            "decision": deepcopy(self.decision),
            "details": deepcopy(self.details),
            "open_fields": list(self._open_fields),
            "recovery_draft": deepcopy(self._recovery),
            "draft_by": self.draft_by,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, waiter: Waiter | None = None) -> RunRequirement:
        """Read what `to_dict` returns, or what the engine tells of a requirement.

        Args:
            data: the requirement as JSON data. A form may have been filled in on either of the places that show
                it, at the top or within `tool_execution`.
            waiter: what awaiting the requirement calls.

        Raises:
            InvalidResolutionError: the two places contradict each other.
            ValueError: a time is malformed, or the kind can't be told.
        """
        created_at = data.get("created_at")
        requirement = cls(
            merged_execution(data),
            id=data.get("id"),
            run_id=data.get("run_id"),
            kind=data.get("kind"),
            created_at=None if created_at is None else parse_time(created_at),
            details=data.get("details"),
        )
        requirement._restore(data)
        if waiter is not None:
            requirement._waiter = waiter
        return requirement

    def __repr__(self) -> str:
        decided = "draft" if self.decision is None else "committed"
        state = decided if self.is_resolved else "open"
        return f"RunRequirement({self.kind} for {self.tool_execution.tool_name!r}, id={self.id!r}, {state})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunRequirement):
            return NotImplemented
        return (self.run_id, self.id) == (other.run_id, other.id)

    def __hash__(self) -> int:
        return hash((self.run_id, self.id))

    def __getstate__(self) -> dict[str, Any]:
        # A copy stands for itself: it must not drag the run's driver along.
        return {name: value for name, value in vars(self).items() if name != "_waiter"}

    def _settle(self, decision: Mapping[str, Any], by: str | None, at: datetime | None) -> None:
        self.decision = deepcopy(dict(decision))
        self.decided_by = by
        self.decided_at = at
        self._recovery = None
        self._committed_result = self.tool_execution.result

    def _restore(self, data: Mapping[str, Any]) -> None:
        open_fields: Iterable[str] | None = data.get("open_fields")
        if open_fields is not None:
            self._open_fields = list(open_fields)
        self._recovery = data.get("recovery_draft")
        self.draft_by = data.get("draft_by")
        decision: Decision | None = data.get("decision")
        if decision is None:
            return
        # Where the call shows a person's word already, that stands, to be held against the decision.
        if is_undecided(self.tool_execution, decision):
            apply_decision(self.tool_execution, decision)
        decided_at: str | None = data.get("decided_at")
        at = None if decided_at is None else parse_time(decided_at)
        self._settle(decision, data.get("decided_by"), at)

    def _drafted(self) -> Decision | None:
        if self.kind == "confirmation":
            return confirmation_decision(self.tool_execution)
        if self.kind == "user_input":
            return self._drafted_input()
        result = result_decision(self.tool_execution)
        if self.kind == "external_tool":
            return result
        return deepcopy(self._recovery) if result is None else {**result, "type": "supply"}

    def _drafted_input(self) -> Decision | None:
        try:
            return input_decision(
                self.tool_execution,
                self._open_fields,
                may_stay_empty=self.tool_execution.tool_name == _DYNAMIC_INPUT_TOOL,
            )
        except InvalidResolutionError as error:
            error.run_id = self.run_id
            error.requirement_id = self.id
            raise

    def _decide(self, decision: Decision, by: str | None) -> None:
        if self.decision is not None:
            if not same_decision(decision, self.decision):
                raise conflict_error(self, self.decision)
            return
        if self.kind == "recovery":
            # Of retry, supply and skip the last word counts: each takes the others back.
            self.tool_execution.result = None
            self._recovery = None if decision["type"] == "supply" else decision
        apply_decision(self.tool_execution, decision)
        self.draft_by = by

    def _check_kind(self, kind: RequirementKind, what: str) -> None:
        if self.kind != kind:
            raise wrong_kind_error(self, what)


def _new_id() -> str:
    # Runs give their requirements ids; making one up, and loading what that takes, is the exception.
    with no_fork:
        from uuid import uuid4
    return str(uuid4())
