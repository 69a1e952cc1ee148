"""The forms of a requirement: what is asked in them, and the decision that comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from haltpoint.inbox.csrf import FORM_TOKEN_FIELD
from haltpoint.inbox.error_pages import RefusedError
from haltpoint.inbox.texts import LONGEST, json_text
from haltpoint.invisible import unseen_characters
from haltpoint.resolution.answers import is_dynamic
from haltpoint.resolution.parse import unfilled_fields
from haltpoint.run.approvals import approved_arguments, approved_memory
from haltpoint.run.changed_arguments import same_arguments
from haltpoint.tools.field_schema import argument_schema
from haltpoint.tools.field_words import base_schema, is_null_text, is_required, schema_of, schema_words, takes_null
from haltpoint.tools.typed_values import UnfitTextError, typed_value

if TYPE_CHECKING:
    from haltpoint.run.requirements import RunRequirement

__all__ = ["CHANGING", "DIGEST_FIELD", "EMPTY_FIELD", "Field", "argument_fields", "decision_of", "input_fields"]

Widget = Literal["text", "long_text", "number", "choice", "json"]

# The action of the form in which arguments are changed.
CHANGING = "approve_changed"
# The digest of the requirement as the page showed it.
DIGEST_FIELD = "digest"
# What a person ticks who means to send nothing.
EMPTY_FIELD = "empty"
_LINE = 60
# How the names of the fields for arguments begin.
_ARGUMENT = "argument-"


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Attributes:
        name: the field's own name.
        form_name: its name in the form.
        type_name: what it takes, for people.
        widget: how it is filled in.
        value: what stands in it.
        description: what it is for.
        is_required: whether it must not stay empty.
        is_fixed: whether it is too long for a page, which shows its beginning, and then offers no change of it.
        schema: the JSON schema of an argument that is changed.
    """

    name: str
    form_name: str
    type_name: str
    widget: Widget
    value: str
    description: str = ""
    is_required: bool = True
    is_fixed: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])


def argument_fields(requirement: RunRequirement, parameters: Mapping[str, Any]) -> list[Field]:
    """Return a field for each argument of the call, for changing it: none once somebody approved, which others repeat.

    What is too long to be shown whole is not changed either, and has none; nor have arguments that say what is asked.

    Args:
        requirement: of kind confirmation.
        parameters: the JSON schema of the tool's arguments; an empty one where it is not known.
    """
    if requirement.approvals or requirement.fixed_arguments:
        return []
    return [field for field in _argument_fields(requirement, parameters) if len(field.value) <= LONGEST]


def _argument_fields(requirement: RunRequirement, parameters: Mapping[str, Any]) -> list[Field]:
    arguments = enumerate(requirement.tool_execution.tool_args.items())
    return [
        _argument_field(place, name, value, argument_schema(parameters, name)) for place, (name, value) in arguments
    ]


def input_fields(requirement: RunRequirement, given: Mapping[str, str]) -> list[Field]:
    """Return the fields that a person is asked to fill in.

    Args:
        requirement: of kind user_input.
        given: what the person typed before, by the names in the form.
    """
    dynamic = is_dynamic(requirement.tool_execution)
    fields = enumerate(requirement.user_input_schema or ())
    return [
        _input_field(place, field, given, must_be_filled=is_required(field, is_dynamic=dynamic))
        for place, field in fields
    ]


def decision_of(requirement: RunRequirement, form: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the decision that a form asks for, in the form that the JSON API takes.

    Args:
        requirement: what is decided.
        form: what was sent.
        parameters: the JSON schema of the tool's arguments; an empty one where it is not known.

    Raises:
        RefusedError: a value can't be read, there is no such button, the form does not say what it showed, or it would
            send nothing and the person did not say that this is meant.
    """
    action = form.get("action", "")
    read = partial(_changing, parameters=parameters) if action == CHANGING else _ACTIONS.get(action)
    if read is None:
        raise RefusedError(422, "invalid_decision", "choose one of the buttons")
    if not form.get(DIGEST_FIELD):
        raise RefusedError(400, "bad_request", "Nothing was done: the form lacks the digest of what the page showed.")
    if action != CHANGING and any(name.startswith(_ARGUMENT) for name in form):
        raise RefusedError(422, "invalid_decision", "Nothing was done: changed arguments came with another button.")
    _check_fields(requirement, action, form)
    return {**read(requirement, form), "expected_digest": form[DIGEST_FIELD]}


# What each button sends beside the form's own fields.
_SENT: dict[str, frozenset[str]] = {
    "approve_later": frozenset({"remember", "remember_args"}),
    "reject": frozenset({"note"}),
    "answer": frozenset({EMPTY_FIELD}),
    "result": frozenset({"result", EMPTY_FIELD}),
    "supply": frozenset({"result", EMPTY_FIELD}),
    "skip": frozenset({"note"}),
}
_OF_ALL = frozenset({"action", DIGEST_FIELD, FORM_TOKEN_FIELD})


def _check_fields(requirement: RunRequirement, action: str, form: Mapping[str, str]) -> None:
    """Check that a form says nothing that its button does not read: a person said it, and would not be heard."""
    known = _OF_ALL | _SENT.get(action, frozenset())
    if action == "answer":
        known |= {shown.form_name for shown in input_fields(requirement, {})}
    elif action == CHANGING:
        known |= {shown.form_name for shown in _argument_fields(requirement, {})}
    stranger = next((name for name in form if name not in known), None)
    if stranger is not None:
        message = f"Nothing was done: the form says {stranger[:_LINE]!r}, which the button {action!r} does not send."
        raise RefusedError(400, "bad_request", message)


_ACTIONS: dict[str, Callable[[RunRequirement, Mapping[str, str]], dict[str, Any]]] = {
    "approve": lambda requirement, form: {"type": "confirm", "tool_args": approved_arguments(requirement)},
    "approve_alike": lambda requirement, form: _confirmed_alike(requirement),
    "approve_later": lambda requirement, form: {
        "type": "confirm",
        "remember": form.get("remember", "run"),
        "remember_args": "remember_args" in form,
    },
    "reject": lambda requirement, form: {"type": "reject", "note": form.get("note") or None},
    "answer": lambda requirement, form: {"type": "answer", "values": _given_values(requirement, form)},
    "result": lambda requirement, form: {"type": "result", "result": _result(form)},
    "supply": lambda requirement, form: {"type": "supply", "result": _result(form)},
    "retry": lambda requirement, form: {"type": "retry"},
    "skip": lambda requirement, form: {"type": "skip", "note": form.get("note") or None},
}


def _argument_field(place: int, name: str, value: Any, schema: Mapping[str, Any]) -> Field:
    text, widget = _argument_text(value, schema)
    words = schema_words(schema) if schema else "any value"
    if takes_null(schema):
        words = f"{words}, null if left empty"
    return Field(name, f"{_ARGUMENT}{place}", words, widget, text, is_required=False, schema=schema)


def _argument_text(value: Any, schema: Mapping[str, Any]) -> tuple[str, Widget]:
    if value is None and takes_null(schema):
        return "", _widget(schema, "")
    if isinstance(value, bool) and base_schema(schema).get("type") == "boolean":
        return json_text(value), "choice"
    if isinstance(value, str) and _survives_a_form(value):
        return value, "long_text" if len(value) > _LINE or "\n" in value else "text"
    if value is None or isinstance(value, (bool, int, float)):
        return json_text(value), "number" if base_schema(schema).get("type") in ("integer", "number") else "text"
    text = json_text(value, indent=2)
    return text if _survives_a_form(text) else json.dumps(value, indent=2), "json"


def _survives_a_form(text: str) -> bool:
    """Whether a browser sends a text back as it got it, and the person sees all of it."""
    return "\t" not in text and not unseen_characters(text)


def _confirmed_alike(requirement: RunRequirement) -> dict[str, Any]:
    """What somebody approved before, later calls included. The engine refuses it where the page did not show that."""
    memory = approved_memory(requirement)
    if memory is None:
        raise RefusedError(409, "changed", "Nothing was done: what others approved is not what this page showed.")
    return {
        "type": "confirm",
        "remember": memory["scope"],
        "remember_args": bool(memory.get("with_arguments")),
    }


def _changing(requirement: RunRequirement, form: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    shown = requirement.tool_execution.tool_args
    fields = _argument_fields(requirement, parameters)
    changed = {field.name: _changed(shown[field.name], field, form) for field in fields}
    if same_arguments(changed, shown):
        message = (
            "Nothing was done: no argument is changed. Change one, or go back without changes to approve the call as "
            "it stands."
        )
        raise RefusedError(422, "nothing_changed", message)
    return {"type": "confirm", "tool_args": changed}


def _changed(value: Any, field: Field, form: Mapping[str, str]) -> Any:
    given = form.get(field.form_name)
    if given is None or given == field.value:
        return value
    try:
        return typed_value(given, field.schema, is_text=isinstance(value, str) and field.widget != "json")
    except UnfitTextError as error:
        raise RefusedError(422, "invalid_value", f"{field.name} {error}", field_name=field.name) from error


def _result(form: Mapping[str, str]) -> str:
    text = form.get("result", "")
    if not text.strip() and EMPTY_FIELD not in form:
        message = "Nothing was sent yet: the result is empty. Type it, or say below that an empty one is meant."
        raise RefusedError(422, "empty_result", message, field_name=EMPTY_FIELD)
    return text


def _input_field(place: int, field: Mapping[str, Any], given: Mapping[str, str], *, must_be_filled: bool) -> Field:
    form_name = f"value-{place}"
    is_typed = form_name in given
    value = given[form_name] if is_typed else _as_typed(field.get("value"))
    description: str = field.get("description") or ""
    words = _field_words(field, must_be_filled=must_be_filled)
    widget = _widget(schema_of(field), value)
    # What a person typed is theirs to change, however long it is.
    is_fixed = not is_typed and len(value) > LONGEST
    return Field(field["name"], form_name, words, widget, value, description, must_be_filled, is_fixed)


def _field_words(field: Mapping[str, Any], *, must_be_filled: bool) -> str:
    schema = schema_of(field)
    words = schema_words(schema) if schema else field.get("field_type") or "text"
    if field.get("default") is not None:
        null = ", null for no value" if takes_null(schema) else ""
        return f"{words}, {json_text(field['default'])} if left empty{null}"
    return words if must_be_filled else f"{words}, may stay empty"


def _as_typed(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


def _widget(schema: Mapping[str, Any], value: str) -> Widget:
    base = base_schema(schema)
    if base.get("type") == "boolean":
        return "choice"
    if base.get("type") in ("integer", "number"):
        return "number"
    is_line = len(value) <= _LINE and "\n" not in value and "\r" not in value
    return "text" if is_line and (base.get("type") == "string" or "enum" in base or "const" in base) else "long_text"


def _given_values(requirement: RunRequirement, form: Mapping[str, str]) -> dict[str, Any]:
    """The values that were typed, and None for each that was taken out; what stands as it was shown stays as it is."""
    schemas = {field["name"]: schema_of(field) for field in requirement.user_input_schema or ()}
    values: dict[str, str | None] = {}
    for shown in input_fields(requirement, {}):
        typed, before = form.get(shown.form_name), _value_before(requirement, shown)
        if typed is not None and (before is None or typed != _as_sent(before)):
            values[shown.name] = None if not typed or is_null_text(typed, schemas[shown.name]) else typed
    if not values and EMPTY_FIELD not in form and _may_be_empty(requirement):
        message = (
            "Nothing was sent yet: no field is filled in. Fill one in, or say below that all are meant to stay empty."
        )
        raise RefusedError(422, "empty_input", message, field_name=EMPTY_FIELD)
    return values


def _value_before(requirement: RunRequirement, shown: Field) -> str | None:
    """What stood in a field when the person was asked; None where an answer is on disk that may have changed it."""
    if requirement.decision is None:
        return shown.value
    return "" if shown.name in requirement.open_fields else None


def _may_be_empty(requirement: RunRequirement) -> bool:
    """Whether a person was asked for fields all of which may stay empty."""
    execution = requirement.tool_execution
    asked, dynamic = unfilled_fields(execution), is_dynamic(execution)
    fields = [field for field in requirement.user_input_schema or () if field["name"] in asked]
    return bool(fields) and not any(is_required(field, is_dynamic=dynamic) for field in fields)


def _as_sent(text: str) -> str:
    """A text as a browser sends it back from a field that nobody changed."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
