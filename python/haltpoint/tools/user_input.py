"""The tool by which a model asks a person for what it needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from haltpoint._concurrency.async_functions import AnyFunction

from .decorator import mark_tool
from .options import ToolOptions
from .requested_fields import DEFAULT_FIELD_TYPE, UserInputField
from .toolkit import ToolKit

__all__ = ["RequestedField", "UserControlFlowTools", "UserInputField"]

_Function = TypeVar("_Function", bound=AnyFunction)


@dataclass(frozen=True, slots=True)
class RequestedField:
    """One field that a model asks for."""

    field_name: str
    field_type: str = DEFAULT_FIELD_TYPE
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
