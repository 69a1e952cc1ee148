"""What an agent is asked to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, cast, overload
from weakref import WeakValueDictionary

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.copying import deep_twin, is_named
from haltpoint.generics import OutputT_co
from haltpoint.given_text import storable_text
from haltpoint.json_value import to_json_text
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from pydantic import BaseModel
    from typing_extensions import TypeVar

    from haltpoint.run.agent.content import RunContent
    from haltpoint.run.agent.output import AgentRunOutput

    _ModelT = TypeVar("_ModelT", bound=BaseModel)

__all__ = ["Task", "format_or_text", "known_format", "response_format_data"]

# Response formats that tasks of this process have used, by module and name: a run that is continued finds its own
# again here, without anything being imported for it.
_FORMATS: WeakValueDictionary[tuple[str, str], type[Any]] = WeakValueDictionary()


class Task(Generic[OutputT_co]):
    """A task for an agent, and the state of its latest run.

    To type checkers `Task` is one that is answered in text; with `response_format=Report` it is a `Task[Report]`, and
    `Task[Any]` stands for all.

    A copy shares the tools, a pickled task has those that pickle finds by name; both show the run as it stood, as data.

    Args:
        description: what to do, in words for the model.
        tools: tools for this task, besides the agent's own.
        response_format: `str`, or the pydantic model class that the answer shall be an instance of.
        context: more for the model to know: text, a list of texts, or JSON data.

    Raises:
        TypeError: an argument is of another type; the message says which.
    """

    @overload
    def __init__(
        self: Task[str],
        description: str,
        *,
        tools: Iterable[Any] | None = None,
        response_format: type[str] = str,
        context: Any = None,
    ) -> None: ...

    @overload
    def __init__(
        self: Task[_ModelT],
        description: str,
        *,
        tools: Iterable[Any] | None = None,
        response_format: type[_ModelT],
        context: Any = None,
    ) -> None: ...

    def __init__(
        self,
        description: str,
        *,
        tools: Iterable[Any] | None = None,
        response_format: type[Any] = str,
        context: Any = None,
    ) -> None:
        self.description: str = _checked_description(description)
        self._tools = _checked_tools(tools)
        # Names of tools that could not come along when the task was pickled.
        self._left_behind: tuple[str, ...] = ()
        self.response_format: type[OutputT_co] = _checked_format(response_format)
        self.context = context
        self.context_text()  # Data without a text form is refused here, not when a run is under way.
        self._run_id: str | None = None
        self._status: RunStatus | None = None
        self._content: RunContent | None = None
        # The database that holds the run, for continuing by task; of the agent's type, opaque here.
        self._database: Any = None
        # Of a task read from data: the format's name and schema, since a class is never looked up by name.
        self._format_data: dict[str, Any] | None = None

    def context_text(self) -> str | None:
        """Return the context as text: a str as it is, texts of a list one below the other, all else as JSON.

        Raises:
            TypeError: something in it has no JSON form.
            ValueError: it holds a float that is not finite, itself, or a lone surrogate.
        """
        if self.context is None:
            return None
        is_list = isinstance(self.context, (list, tuple))
        parts: Iterable[Any] = self.context if is_list else [self.context]
        return storable_text("Task(context=...)", "\n\n".join(_text(part) for part in parts))

    @property
    def tools(self) -> list[Any]:
        """The tools for this task, besides the agent's own."""
        return self._tools

    @tools.setter
    def tools(self, tools: Iterable[Any] | None) -> None:
        self._tools = _checked_tools(tools)
        self._left_behind = ()

    @property
    def left_behind(self) -> tuple[str, ...]:
        """The tools that could not come along when the task was pickled, until `tools` is assigned."""
        return self._left_behind

    @property
    def run_id(self) -> str | None:
        """Id of the latest run, or None before the first."""
        return self._run_id

    @property
    def status(self) -> RunStatus | None:
        """Status of the latest run, or None before the first."""
        return self._status

    @property
    def is_paused(self) -> bool:
        """Whether the run waits for a person."""
        return self._status is RunStatus.paused

    @property
    def is_problematic(self) -> bool:
        """Whether the run is paused, cancelled or in error: it can be continued."""
        return self._status is not None and self._status.is_problematic

    @property
    def is_completed(self) -> bool:
        """Whether the run has come to its end."""
        return self._status is RunStatus.completed

    @property
    def response(self) -> OutputT_co | None:
        """The run's output: text, or an instance of `response_format`; None before it is completed."""
        answer: OutputT_co | None = None if self._content is None else self._content.output
        return answer

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The calls that have a result, each a dict of `tool_name`, `params` and `tool_result`."""
        executions = [] if self._content is None else self._content.tools
        return [
            {
                "tool_name": execution.tool_name,
                "params": dict(execution.tool_args),
                "tool_result": execution.result,
            }
            for execution in executions
            if execution.result is not None
        ]

    @property
    def database(self) -> Any:
        """The database that holds the latest run, or None before the first."""
        return self._database

    def to_dict(self) -> dict[str, Any]:
        """Return `description`, `context` (as text) and `response_format` (None for text) as JSON data."""
        return {
            "description": self.description,
            "context": self.context_text(),
            "response_format": self._format_data or response_format_data(self.response_format),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], output: AgentRunOutput[Any] | None = None) -> Task[Any]:
        """Return a task of the words that `to_dict` wrote down; tools and classes are not part of data.

        Args:
            data: what `to_dict` returns.
            output: the run to show the state of.
        """
        kind = cast("type[Task[str]]", cls)
        task = kind(data["description"], context=data.get("context"))
        task._format_data = deepcopy(data.get("response_format"))
        if output is not None:
            task._update(output)
        return task

    def __repr__(self) -> str:
        description = self.description
        shown = description if len(description) <= 60 else f"{description[:57]}..."
        status = "" if self._status is None else f", run_id={self._run_id!r}, status={self._status}"
        return f"Task({shown!r}{status})"

    # Copies

    def __copy__(self) -> Task[OutputT_co]:
        return deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Task[OutputT_co]:
        shared: dict[str, Any] = {"_tools": list(self._tools), "_database": self._database}
        state = {name: value for name, value in vars(self).items() if name not in shared}
        return deep_twin(self, memo, state, shared)

    def __getstate__(self) -> dict[str, Any]:
        lost = [_tool_name(item) for item in self._tools if not is_named(item)]
        state = {
            **vars(self),
            "_tools": [item for item in self._tools if is_named(item)],
            "_left_behind": (*self._left_behind, *lost),
            "_database": None,
        }
        if not is_named(self.response_format):
            state["response_format"], state["_format_data"] = None, response_format_data(self.response_format)
        # Of Task[Report](...): for type checkers alone.
        state.pop("__orig_class__", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if state["response_format"] is None:
            self.response_format = format_or_text(state["_format_data"])

    # For the agent

    def _attach(self, run_id: str, database: Any) -> None:
        """Tie the task to a run that starts now."""
        self._run_id = run_id
        self._database = database
        self._status = RunStatus.running
        self._content = None

    def _update(self, output: AgentRunOutput[Any]) -> None:
        """Show the state of a run that has stopped."""
        self._run_id = output.run_id
        self._status = output.status
        self._content = output._content  # pyright: ignore[reportPrivateUsage]


def known_format(data: Mapping[str, Any]) -> Any:
    """Return the response format of that `module` and `name` that a task of this process has used, or None."""
    return _FORMATS.get((data["module"], data["name"]))


def _tool_name(item: object) -> str:
    return str(getattr(item, "__qualname__", type(item).__qualname__))


def format_or_text(data: Mapping[str, Any]) -> Any:
    """Return what `known_format` does, or `str`."""
    return known_format(data) or str


def _checked_description(description: object) -> str:
    if isinstance(description, str):
        return storable_text("Task(description=...)", description)
    raise TypeError(f"Task(description=...) must be a str, got {type(description).__name__}")


def _checked_tools(tools: Any) -> list[Any]:
    kind = type(tools).__name__
    if tools is None:
        return []
    if isinstance(tools, Iterable) and not isinstance(tools, (str, bytes, Mapping)):
        return list(cast("Iterable[object]", tools))
    raise TypeError(f"Task(tools=...) must be a list of tools, got {kind}")


def _checked_format(response_format: Any) -> type[Any]:
    # Known by its method, so that pydantic is not loaded for tasks that are answered in text.
    if response_format is str or (isinstance(response_format, type) and hasattr(response_format, "model_json_schema")):
        if response_format is not str:
            _FORMATS[response_format.__module__, response_format.__name__] = response_format
        return response_format
    name = getattr(response_format, "__name__", repr(response_format))
    raise TypeError(f"Task(response_format=...) must be str or a pydantic model class, got {name}")


def _text(part: object) -> str:
    return part if isinstance(part, str) else to_json_text(part)


def response_format_data(response_format: Any) -> dict[str, Any] | None:
    """Return name, module and schema of a response format as JSON data; None for plain text."""
    if response_format is str:
        return None
    # Pydantic imports parts of itself for it.
    with no_fork:
        schema = response_format.model_json_schema()
    return {"name": response_format.__name__, "module": response_format.__module__, "schema": schema}
