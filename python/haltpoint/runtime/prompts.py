"""What a run's model is told before it begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.json_value import to_json_text
from haltpoint.runtime.output_validation import format_instructions

if TYPE_CHECKING:
    from haltpoint.task import Task

__all__ = ["opening_prompt", "system_prompt"]


def system_prompt(
    own: str | None, role: str | None, goal: str | None, instructions: str | Iterable[str] | None, task: Task
) -> str | None:
    """Return the instructions that stand before the conversation, or None when there are none."""
    parts = [
        own,
        role and f"Your role: {role}",
        goal and f"Your goal: {goal}",
        _instructions(instructions),
        _format_part(task.response_format),
    ]
    return "\n\n".join(part for part in parts if part) or None


def opening_prompt(task: Task) -> str | None:
    """Return the message that opens the conversation, or None when it is the task's description as it stands."""
    context = task.context_text()
    return None if context is None else f"{task.description}\n\nContext:\n{context}"


def _instructions(instructions: str | Iterable[str] | None) -> str | None:
    if instructions is None or isinstance(instructions, str):
        return instructions
    return "\n".join(f"- {line}" for line in instructions)


def _format_part(response_format: Any) -> str | None:
    if response_format is str:
        return None
    with no_fork:
        schema = response_format.model_json_schema()
    return format_instructions(to_json_text(schema))
