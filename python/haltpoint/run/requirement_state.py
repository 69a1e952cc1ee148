"""What a paused run needs from outside, as it stands: what is asked, and what was said so far."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.resolution.answers import given_values
from haltpoint.resolution.parse import Decision, RequirementKind, checked_kind, is_answered, kind_of, unfilled_fields
from haltpoint.run.attribution import checked_name
from haltpoint.run.requirement_validation import HOW_TO_RESOLVE
from haltpoint.run.same_data import is_plain, same_data
from haltpoint.run.tools.tools import ToolExecution, checked_execution

__all__ = ["RequirementState"]


class RequirementState:
    """What is asked and what was said; `RunRequirement` adds the ways to say it."""

    # Whether the data that it was read from names the open fields; None where it was not read.
    _says_open: bool | None = None

    # What a wait is for, where it is not a time alone.
    event: dict[str, Any] | None = None

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
        # A requirement that was made up here has an id that no run knows: its call says which one is meant.
        self.has_own_id = not id
        self.id: str = id or _new_id()
        self.run_id = run_id
        self._kind: RequirementKind = checked_kind(kind_of(tool_execution) if kind is None else kind)
        self.created_at: datetime = created_at or datetime.now(timezone.utc)
        self.details = details
        self.digest: str | None = None
        self.expected_digest: str | None = None
        self.expires_at: datetime | None = None
        self.expired_at: datetime | None = None
        self.approvals: list[dict[str, Any]] = []
        # The first of them as the journal has it: the others repeat what the tool validates.
        self.first_approval: dict[str, Any] | None = None
        self.approvals_needed = 1
        self.always_ask = self.fixed_arguments = False
        self.remembered_from: dict[str, Any] | None = None
        self.revoked: dict[str, Any] | None = None
        self._decision: Decision | None = None
        self.decided_by: str | None = None
        self._draft_by: str | None = None
        self.decided_at: datetime | None = None
        # The arguments that were shown before others approved the call with other ones.
        self.asked_args: dict[str, Any] | None = None
        # Where the code of the call's tool stood when the model asked for it.
        self.tool_module: str | None = None
        # Fields that a person is asked to fill: once they all have values, the input counts as given.
        self._open_fields: list[str] = unfilled_fields(tool_execution)
        # Fields that were answered with None, which an empty field does not show.
        self._emptied: list[str] = []
        # What the last `answer()` put into fields, and what stood there before.
        self._answers: dict[str, tuple[Any, Any]] = {}
        # What was given last that was refused.
        self._refused: dict[str, Any] | None = None
        # A draft of retry or skip, which leave no trace in the tool call's own state.
        self._recovery: Decision | None = None
        # What a drafted confirmation says beyond yes, such as changed arguments.
        self._confirmation: Decision = {}
        self._is_made = True

    if not TYPE_CHECKING:
        # A type checker that sees it takes any name.

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_") and "_is_made" in vars(self) and not _is_attribute(self, name):
                raise AttributeError(
                    f"{name!r} of a {type(self).__name__} can't be set, so that nobody would read it: "
                    f"{self.how_to_resolve}, or assign to confirmation, confirmation_note or tool_execution",
                    name=name,
                    obj=self,
                )
            object.__setattr__(self, name, value)

    # What is asked

    @property
    def tool_execution(self) -> ToolExecution:
        """The tool call in question."""
        return self._tool_execution

    @tool_execution.setter
    def tool_execution(self, execution: ToolExecution) -> None:
        self._tool_execution = checked_execution(execution)

    @property
    def kind(self) -> RequirementKind:
        """What is needed: "confirmation", "user_input", "external_tool", "recovery"; or "wait", which asks nobody."""
        return self._kind

    @property
    def user_input_schema(self) -> list[dict[str, Any]] | None:
        """The fields to fill in: the same list as `tool_execution.user_input_schema`."""
        return self.tool_execution.user_input_schema

    @user_input_schema.setter
    def user_input_schema(self, schema: list[dict[str, Any]] | None) -> None:
        self.tool_execution.user_input_schema = schema

    @property
    def open_fields(self) -> tuple[str, ...]:
        """The names of the fields that had no value when the person was asked."""
        return tuple(self._open_fields)

    @property
    def says_open_fields(self) -> bool:
        """Whether it was read from data that names the open fields."""
        return self._says_open is True

    @property
    def emptied_fields(self) -> tuple[str, ...]:
        """The names of the fields that were answered with None, and have no value since."""
        filled = {field["name"] for field in self.user_input_schema or () if field.get("value") is not None}
        return tuple(name for name in self._emptied if name not in filled)

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
        how = HOW_TO_RESOLVE[self.kind]
        if self.approvals_needed == 1:
            return how
        return f"{how}; {self.approvals_needed} different people must confirm, and {len(self.approvals)} did"

    # What was said

    @property
    def decision(self) -> Decision | None:
        """The committed decision as JSON data, or None before there is one: a copy of what the journal says."""
        return self._decision

    @property
    def draft_by(self) -> str | None:
        """Who drafts: what `by=` said last, committed along with the draft."""
        return self._draft_by

    @draft_by.setter
    def draft_by(self, by: str | None) -> None:
        self._draft_by = checked_name(self, by)

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
    def is_expired(self) -> bool:
        """Whether nobody decided in time, so that nobody can any more."""
        return self.expired_at is not None

    @property
    def is_refused(self) -> bool:
        """Whether the values of the fields were refused and nobody has changed them since."""
        if self._refused is None:
            return False
        refused, given = self._refused, self.given_values
        # What is no data, such as a set, is the same where Python says so.
        return refused.keys() == given.keys() and all(
            same_data(value, given[name]) or (value == given[name] and not is_plain(value))
            for name, value in refused.items()
        )

    def mark_refused(self) -> None:
        """Note that the values of the fields do not fit, so that the question stands until somebody changes them."""
        given = self.given_values
        try:
            self._refused = deepcopy(given)
        except Exception:  # noqa: BLE001 - what is no data, such as a generator, is refused with a better error
            self._refused = dict(given)

    @property
    def given_values(self) -> dict[str, Any]:
        """What was filled into the fields since the person was asked, by their names; None for one that was emptied."""
        return given_values(self.tool_execution, self._open_fields, self._emptied)

    @property
    def is_resolved(self) -> bool:
        """Whether nothing is waited for: there is a decision, committed or drafted, or it is too late for one."""
        if self.decision is not None or self.is_expired:
            return True
        if self.kind in ("confirmation", "wait"):
            return self.confirmation is not None
        if self.kind == "user_input":
            return is_answered(self.tool_execution, self._open_fields) and not self.is_refused
        return self.has_result or self._recovery is not None


def _is_attribute(requirement: RequirementState, name: str) -> bool:
    """Whether an attribute exists that is no method, and can be set."""
    known = getattr(type(requirement), name, len)
    if isinstance(known, property):
        return known.fset is not None
    return name in vars(requirement) or not callable(known)


def _new_id() -> str:
    # Runs give their requirements ids; making one up, and loading what that takes, is the exception.
    with no_fork:
        from uuid import uuid4
    return str(uuid4())
