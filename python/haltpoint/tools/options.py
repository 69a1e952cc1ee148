"""What a person may say about a tool, and which of it makes sense together."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

if TYPE_CHECKING:
    from .reconcile import InDoubtCall

__all__ = ["DEFAULT_OPTIONS", "PauseKind", "ToolOptions"]

PauseKind: TypeAlias = Literal["confirmation", "user_input", "external_tool"]

_FLAGS = (
    "requires_user_input",
    "external_execution",
    "read_only",
    "idempotent",
    "stop_after_tool_call",
    "sequential",
    "strict",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOptions:
    """The keyword arguments of the `tool` decorator, checked.

    Attributes:
        requires_confirmation: a person approves each call before it runs. A plain or async function, which names any of
            the tool's parameters (or takes `**kwargs`) and returns a bool, says so for each call; when it fails, a
            person is asked.
        requires_user_input: a person gives the values of `user_input_fields` before the tool runs.
        user_input_fields: names of the parameters that the person gives.
        external_execution: the tool runs elsewhere, and its result is handed in.
        read_only: a call changes nothing, so that it may be repeated.
        idempotent: a repeated call changes nothing more, so that it may be repeated.
        reconcile: a plain or async function that is asked what became of a call whose outcome is unknown. It gets an
            `InDoubtCall` and returns the call's result, `NotStarted` or `Unknown`.
        stop_after_tool_call: the run ends with this tool's result.
        sequential: no other tool of the run runs at the same time.
        timeout: longest time that one attempt may take, in seconds; None for no limit.
        max_retries: how many further attempts follow one that failed.
        name: the model's name for the tool; None for the function's own.
        description: what the model reads about the tool; None for the docstring.
        strict: take no value that would first have to be converted, such as "5" for an int.
        dynamic_user_input: the fields that a person gives come with each call, in its arguments.

    Raises:
        TypeError: an option has a value of the wrong type.
        ValueError: an option is out of range, or contradicts another.
    """

    requires_confirmation: bool | Callable[..., bool | Awaitable[bool]] = False
    requires_user_input: bool = False
    user_input_fields: tuple[str, ...] = ()
    external_execution: bool = False
    read_only: bool = False
    idempotent: bool = False
    reconcile: Callable[[InDoubtCall], Any] | None = None
    stop_after_tool_call: bool = False
    sequential: bool = False
    timeout: float | None = None
    max_retries: int = 0
    name: str | None = None
    description: str | None = None
    strict: bool = False
    dynamic_user_input: bool = False

    def __post_init__(self) -> None:
        _check_flags(self)
        _check_reconcile(self)
        _check_texts(self)
        object.__setattr__(self, "user_input_fields", _field_names(self.user_input_fields))
        _check_limits(self)
        _check_human_flags(self)

    @property
    def pause(self) -> PauseKind | None:
        """What a call of the tool waits for before it runs, if anything."""
        if self.requires_confirmation:
            return "confirmation"
        if self.requires_user_input:
            return "user_input"
        return "external_tool" if self.external_execution else None

    @property
    def confirmation_rule(self) -> Callable[..., bool | Awaitable[bool]] | None:
        """The function that says for each call whether a person confirms it, if there is one."""
        rule = self.requires_confirmation
        return None if isinstance(rule, bool) else rule

    @property
    def repeatable(self) -> bool:
        """Whether a call may be made again when nobody knows if it happened."""
        return self.read_only or self.idempotent


def _check_flags(options: ToolOptions) -> None:
    for flag in _FLAGS:
        value: object = getattr(options, flag)
        if not isinstance(value, bool):
            raise TypeError(f"{flag} must be True or False, not {value!r}")
    confirmation: object = options.requires_confirmation
    if not isinstance(confirmation, bool) and not callable(confirmation):
        raise TypeError(
            f"requires_confirmation must be True, False or a function of the tool's arguments, not {confirmation!r}"
        )


def _check_reconcile(options: ToolOptions) -> None:
    reconcile: object = options.reconcile
    if reconcile is not None and not callable(reconcile):
        raise TypeError(f"reconcile must be a function of the call in doubt, not {reconcile!r}")


def _check_texts(options: ToolOptions) -> None:
    for option in ("name", "description"):
        value: object = getattr(options, option)
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{option} must be a str, not {value!r}")


def _field_names(fields: Any) -> tuple[str, ...]:
    if isinstance(fields, str) or not isinstance(fields, (list, tuple)):
        raise TypeError(f"user_input_fields must be a list of parameter names, not {fields!r}")
    names = list(cast("list[object]", fields))
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"user_input_fields must be a list of parameter names; {name!r} is none")
    return tuple(dict.fromkeys(cast("list[str]", names)))


def _check_limits(options: ToolOptions) -> None:
    timeout = cast("object", options.timeout)
    if timeout is not None:
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise TypeError(f"timeout must be a number of seconds or None, not {timeout!r}")
        if not (timeout > 0 and math.isfinite(timeout)):
            raise ValueError(f"timeout must be a finite number of seconds above 0, not {timeout!r}")
    retries = cast("object", options.max_retries)
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise TypeError(f"max_retries must be an int, not {retries!r}")
    if retries < 0:
        raise ValueError(f"max_retries must not be negative, and {retries} is")
    if retries > 0 and not options.repeatable:
        raise ValueError(
            "max_retries above 0 repeats a call that may have had its effect already; "
            "declare the tool idempotent=True or read_only=True if that does no harm"
        )


def _check_human_flags(options: ToolOptions) -> None:
    flags = ("requires_confirmation", "requires_user_input", "external_execution")
    given = [flag for flag in flags if getattr(options, flag)]
    if len(given) > 1:
        raise ValueError(f"a tool can wait for one thing only, so choose one of {', '.join(given)}")
    fixed_fields = options.requires_user_input and not options.dynamic_user_input
    if fixed_fields and not options.user_input_fields:
        raise ValueError("requires_user_input needs user_input_fields: the parameters that a person gives")
    if options.user_input_fields and not fixed_fields:
        raise ValueError("user_input_fields needs requires_user_input=True")


DEFAULT_OPTIONS = ToolOptions()
