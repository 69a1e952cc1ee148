"""The tool by which a model asks a person for what it needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from haltpoint.run.field_words import schema_of

from .callables import AnyFunction
from .decorator import mark_tool
from .options import ToolOptions
from .toolkit import ToolKit

__all__ = [
    "RequestedField",
    "UserControlFlowTools",
    "UserInputField",
    "dynamic_user_input_schema",
    "requested_field_problems",
]

_Function = TypeVar("_Function", bound=AnyFunction)

_DEFAULT_FIELD_TYPE = "str"


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
    field_type: str = _DEFAULT_FIELD_TYPE
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
            field_type=data.get("field_type") or _DEFAULT_FIELD_TYPE,
            description=data.get("description"),
            value=data.get("value"),
        )


@dataclass(frozen=True, slots=True)
class RequestedField:
    """One field that a model asks for."""

    field_name: str
    field_type: str = _DEFAULT_FIELD_TYPE
    field_description: str = ""


def _asks_a_person(function: _Function) -> _Function:
    options = ToolOptions(requires_user_input=True, dynamic_user_input=True, read_only=True)
    return mark_tool(function, options)


class UserControlFlowTools(ToolKit):
    """Lets the model ask a person for values it does not know, at any time of a run."""

    # Static, so that every instance brings the same tool: an agent and its task may both list the toolkit.
    @staticmethod
    @_asks_a_person
    def get_user_input(fields: list[RequestedField]) -> str:
        """Ask the person you work for to fill in a form, and get their answers.

        Call this whenever you lack something that only the person can know or decide, such as an address, a date,
        a name or a preference. Never make such values up, and never ask for them in plain text: a reply
        without a tool call ends your work. Ask for everything you lack in one call, and not for what you were told
        already. A field may come back empty; then go on without it, or ask again in other words.

        Args:
            fields: The fields of the form, at least one. field_name is a short name of its own for each field, such as
                to_address; use the parameter's name if the value is for a tool. field_type is one of str, int,
                float, bool, list, dict. field_description tells the person what to fill in.
        """
        raise RuntimeError(
            f"get_user_input is answered by a person, and has nothing to run; it was asked for {fields!r}"
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
    form = [_form_field(field).to_dict() for field in arguments["fields"]]
    return [{**field, "json_schema": schema_of(field), "required": False} for field in form]


def _form_field(field: Mapping[str, Any]) -> UserInputField:
    return UserInputField(
        name=field["field_name"],
        field_type=field.get("field_type") or _DEFAULT_FIELD_TYPE,
        description=field.get("field_description") or None,
    )
