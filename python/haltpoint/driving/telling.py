"""What an agent tells the person at the keyboard."""

from __future__ import annotations

import sys
import warnings
from typing import Any, cast

from haltpoint.exceptions import RunNotCompletedWarning
from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["print_result", "print_trace", "warn_not_completed"]


def warn_not_completed(output: AgentRunOutput, *, has_file: bool) -> None:
    """Warn a caller who asked for content alone that there is none yet, and say how to go on."""
    how = (
        f"resolve its requirements ({output.pause_reason}) and continue it with"
        if output.is_paused
        else "continue it with"
    )
    where = "" if has_file else " in this process (give the agent a SqliteDatabase to continue from another)"
    warnings.warn(
        RunNotCompletedWarning(
            f"run {output.run_id} is {output.status.value.lower()} and has no output yet; {how} "
            f"continue_run_async(run_id={output.run_id!r}){where}, or pass return_output=True to see its state",
            run_id=output.run_id,
        ),
        stacklevel=4,
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
