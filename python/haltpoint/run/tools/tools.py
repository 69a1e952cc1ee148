"""One tool call of a run, as people see it and decide on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import InvalidResolutionError, ToolResultError
from haltpoint.sensitive import masked_execution

__all__ = ["ToolExecution", "answer_data", "checked_execution", "copied_form", "text_of"]


# What a person says by assigning it.
_WORDS = frozenset({"confirmed", "answered", "result"})


@dataclass(repr=False)
class ToolExecution:
    """A call of a tool: what the model asked for, what a person has to add, and what came of it.

    Flags are None where they do not apply or are not decided yet.

    Attributes:
        tool_call_id: id of the call within its run.
        tool_name: the name that the model called.
        tool_args: the arguments that the call runs with. Of a call that asks a person: for each parameter the value
            that the tool gets, defaults and conversions included. A default without a JSON form is shown by its type,
            as in "<Connection>".
        result: the text that the model is given for this call. Assign it to answer an external call.
        tool_call_error: whether the result reports a failure.
        requires_confirmation: whether a person must confirm the call before it runs.
        confirmed: True or False once confirmed or rejected.
        confirmation_note: the reason given with a rejection.
        requires_user_input: whether a person must fill in fields before it runs.
        user_input_schema: the fields, each a dict of `name`, `field_type`, `description`, `json_schema`, `required`,
            `value` and, where there is one, `default`.
        answered: True when the fields are filled in.
        external_execution_required: whether the call is run outside of haltpoint.
        created_at: when the model asked for the call, in seconds since the epoch.
        stop_after_tool_call: whether the run ends with this call's result.
        original_tool_args: the arguments as the model gave them, without its guesses for fields that a person fills in
            and may leave empty.
        defaulted: the parameters that the model left out and that have their defaults.
        changed_by_person: whether a person gave or changed arguments.
        sensitive: the parameters whose values are masked wherever nobody decides on them.
    """

    tool_call_id: str
    tool_name: str
    tool_args: dict[str, Any] = field(default_factory=dict[str, Any])
    result: Any = None
    tool_call_error: bool | None = None
    requires_confirmation: bool | None = None
    confirmed: bool | None = None
    confirmation_note: str | None = None
    requires_user_input: bool | None = None
    user_input_schema: list[dict[str, Any]] | None = None
    answered: bool | None = None
    external_execution_required: bool | None = None
    created_at: int = 0
    stop_after_tool_call: bool = False
    original_tool_args: dict[str, Any] | None = None
    defaulted: list[str] = field(default_factory=list[str])
    changed_by_person: bool = False
    sensitive: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        if self.original_tool_args is None:
            self.original_tool_args = deepcopy(self.tool_args)

    def tell_of_words(self, listener: Callable[[], Callable[[], None] | None]) -> None:
        """Call what `listener` returns, if it returns anything, whenever a person's word is assigned from now on."""
        vars(self)["_listener"] = listener

    if not TYPE_CHECKING:
        # A type checker that sees it takes any name.

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in self.__dataclass_fields__ and not name.startswith("_"):
                raise AttributeError(
                    f"{type(self).__name__} has no attribute {name!r}, so that nobody would read it: a decision is "
                    "said in confirmed and confirmation_note, in answered and user_input_schema, or in result",
                    name=name,
                    obj=self,
                )
            object.__setattr__(self, name, value)
            if name in _WORDS and value is not None:
                listener = vars(self).get("_listener")
                heard = None if listener is None else listener()
                if heard is not None:
                    heard()

    def __getstate__(self) -> dict[str, Any]:
        # A copy stands for itself.
        return {name: value for name, value in vars(self).items() if name != "_listener"}

    def __repr__(self) -> str:
        # Objects are written into logs, and their requirements are not.
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        shown = ", ".join(f"{name}={value!r}" for name, value in masked_execution(data).items())
        return f"{type(self).__name__}({shown})"

    @property
    def is_paused(self) -> bool:
        """Whether the call still waits for a confirmation, for user input, or for an external result."""
        return bool(
            (self.requires_confirmation and self.confirmed is None)
            or (self.requires_user_input and not self.answered)
            or (self.external_execution_required and self.result is None)
        )

    def result_text(self) -> str | None:
        """Return the result as text for the model: a str as it is, anything else as JSON, None as none yet.

        Raises:
            ToolResultError: the result has no form as text.
        """
        return None if self.result is None else text_of(self.result)

    def to_dict(self) -> dict[str, Any]:
        """Return the call as JSON data that shares no list or dict of fields with this object.

        Raises:
            ToolResultError: a result was assigned that has no form as text.
        """
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        data["result"] = self.result_text()
        data["tool_args"] = dict(self.tool_args)
        data["original_tool_args"] = dict(self.original_tool_args or {})
        data["defaulted"] = list(self.defaulted)
        data["sensitive"] = list(self.sensitive)
        data["user_input_schema"] = copied_form(self.user_input_schema)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ToolExecution:
        """Read what `to_dict` returns. Keys that it does not know are left aside."""
        known = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        # A person's program may change what it is shown, but not what it came from.
        known["tool_args"] = deepcopy(dict(data.get("tool_args") or {}))
        if known.get("original_tool_args") is not None:
            known["original_tool_args"] = deepcopy(dict(data["original_tool_args"]))
        known["defaulted"] = list(data.get("defaulted") or ())
        known["sensitive"] = list(data.get("sensitive") or ())
        known["user_input_schema"] = copied_form(data.get("user_input_schema"))
        return cls(**known)


def checked_execution(given: object) -> ToolExecution:
    """Return `given`, which must be a tool call.

    Raises:
        InvalidResolutionError: it is something else.
    """
    if isinstance(given, ToolExecution):
        return given
    raise InvalidResolutionError(
        f"tool_execution must be a ToolExecution, got {type(given).__name__}", field_name="tool_execution"
    )


def text_of(result: object) -> str:
    """Return a result as text for the model: a str as it is, anything else as JSON.

    Raises:
        ToolResultError: it has no form as text.
    """
    if isinstance(result, str) and _is_utf8(result):
        return result
    # Rendering loads pydantic, which plain text does not need; it says what is wrong with text that is not plain.
    with no_fork:
        from haltpoint.tools.results import render_result
    return render_result(result)


def answer_data(value: Any) -> Any:
    """Return a person's answer as JSON data, as results are written; what has no such form as it is, to be refused."""
    if value is None or isinstance(value, bool) or type(value) in (str, int, float):
        return value
    with no_fork:
        from haltpoint.tools.results import plain_data
    try:
        return plain_data(value)
    except (ToolResultError, ValueError, TypeError):
        return value


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def copied_form(schema: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Return the fields of a form, of their own, with their values as JSON data wherever they have such a form."""
    if schema is None:
        return None
    return [{**item, "value": answer_data(item["value"])} if "value" in item else dict(item) for item in schema]
