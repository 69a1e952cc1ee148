"""Steps that only wait: for a time, or for what happens outside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

from haltpoint.exceptions import StepError
from haltpoint.given_events import checked_event
from haltpoint.given_numbers import is_number
from haltpoint.timestamps import LONGEST_WAIT, coming_time
from haltpoint.tools.decorator import tool
from haltpoint.tools.definition import define_tool
from haltpoint.workflows.branches import needed_branch
from haltpoint.workflows.expected import Expected
from haltpoint.workflows.outcomes import content_of
from haltpoint.workflows.values import ValueType

if TYPE_CHECKING:
    from datetime import datetime

    from haltpoint.tools.definition import ToolDefinition

_T = TypeVar("_T")

__all__ = ["event", "sleep", "sleep_until"]

_LONGEST = LONGEST_WAIT.total_seconds()


def _sleep(seconds: float) -> str:
    """Sleep."""
    raise RuntimeError("a wait ends by itself, and has nothing to run")


def _sleep_until(time: str) -> str:
    """Sleep until a time."""
    raise RuntimeError("a wait ends by itself, and has nothing to run")


def _event(name: str, key: str | None = None, timeout: float | None = None) -> str:
    """Wait for an event."""
    raise RuntimeError("a wait ends by itself, and has nothing to run")


# By the names that people read.
for _name, _function in {"sleep": _sleep, "sleep_until": _sleep_until, "event": _event}.items():
    _function.__name__ = _function.__qualname__ = _name
tool(read_only=True)(_sleep)
tool(read_only=True)(_sleep_until)
tool(read_only=True)(_event)

_TEXT = ValueType(lambda: str)


async def sleep(seconds: float) -> None:
    """Wait, while no process has to live: the run is paused, and a worker continues it when the time has come.

    Args:
        seconds: how long, at most 100 years. 0 and less do not wait.

    Raises:
        RuntimeError: no body of a workflow runs here.
        ValueError: `seconds` is not a finite number, or more than 100 years.
    """
    if not is_number(seconds) or seconds > _LONGEST:
        raise ValueError(f"sleep(seconds) takes a finite number of seconds, at most 100 years, got {seconds!r:.80}")
    definition = replace(_wait(_sleep), expires_after=max(0.0, seconds))
    await _call("sleep", definition, {"seconds": seconds})


async def sleep_until(time: datetime) -> None:
    """Wait for a time, as `sleep` does.

    Args:
        time: an aware datetime, the same in each process that continues the run, at most 100 years from now. One that
            has passed does not wait.

    Raises:
        RuntimeError: no body of a workflow runs here.
        TypeError: `time` is not a datetime.
        ValueError: `time` has no timezone, or is too far away.
    """
    utc = coming_time("time", time)
    await _call("sleep_until", replace(_wait(_sleep_until), expires_at=utc), {"time": utc.isoformat()})


@overload
async def event(name: str, *, returns: type[_T], key: str | None = None, timeout: float | None = None) -> _T: ...


@overload
async def event(name: str, *, key: str | None = None, timeout: float | None = None) -> Any: ...


async def event(name: str, *, returns: Any = Any, key: str | None = None, timeout: float | None = None) -> Any:
    """Wait until something has happened outside, and return what its signal says of it.

    `Database.signal` sends the signal; one that was sent before and that no run has taken is taken at once. No process
    has to live meanwhile.

    Args:
        name: what is to happen, at most 512 bytes, such as "payment.settled".
        returns: the type of what the signal says: JSON types, a dataclass or a pydantic model.
        key: to which of several things it is to happen, such as the number of an order, at most 512 bytes. A signal
            with another key, or with none, is not taken.
        timeout: how long it is waited for, in seconds, at most 100 years; None for as long as it takes.

    Returns:
        The signal's payload.

    Raises:
        StepExpiredError: no signal came in time, or a person ended the wait.
        StepError: the payload does not fit `returns`, or the type would make another value of it. The signal is taken
            all the same: the run's journal has it.
        RuntimeError: no body of a workflow runs here.
        TypeError, ValueError: `name`, `key` or `timeout` can't be one.
    """
    if timeout is not None and not (is_number(timeout) and 0 < timeout <= _LONGEST):
        raise ValueError(
            f"event(timeout=) takes a number of seconds above 0, at most 100 years, or None, got {timeout!r:.80}"
        )
    waited_for = checked_event(name, key)
    definition = replace(define_tool(_event), pause="wait", expires_after=timeout, event=waited_for)
    arguments = waited_for if timeout is None else {**waited_for, "timeout": timeout}
    branch = needed_branch("event")
    outcome = await branch.body.outcome(branch, definition, arguments)
    content = content_of(outcome)
    try:
        return Expected(returns).read_json(content)
    except ValueError as error:
        # It is taken, whether it fits or not: the journal has it.
        message = f"the payload of signal {outcome.signal_id} does not fit what the step 'event' returns: {error}"
        raise StepError(message, name=outcome.name) from error


def _wait(function: Any) -> ToolDefinition:
    return replace(define_tool(function), pause="wait", on_expiry="proceed")


async def _call(name: str, definition: ToolDefinition, arguments: dict[str, Any]) -> None:
    branch = needed_branch(name)
    await branch.body.call(branch, definition, arguments, _TEXT)
