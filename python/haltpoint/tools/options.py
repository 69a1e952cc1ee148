"""What a person may say about a tool, and which of it makes sense together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from haltpoint._concurrency.async_functions import check_no_generator
from haltpoint.given_numbers import is_finite

if TYPE_CHECKING:
    from .reconcile import InDoubtCall

__all__ = ["DEFAULT_OPTIONS", "OnExpiry", "PauseKind", "ToolOptions"]

PauseKind: TypeAlias = Literal["confirmation", "user_input", "external_tool", "wait"]
OnExpiry: TypeAlias = Literal["reject", "fail", "cancel"]

_HUMAN_FLAGS = ("requires_confirmation", "requires_user_input", "external_execution")

_FLAGS = (
    "requires_user_input",
    "external_execution",
    "always_ask",
    "read_only",
    "idempotent",
    "stop_after_tool_call",
    "sequential",
    "strict",
)

# In seconds. A time further ahead may have no date, and nobody waits for it.
_LONGEST_WAIT = 3_155_760_000


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
        expires_after: how long a person, or whatever runs the tool elsewhere, is waited for, in seconds, at most 100
            years; None for as long as it takes. Nobody can decide after that, and the call is not run.
        on_expiry: what happens then: "reject" tells the model that nobody answered and goes on, "fail" ends the run
            with an error, "cancel" cancels it.
        approvals: how many different people must confirm a call; one rejection rejects it.
        always_ask: each call that needs a confirmation is asked about: `confirm(remember=...)` is refused.
        read_only: a call changes nothing, so that it may be repeated.
        idempotent: a repeated call changes nothing more, so that it may be repeated.
        reconcile: a plain or async function that is asked what became of a call whose outcome is unknown. It gets an
            `InDoubtCall` and returns the call's result, `NotStarted` or `Unknown`.
        stop_after_tool_call: the run ends with this tool's result.
        sequential: no other tool of the run runs at the same time.
        timeout: longest time that one attempt may take, in seconds; None for no limit.
        max_retries: how many further attempts follow one that failed.
        sensitive: names of parameters whose values are masked in lists, logs, timelines and exports. People who decide
            see them, and the journal keeps them until they are erased.
        name: the model's name for the tool; None for the function's own.
        description: what the model reads about the tool; None for the docstring.
        strict: take no value that would first have to be converted, such as "5" for an int.
        dynamic_user_input: the fields that a person gives come with each call, in its arguments.
        fixed_arguments: the arguments say what is asked, and the answer is only yes or no: an approver cannot change
            them.

    Raises:
        TypeError: an option has a value of the wrong type.
        ValueError: an option is out of range, or contradicts another.
    """

    requires_confirmation: bool | Callable[..., bool | Awaitable[bool]] = False
    requires_user_input: bool = False
    user_input_fields: tuple[str, ...] = ()
    external_execution: bool = False
    expires_after: float | None = None
    on_expiry: OnExpiry = "reject"
    approvals: int = 1
    always_ask: bool = False
    read_only: bool = False
    idempotent: bool = False
    reconcile: Callable[[InDoubtCall], Any] | None = None
    stop_after_tool_call: bool = False
    sequential: bool = False
    timeout: float | None = None
    max_retries: int = 0
    sensitive: tuple[str, ...] = ()
    name: str | None = None
    description: str | None = None
    strict: bool = False
    dynamic_user_input: bool = False
    fixed_arguments: bool = False

    def __post_init__(self) -> None:
        _check_flags(self)
        _check_reconcile(self)
        _check_texts(self)
        for option in ("user_input_fields", "sensitive"):
            object.__setattr__(self, option, _parameter_names(option, getattr(self, option)))
        _check_limits(self)
        _check_human_flags(self)
        _check_asking(self)

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
    check_no_generator("requires_confirmation", confirmation)


def _check_reconcile(options: ToolOptions) -> None:
    reconcile: object = options.reconcile
    if reconcile is not None and not callable(reconcile):
        raise TypeError(f"reconcile must be a function of the call in doubt, not {reconcile!r}")
    check_no_generator("reconcile", reconcile)


def _check_texts(options: ToolOptions) -> None:
    for option in ("name", "description"):
        value: object = getattr(options, option)
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{option} must be a str, not {value!r}")


def _parameter_names(option: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, (list, tuple)):
        raise TypeError(f"{option} must be a list of parameter names, not {given!r}")
    names = list(cast("list[object]", given))
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{option} must be a list of parameter names; {name!r} is none")
    return tuple(dict.fromkeys(cast("list[str]", names)))


def _check_limits(options: ToolOptions) -> None:
    _check_seconds("timeout", options.timeout)
    retries = _whole_number("max_retries", options.max_retries)
    if retries < 0:
        raise ValueError(f"max_retries must not be negative, and {retries} is")
    if retries > 0 and not options.repeatable:
        raise ValueError(
            "max_retries above 0 repeats a call that may have had its effect already; "
            "declare the tool idempotent=True or read_only=True if that does no harm"
        )


def _check_seconds(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, not {value!r}")
    if not (is_finite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number of seconds above 0, not {value!r:.80}")


def _whole_number(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {value!r}")
    return value


def _check_asking(options: ToolOptions) -> None:
    _check_seconds("expires_after", options.expires_after)
    if options.expires_after is not None and options.expires_after > _LONGEST_WAIT:
        raise ValueError(
            f"expires_after must be at most {_LONGEST_WAIT} seconds, which are 100 years, got "
            f"{options.expires_after!r}; leave it out where a person has as long as it takes"
        )
    if options.on_expiry not in get_args(OnExpiry):
        raise ValueError(f"on_expiry must be one of {', '.join(get_args(OnExpiry))}, not {options.on_expiry!r}")
    if options.expires_after is None and options.on_expiry != "reject":
        raise ValueError("on_expiry needs expires_after: how long an answer is waited for, in seconds")
    if options.expires_after is not None and options.pause is None:
        raise ValueError(f"expires_after needs one of {', '.join(_HUMAN_FLAGS)}: this tool waits for nobody")
    if _whole_number("approvals", options.approvals) < 1:
        raise ValueError(f"approvals must be at least 1, not {options.approvals}")
    if options.approvals > 1 and options.pause != "confirmation":
        raise ValueError("approvals needs requires_confirmation: it says how many people must confirm a call")
    if options.always_ask and options.pause != "confirmation":
        raise ValueError("always_ask needs requires_confirmation: it says that no approval is remembered")


def _check_human_flags(options: ToolOptions) -> None:
    given = [flag for flag in _HUMAN_FLAGS if getattr(options, flag)]
    if len(given) > 1:
        raise ValueError(f"a tool can wait for one thing only, so choose one of {', '.join(given)}")
    fixed_fields = options.requires_user_input and not options.dynamic_user_input
    if fixed_fields and not options.user_input_fields:
        raise ValueError("requires_user_input needs user_input_fields: the parameters that a person gives")
    if options.user_input_fields and not fixed_fields:
        raise ValueError("user_input_fields needs requires_user_input=True")


DEFAULT_OPTIONS = ToolOptions()
