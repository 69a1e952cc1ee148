"""The form that a model asks a person to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from haltpoint.tools.field_words import schema_of

__all__ = ["DEFAULT_FIELD_TYPE", "UserInputField", "dynamic_user_input_schema", "requested_field_problems"]

DEFAULT_FIELD_TYPE = "str"


@dataclass(slots=True)
class UserInputField:
    """One field of the form that a person fills in.

    Attributes:
        name: the field's name.
        field_type: its type, as a person reads it, such as "str" or "list[int]".
        description: what to fill in.
        value: what was filled in, JSON data; None as long as it is empty.
    """

    name: str
    field_type: str = DEFAULT_FIELD_TYPE
    description: str | None = None
    value: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Return the field as `user_input_schema` holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> UserInputField:
        """Return the field that `to_dict` described. What else `data` holds is ignored.

        Raises:
            KeyError: `data` has no name.
        """
        return cls(
            name=data["name"],
            field_type=data.get("field_type") or DEFAULT_FIELD_TYPE,
            description=data.get("description"),
            value=data.get("value"),
        )


def requested_field_problems(arguments: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the fields of a `get_user_input` call, in words for the model."""
    names: list[str] = [field["field_name"].strip() for field in arguments["fields"]]
    problems: list[str] = []
    if not names:
        problems.append("fields: name at least one field")
    if not all(names):
        problems.append("fields: every field needs a field_name that is not empty")
    repeated = {name for name in names if name and names.count(name) > 1}
    problems.extend(f"fields: {name!r} is there more than once" for name in sorted(repeated))
    return problems


def dynamic_user_input_schema(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the form that the arguments of a `get_user_input` call ask for, with no values yet.

    Each field may stay empty: the model is told which ones did.

    Args:
        arguments: what `ToolDefinition.parse_arguments` returned for the call.
    """
    return [_form_entry(field) for field in arguments["fields"]]


def _form_entry(asked: Mapping[str, Any]) -> dict[str, Any]:
    field = _form_field(asked).to_dict()
    # A workflow says them: its answers are of a type.
    schema = asked.get("json_schema")
    required = bool(asked.get("required", False))
    return {**field, "json_schema": schema_of(field) if schema is None else schema, "required": required}


def _form_field(field: Mapping[str, Any]) -> UserInputField:
    return UserInputField(
        name=field["field_name"],
        field_type=field.get("field_type") or DEFAULT_FIELD_TYPE,
        description=field.get("field_description") or None,
    )
