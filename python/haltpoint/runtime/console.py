"""What an agent tells the person at the keyboard."""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from typing import TYPE_CHECKING, Any, cast

from haltpoint._concurrency.calling_thread import calling_thread
from haltpoint.exceptions import NestedRunError, RunNotCompletedWarning
from haltpoint.resolution.partly_filled import lacking_words
from haltpoint.run.agent.output import AgentRunOutput
from haltpoint.timestamps import format_time
from haltpoint.tools.context import in_tool_call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["print_result", "print_trace", "warn_not_completed"]


_PACKAGE = __name__.partition(".")[0]


async def warn_not_completed(output: AgentRunOutput, *, has_file: bool) -> None:
    """Warn a caller who asked for content alone that there is none yet, and say how to go on.

    The warning shows the line of the caller's program. That of a synchronous method stands on another thread's stack.

    Raises:
        NestedRunError: the caller is a tool: it would give its own run a result that is none.
    """
    if in_tool_call():
        raise _nested_error(output, has_file=has_file)
    lacking = "".join(f"; {words}" for words in [*lacking_words(output.run_id).values(), *_lacking_approvals(output)])
    how = "continue it with"
    if output.waits_for and output.pause_reason == "wait":
        names = ", ".join(event["name"] for event in output.waits_for)
        how = f"it waits for the event {names}: a worker wakes it, or continue it then with"
    elif output.sleeps_until is not None:
        how = f"it sleeps until {format_time(output.sleeps_until)}: a worker wakes it, or continue it then with"
    elif output.is_paused:
        how = f"resolve its requirements ({output.pause_reason}{lacking}) and continue it with"
    where = "" if has_file else " in this process (give the agent a SqliteDatabase to continue from another)"
    warning = RunNotCompletedWarning(
        f"run {output.run_id} is {output.status.value.lower()} and has no output yet; {how} "
        f"continue_run_async(run_id={output.run_id!r}){where}, or pass return_output=True to see its state",
        run_id=output.run_id,
    )
    caller = calling_thread()
    if caller is None:
        _warn(warning)
    else:
        await caller.call(functools.partial(_warn, warning))


def _lacking_approvals(output: AgentRunOutput) -> Iterator[str]:
    """Yield which calls others must approve, where somebody has approved them already."""
    for item in output.active_requirements:
        if item.approvals:
            names = ", ".join(str(approval.get("by")) for approval in item.approvals)
            yield (
                f"{item.tool_execution.tool_name} needs {item.approvals_needed} different people to approve it, and "
                f"{names} did: another person must confirm, too"
            )


def _warn(warning: Warning) -> None:
    """Give a warning that shows the first line on the stack that is not of this package."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and _is_own(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _is_own(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE


def _nested_error(output: AgentRunOutput, *, has_file: bool) -> NestedRunError:
    waiting = "; ".join(f"{item.tool_execution.tool_name} ({item.id})" for item in output.active_requirements)
    state = f"paused ({output.pause_reason}: {waiting})" if output.is_paused else output.status.value.lower()
    advice = (
        f"Resolve what it waits for and continue it with continue_run(run_id={output.run_id!r})"
        if output.is_paused
        else f"Continue it with continue_run(run_id={output.run_id!r})"
    )
    where = "" if has_file else "; for that its agent needs a SqliteDatabase, since its memory ends with this process"
    return NestedRunError(
        f"run {output.run_id}, which this tool started or continued, is {state} and has no output yet. "
        f"{advice}{where}. A tool that can use an unfinished run asks for it with return_output=True.",
        run_id=output.run_id,
        status=output.status.value,
    )


def print_result(result: object) -> None:
    """Print a run's content to standard output."""
    shown = _content(cast("Any", result)) if isinstance(result, AgentRunOutput) else result
    sys.stdout.write(f"{shown}\n")


def _content(output: AgentRunOutput[Any]) -> object:
    return output.output if output.is_complete else output


def print_trace(line: str) -> None:
    """Print a line about what happens to standard error."""
    sys.stderr.write(f"haltpoint: {line}\n")
