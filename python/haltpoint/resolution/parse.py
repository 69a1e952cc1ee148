"""Decisions on requirements as JSON data: read from the state that people leave a tool call in, and written back.

A decision is one of `{"type": "confirm"}` (with `tool_args` where a person changed the arguments, with `remember` where
it answers later calls, too),
`{"type": "reject", "note"}`, `{"type": "input", "values"}`,
`{"type": "result", "content"}`, `{"type": "retry"}`, `{"type": "supply", "content"}`, `{"type": "skip", "note"}`.
Where the tool's validation makes something else of a person's values, `shown_args` of a confirmation holds what the
tool gets; so does `shown` of an input wherever the tool's code checked it. With `unchecked`, and for an input without
`shown`, no code of the tool checked what a person gave, but its schema alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.resolution.answers import is_dynamic, shown_bytes
from haltpoint.run.attribution import outline, said_note
from haltpoint.run.same_data import same_data
from haltpoint.tools.field_words import schema_of

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState
    from haltpoint.run.tools.tools import ToolExecution

__all__ = [
    "Decision",
    "RequirementKind",
    "apply_decision",
    "check_words",
    "checked_decision",
    "checked_kind",
    "confirm_decision",
    "confirmation_decision",
    "describe_decision",
    "is_answered",
    "is_undecided",
    "kind_of",
    "result_decision",
    "show_bytes",
    "still_needed",
    "unfilled_fields",
    "yes_or_no",
]

Decision: TypeAlias = "dict[str, Any]"
RequirementKind = Literal["confirmation", "user_input", "external_tool", "recovery", "wait"]


def checked_kind(kind: object) -> RequirementKind:
    """Return `kind`, which must be one of the kinds of requirements.

    Raises:
        InvalidResolutionError: it is something else.
    """
    if isinstance(kind, str) and kind in get_args(RequirementKind):
        return cast("RequirementKind", kind)
    kinds = ", ".join(get_args(RequirementKind))
    raise InvalidResolutionError(f"the kind of a requirement is one of {kinds}, not {kind!r:.80}", field_name="kind")


def kind_of(execution: ToolExecution) -> RequirementKind:
    """Return what a call waits for, by its flags.

    Raises:
        ValueError: it waits for nothing.
    """
    if execution.requires_confirmation:
        return "confirmation"
    if execution.requires_user_input:
        return "user_input"
    if execution.external_execution_required:
        return "external_tool"
    raise ValueError(
        f"the call of {execution.tool_name!r} needs no confirmation, user input or external result: "
        "name the requirement's kind"
    )


def unfilled_fields(execution: ToolExecution) -> list[str]:
    """Return the names of the input fields that have no value."""
    schema = execution.user_input_schema or ()
    return [field["name"] for field in schema if field.get("value") is None]


def confirm_decision(tool_args: dict[str, Any] | None, remember: dict[str, Any] | None) -> Decision:
    """Return the decision that lets a call run, with what it says beyond that."""
    said = {"type": "confirm", "tool_args": tool_args, "remember": remember}
    return {key: value for key, value in said.items() if value is not None}


def confirmation_decision(execution: ToolExecution) -> Decision | None:
    """Return the word on a call that needs confirmation, or None before there is one.

    Raises:
        InvalidResolutionError: it is neither yes nor no.
    """
    confirmed = yes_or_no("confirmed", execution.confirmed, execution.tool_name)
    if confirmed is None:
        return None
    return {"type": "confirm"} if confirmed else {"type": "reject", "note": said_note(execution.confirmation_note)}


def yes_or_no(field_name: str, value: object, tool_name: str) -> bool | None:
    """Return a person's word: True, False, or None before there is one.

    Nothing else counts. Text such as "false" is what a form or a query string makes of a no, and Python takes it for a
    yes.

    Raises:
        InvalidResolutionError: it is something else.
    """
    if value is None or value is True or value is False:
        return value
    raise InvalidResolutionError(
        f"{field_name} of the call of {tool_name!r} must be True, False or None, got {value!r:.80}",
        field_name=field_name,
    )


def result_decision(execution: ToolExecution) -> Decision | None:
    """Return the result of a call that was run elsewhere, or None before there is one.

    Raises:
        ToolResultError: it has no form as text.
    """
    content = execution.result_text()
    return None if content is None else {"type": "result", "content": content}


def is_answered(execution: ToolExecution, open_fields: Collection[str]) -> bool:
    """Whether the fields count as filled in: somebody said so, or each that was open has a value.

    Raises:
        InvalidResolutionError: `answered` is neither yes nor no.
    """
    answered = yes_or_no("answered", execution.answered, execution.tool_name)
    if answered is not None:
        return answered
    return bool(open_fields) and not still_needed(execution, open_fields)


def still_needed(execution: ToolExecution, open_fields: Collection[str]) -> list[str]:
    """Return the empty fields without which a form is not filled in: those that must have a value, or all if none must.

    Args:
        execution: the call.
        open_fields: the names of the fields that had no value when the person was asked.
    """
    unfilled = unfilled_fields(execution)
    form = execution.user_input_schema or ()
    required = [field["name"] for field in form if field["name"] in open_fields and field.get("required", False)]
    return [name for name in unfilled if name in required] if required else unfilled


# What people say by assigning it to a call, and what of it each kind of requirement reads.
_SAID = ("confirmed", "confirmation_note", "answered", "result", "tool_call_error")
_READ: dict[RequirementKind, tuple[str, ...]] = {
    "confirmation": ("confirmed", "confirmation_note"),
    "user_input": ("answered",),
    "external_tool": ("result",),
    "recovery": ("result",),
    "wait": ("confirmed",),
}


def check_words(requirement: RequirementState, asked: Mapping[str, Any]) -> None:
    """Check that a call says nothing that belongs to a decision of another kind: nobody would read it.

    Args:
        requirement: what is open.
        asked: its call as it stands on disk. What this says already may stand in the requirement, too.

    Raises:
        InvalidResolutionError: there is such a word; `field_name` names it.
    """
    execution = requirement.tool_execution
    for name in _SAID:
        value = getattr(execution, name)
        if name in _READ[requirement.kind] or _says_nothing(name, value) or same_data(value, asked.get(name)):
            continue
        raise InvalidResolutionError(
            f"{name} of the call of {execution.tool_name!r} is set, which is no part of the decision that requirement "
            f"{requirement.id} needs; leave it as it was: {requirement.how_to_resolve}",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name=name,
        )
    _check_form_words(requirement, asked)
    if requirement.kind == "confirmation" and execution.confirmed is True and execution.confirmation_note:
        raise InvalidResolutionError(
            f"confirmation_note of the call of {execution.tool_name!r} is set beside a yes, where nobody reads it: a "
            "note is the reason of a rejection. Take it out (None) to approve the call, or reject it with the note",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name="confirmation_note",
        )


def _check_form_words(requirement: RequirementState, asked: Mapping[str, Any]) -> None:
    """Check that nothing is filled into a form where none is asked for."""
    if requirement.kind == "user_input":
        return
    before = {field["name"]: field.get("value") for field in asked.get("user_input_schema") or ()}
    form = requirement.user_input_schema or ()
    filled_in = any(
        field.get("name") not in before or not same_data(field.get("value"), before[field["name"]]) for field in form
    )
    name = "user_input_schema" if filled_in else "open_fields" if requirement.open_fields and not before else None
    name = "emptied_fields" if requirement.emptied_fields else name
    if name is not None:
        raise InvalidResolutionError(
            f"{name} of requirement {requirement.id} of tool {requirement.tool_execution.tool_name!r} is set, which is "
            f"no part of the decision that it needs: {requirement.how_to_resolve}",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name=name,
        )


def _says_nothing(name: str, value: object) -> bool:
    # That a result is no error is so in any case.
    return (
        value is None or (name == "tool_call_error" and value is False) or (name == "confirmation_note" and not value)
    )


# What each type of decision says, and as which type. What the tool makes of a person's values is found out anew.
_PARTS: dict[str, dict[str, tuple[type, ...]]] = {
    "confirm": {"tool_args": (Mapping, NoneType), "remember": (Mapping, NoneType)},
    "reject": {"note": (str, NoneType)},
    "input": {"values": (Mapping,)},
    "result": {"content": (str,)},
    "retry": {},
    "supply": {"content": (str,)},
    "skip": {"note": (str, NoneType)},
    "signal": {"signal_id": (str,), "event": (Mapping,), "payload": (object,)},
}
_FOUND_OUT = ("shown_args", "shown", "unchecked")


def checked_decision(requirement: RequirementState, decision: Mapping[str, Any]) -> Decision:
    """Return a decision with what people say in one, and no more.

    Raises:
        InvalidResolutionError: it is of no known type, lacks a part, or says more than a decision of its type does.
    """
    parts = _PARTS.get(str(decision.get("type")))
    said = {key: value for key, value in decision.items() if key not in ("type", *_FOUND_OUT)}
    fits = parts is not None and all(isinstance(said.get(name), kinds) for name, kinds in parts.items())
    if parts is None or not fits or said.keys() - parts or not _is_remember(said.get("remember")):
        raise InvalidResolutionError(
            f"the decision on {requirement.tool_execution.tool_name!r} can't be read: {outline(decision)}",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
        )
    if "note" in said:
        said["note"] = said_note(said["note"])
    return {"type": decision["type"], **said}


def _is_remember(said: Mapping[str, Any] | None) -> bool:
    if said is None:
        return True
    known = said.keys() <= {"scope", "with_arguments"}
    return known and said.get("scope") in ("run", "session") and isinstance(said.get("with_arguments", False), bool)


def apply_decision(execution: ToolExecution, decision: Mapping[str, Any]) -> None:
    """Bring a call into the state that a committed decision describes."""
    _APPLY[decision["type"]](execution, decision)


def is_undecided(execution: ToolExecution, decision: Mapping[str, Any]) -> bool:
    """Whether a call does not show yet what a decision of this type would leave in it."""
    match decision["type"]:
        case "confirm" | "reject":
            return execution.confirmed is None
        case "input":
            return not execution.answered
        case "result" | "supply":
            return execution.result is None
        case _:
            return False


def _apply_confirm(execution: ToolExecution, decision: Mapping[str, Any]) -> None:
    execution.confirmed = True
    execution.confirmation_note = None
    if decision.get("tool_args") is not None:
        changed = decision.get("shown_args") or decision["tool_args"]
        execution.defaulted = [
            name for name in execution.defaulted if same_data(changed.get(name), execution.tool_args.get(name))
        ]
        execution.tool_args = dict(changed)
        execution.changed_by_person = True


def _apply_reject(execution: ToolExecution, decision: Mapping[str, Any]) -> None:
    execution.confirmed = False
    execution.confirmation_note = decision.get("note")


def _apply_input(execution: ToolExecution, decision: Mapping[str, Any]) -> None:
    execution.answered = True
    values = _shown_values(execution, decision)
    if not is_dynamic(execution):
        given = decision.get("shown") or values
        execution.tool_args = {**execution.tool_args, **given}
        execution.defaulted = [name for name in execution.defaulted if name not in given]
        execution.changed_by_person = bool(values)
    for field in execution.user_input_schema or ():
        if field["name"] in values:
            field["value"] = values[field["name"]]


def show_bytes(execution: ToolExecution, decision: Mapping[str, Any]) -> None:
    """Write the bytes of committed answers in a call as people give them, where they stand as they are kept."""
    if decision["type"] != "input" or is_dynamic(execution):
        return
    kept, shown = decision["values"], _shown_values(execution, decision)
    for field in execution.user_input_schema or ():
        name = field["name"]
        if name in shown and field.get("value") == kept[name]:
            field["value"] = shown[name]
    if not decision.get("shown"):
        written = {name: value for name, value in shown.items() if execution.tool_args.get(name) == kept[name]}
        execution.tool_args = {**execution.tool_args, **written}


def _shown_values(execution: ToolExecution, decision: Mapping[str, Any]) -> dict[str, Any]:
    fields = {field["name"]: schema_of(field) for field in execution.user_input_schema or ()}
    return {name: shown_bytes(fields.get(name, {}), value) for name, value in decision["values"].items()}


def _apply_content(execution: ToolExecution, decision: Mapping[str, Any]) -> None:
    execution.result = decision["content"]


def _apply_nothing(execution: ToolExecution, decision: Mapping[str, Any]) -> None:
    """Retry, skip and signals concern what happens next, not the call's own state."""


_APPLY: dict[str, Callable[[ToolExecution, Mapping[str, Any]], None]] = {
    "confirm": _apply_confirm,
    "reject": _apply_reject,
    "input": _apply_input,
    "result": _apply_content,
    "supply": _apply_content,
    "retry": _apply_nothing,
    "skip": _apply_nothing,
    "signal": _apply_nothing,
}


_WORDS = {
    "confirm": "confirmed",
    "reject": "rejected",
    "input": "answered",
    "result": "given a result",
    "retry": "retried",
    "supply": "supplied with a result",
    "skip": "skipped",
    "signal": "ended by a signal",
}


def describe_decision(decision: Mapping[str, Any]) -> str:
    """Return a decision as a word for an error message, without the values that were given."""
    word = _WORDS[decision["type"]]
    note = decision.get("note")
    return f"{word} ({note!r})" if note else word
