"""What an agent is given, checked before anything begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import ToolNotAvailableError, UnfinishedRunError
from haltpoint.given_text import checked_text, findable_text, storable_text
from haltpoint.json_value import to_json_text
from haltpoint.models.base import Model
from haltpoint.task import Task

__all__ = [
    "checked_instructions",
    "checked_metadata",
    "checked_run_id",
    "fresh_task",
    "positive",
    "resolved_model",
]


def resolved_model(model: str | Model, settings: Mapping[str, Any] | None) -> Model:
    """Return the model of that name, or the object itself.

    Raises:
        TypeError: it is neither.
        ValueError: there is no such provider, or no such setting.
    """
    if isinstance(model, str):
        with no_fork:
            from haltpoint.models.provider import ProviderModel, validate_settings
        storable_text("model", model)
        validate_settings(settings or {})
        return cast("Model", ProviderModel(model))
    given = cast("object", model)
    if isinstance(given, Model):
        return given
    raise TypeError(
        f"model must be a str such as 'openai/gpt-4o' or an object with `name` and an async `request` method, "
        f"got {given!r}; wrap a plain function in haltpoint.models.FunctionModel"
    )


def positive(name: str, value: object) -> int:
    """Return `value`, which must be an int above 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value


def checked_run_id(run_id: object) -> str:
    """Return `run_id`, which must be text that an id can be."""
    if isinstance(run_id, str):
        return findable_text("run_id", run_id)
    raise TypeError(f"run_id must be a str such as output.run_id, got {run_id!r}")


def checked_metadata(metadata: object) -> dict[str, Any] | None:
    """Return `metadata`, which must be None or a dict that JSON can hold."""
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict or None, got {metadata!r}")
    given = cast("dict[str, Any]", metadata)
    try:
        text = to_json_text(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"metadata must be JSON data: {error}") from error
    storable_text("metadata", text)
    return given


def checked_instructions(instructions: object) -> str | list[str] | None:
    """Return the instructions of an agent, which must be None, a str or a list of them.

    Raises:
        TypeError: they are something else.
        ValueError: one can't be stored.
    """
    if isinstance(instructions, (list, tuple)):
        texts = cast("list[object]", instructions)
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"instructions must be a str or a list of them, got {text!r} in the list")
            storable_text(f"instructions[{place}]", text)
        return cast("list[str]", list(texts))
    return checked_text("instructions", instructions)


def fresh_task(task: object) -> Task[Any]:
    """Return `task`, which must be a Task without a run that waits to be continued.

    Raises:
        TypeError: it is no Task.
        ToolNotAvailableError: it was pickled, and has lost tools.
        UnfinishedRunError: its run is not finished.
    """
    if not isinstance(task, Task):
        raise TypeError(f"task must be a Task, a str or a list of them, got {task!r}")
    given: Task[Any] = cast("Any", task)
    if given.left_behind:
        raise ToolNotAvailableError(
            f"the task was pickled, and {', '.join(given.left_behind)} could not come along, since pickle finds only "
            "functions that a module holds by their name: assign task.tools = [...] before you start a run of it",
            tool_name=given.left_behind[0],
        )
    if given.status is not None and not given.is_completed:
        raise UnfinishedRunError(
            f"the task has run {given.run_id}, which is {given.status.value}: continue it with "
            "continue_run_async(task=task), or make a new Task to start over",
            run_id=given.run_id,
        )
    return given
