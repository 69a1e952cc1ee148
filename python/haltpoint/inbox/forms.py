"""The forms of a requirement: what is asked in them, and the decision that comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from haltpoint.inbox.refusals import RefusedError
from haltpoint.inbox.texts import json_text
from haltpoint.invisible import unseen_parts
from haltpoint.run.answers import is_dynamic
from haltpoint.run.field_words import base_schema, is_required, schema_of, schema_words

if TYPE_CHECKING:
    from haltpoint.run.requirements import RunRequirement

__all__ = ["APPROVED_FIELD", "Field", "argument_fields", "decision_of", "input_fields"]

Widget = Literal["text", "long_text", "number", "choice", "json"]

# What others approved, as the form showed it: JSON.
APPROVED_FIELD = "approved"
_LINE = 60


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
    """

    name: str
    form_name: str
    type_name: str
    widget: Widget
    value: str
    description: str = ""
    is_required: bool = True


def argument_fields(requirement: RunRequirement, approved: dict[str, Any] | None) -> list[Field]:
    """Return a field for each argument of the call, for changing it.

    Args:
        requirement: of kind confirmation.
        approved: the arguments that others approved, in the place of those that the model gave.
    """
    arguments = requirement.tool_execution.tool_args if approved is None else approved
    return [_argument_field(place, name, value) for place, (name, value) in enumerate(arguments.items())]


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


def decision_of(requirement: RunRequirement, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the decision that a form asks for, in the form that the JSON API takes.

    Raises:
        RefusedError: a value can't be read, or there is no such button.
    """
    read = _ACTIONS.get(form.get("action", ""))
    if read is None:
        raise RefusedError(422, "invalid_decision", "choose one of the buttons")
    return read(requirement, form)


_ACTIONS: dict[str, Callable[[RunRequirement, Mapping[str, str]], dict[str, Any]]] = {
    "approve": lambda requirement, form: {"type": "confirm", "tool_args": _shown_as_approved(form)},
    "approve_later": lambda requirement, form: {
        "type": "confirm",
        "remember": form.get("remember", "run"),
        "remember_args": "remember_args" in form,
    },
    "approve_changed": lambda requirement, form: {
        "type": "confirm",
        "tool_args": _changed_arguments(requirement, form),
    },
    "reject": lambda requirement, form: {"type": "reject", "note": form.get("note") or None},
    "answer": lambda requirement, form: {"type": "answer", "values": _given_values(requirement, form)},
    "result": lambda requirement, form: {"type": "result", "result": form.get("result", "")},
    "supply": lambda requirement, form: {"type": "supply", "result": form.get("result", "")},
    "retry": lambda requirement, form: {"type": "retry"},
    "skip": lambda requirement, form: {"type": "skip", "note": form.get("note") or None},
}


def _argument_field(place: int, name: str, value: Any) -> Field:
    form_name = f"argument-{place}"
    if isinstance(value, bool):
        return Field(name, form_name, "yes or no", "choice", json_text(value))
    if isinstance(value, (int, float)):
        return Field(name, form_name, "number", "number", json_text(value))
    if isinstance(value, str) and _survives_a_form(value):
        widget: Widget = "long_text" if len(value) > _LINE or "\n" in value else "text"
        return Field(name, form_name, "text", widget, value, is_required=False)
    return Field(name, form_name, "JSON", "json", json.dumps(value, indent=2))


def _survives_a_form(text: str) -> bool:
    """Whether a browser sends a text back as it got it, and the person sees all of it."""
    return "\t" not in text and not any(is_unseen for _, is_unseen in unseen_parts(text))


def _shown_as_approved(form: Mapping[str, str]) -> dict[str, Any] | None:
    """The arguments that stood in the form as approved by others: whoever sends it agrees to no other ones."""
    text = form.get(APPROVED_FIELD)
    if text is None:
        return None
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError(422, "invalid_value", f"the form can't be read: {error}") from error
    if not isinstance(value, dict):
        raise RefusedError(422, "invalid_value", "the form can't be read: the approved arguments are no object")
    return cast("dict[str, Any]", value)


def _changed_arguments(requirement: RunRequirement, form: Mapping[str, str]) -> dict[str, Any]:
    approved = _shown_as_approved(form)
    arguments = requirement.tool_execution.tool_args if approved is None else approved
    fields = argument_fields(requirement, approved)
    return {field.name: _changed(arguments[field.name], field, form) for field in fields}


def _changed(value: Any, field: Field, form: Mapping[str, str]) -> Any:
    given = form.get(field.form_name)
    if given is None or given == field.value:
        return value
    return given if field.widget in ("text", "long_text") else _parsed(given, field)


def _parsed(text: str, field: Field) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        message = f"{field.name} must be {'JSON' if field.widget == 'json' else f'a {field.type_name}'}: {error}"
        raise RefusedError(422, "invalid_value", message, field_name=field.name) from error
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _input_field(place: int, field: Mapping[str, Any], given: Mapping[str, str], *, must_be_filled: bool) -> Field:
    form_name = f"value-{place}"
    value = given.get(form_name, _as_typed(field.get("value")))
    description: str = field.get("description") or ""
    words = _field_words(field, must_be_filled=must_be_filled)
    return Field(field["name"], form_name, words, _widget(schema_of(field)), value, description, must_be_filled)


def _field_words(field: Mapping[str, Any], *, must_be_filled: bool) -> str:
    schema = schema_of(field)
    words = schema_words(schema) if schema else field.get("field_type") or "text"
    if field.get("default") is not None:
        return f"{words}, {json_text(field['default'])} if left empty"
    return words if must_be_filled else f"{words}, may stay empty"


def _as_typed(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


def _widget(schema: Mapping[str, Any]) -> Widget:
    base = base_schema(schema)
    if base.get("type") == "boolean":
        return "choice"
    if base.get("type") in ("integer", "number"):
        return "number"
    return "text" if base.get("type") == "string" or "enum" in base or "const" in base else "long_text"


def _given_values(requirement: RunRequirement, form: Mapping[str, str]) -> dict[str, Any]:
    """The values that were typed; what is empty, or stands as it was shown, stays as it is."""
    fields = input_fields(requirement, {})
    typed = {field.name: form.get(field.form_name, "") for field in fields if field.value != form.get(field.form_name)}
    return {name: text for name, text in typed.items() if text}
