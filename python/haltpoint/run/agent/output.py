"""What a run gives back: its status, its output, what it waits for and what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, cast

from haltpoint.generics import OutputT, OutputT_co
from haltpoint.json_value import to_json_text, to_json_value
from haltpoint.models.messages import Message
from haltpoint.run.agent.caching import cached_property
from haltpoint.run.agent.content import RunContent
from haltpoint.run.agent.records import RunUsage, StepResult
from haltpoint.run.agent.view import MICROSECONDS, RunView
from haltpoint.run.base import RunStatus
from haltpoint.task import Task
from haltpoint.timestamps import parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from haltpoint.run.requirements import RunRequirement, Waiter
    from haltpoint.run.tools.tools import ToolExecution

__all__ = ["AgentRunOutput", "RunUsage", "StepResult"]

_PLAIN_KEYS = (
    "run_id",
    "agent_id",
    "agent_name",
    "session_id",
    "user_id",
    "pause_reason",
    "error_details",
    "model_name",
    "metadata",
    "first_new_message",
)


class AgentRunOutput(Generic[OutputT_co]):
    """A run as it stood when its call returned; of a `Task[Report]` it is an `AgentRunOutput[Report]`.

    Objects within are made when they are first asked for, and stay the same from then on. A copy, or an output that was
    pickled, is data: it shows the run as it stood, drafts included, and its requirements can't be awaited.
    """

    def __init__(self, view: RunView, *, task: Task[OutputT_co] | None = None, waiter: Waiter | None = None) -> None:
        self._view = view
        self._given_task = task
        self._content = RunContent(view, str if task is None else task.response_format, waiter)

    @classmethod
    def from_view(
        cls, view: Mapping[str, Any], *, task: Task[OutputT] | None = None, waiter: Waiter | None = None
    ) -> AgentRunOutput[OutputT]:
        """Return the output of a run that the engine tells of.

        Args:
            view: the run's view as JSON data.
            task: the task that the run was started with, when it is at hand.
            waiter: what awaiting one of the requirements calls.
        """
        kind = cast("type[AgentRunOutput[OutputT]]", cls)
        return kind(RunView(view), task=task, waiter=waiter)

    @classmethod
    def from_view_text(
        cls,
        source: str | Callable[[], str],
        known: Mapping[str, Any],
        *,
        requirements: Callable[[], str] | None = None,
        task: Task[OutputT] | None = None,
        waiter: Waiter | None = None,
    ) -> AgentRunOutput[OutputT]:
        """Return the same, from text that is parsed only when it holds something that is asked for.

        Args:
            source: the view as JSON text, or a function that fetches it.
            known: keys of the view that are at hand already, such as `run_id` and `status`.
            requirements: fetches the requirements alone: of a long run a small part of the whole.
            task: the task that the run was started with, when it is at hand.
            waiter: what awaiting one of the requirements calls.
        """
        parts = {} if requirements is None else {"requirements": requirements}
        kind = cast("type[AgentRunOutput[OutputT]]", cls)
        return kind(RunView(known, source, parts), task=task, waiter=waiter)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AgentRunOutput[Any]:
        """Read what `to_dict` returns."""
        view = deepcopy(dict(data))
        for key in ("created_at", "updated_at"):
            view[key] = data[key] * MICROSECONDS
        return cls.from_view(view)

    # Who and what

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return str(self._view.get("run_id"))

    @property
    def agent_id(self) -> str | None:
        """Id of the agent that started the run."""
        return self._view.text("agent_id")

    @property
    def agent_name(self) -> str | None:
        """Name of that agent."""
        return self._view.text("agent_name")

    @property
    def session_id(self) -> str | None:
        """The session that the run belongs to."""
        return self._view.text("session_id")

    @property
    def user_id(self) -> str | None:
        """The user it runs for."""
        return self._view.text("user_id")

    @property
    def model_name(self) -> str | None:
        """The model that it was started with."""
        return self._view.text("model_name")

    @property
    def metadata(self) -> dict[str, Any] | None:
        """What the agent's `metadata` was."""
        metadata: dict[str, Any] | None = self._view.get("metadata")
        return metadata

    @property
    def created_at(self) -> int:
        """When the run started, in seconds since the epoch."""
        return self._view.seconds("created_at")

    @property
    def updated_at(self) -> int:
        """When its journal last grew, in seconds since the epoch."""
        return self._view.seconds("updated_at")

    @cached_property
    def task(self) -> Task[OutputT_co]:
        """The task that the run was started with, or one of the same words when that is not at hand."""
        return self._given_task or Task.from_dict(self._view.get("task"), self)

    # How it stands

    @cached_property
    def status(self) -> RunStatus:
        """Where the run stands."""
        return RunStatus(self._view.get("status"))

    @property
    def is_paused(self) -> bool:
        """Whether it waits for what `active_requirements` ask for."""
        return self.status is RunStatus.paused

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.status is RunStatus.cancelled

    @property
    def is_complete(self) -> bool:
        """Whether it has come to its end."""
        return self.status is RunStatus.completed

    @property
    def is_error(self) -> bool:
        """Whether it failed."""
        return self.status is RunStatus.error

    @property
    def is_problematic(self) -> bool:
        """Whether it is paused, cancelled or in error: it can be continued."""
        return self.status.is_problematic

    @property
    def pause_reason(self) -> str | None:
        """Kind of the first requirement that is open, while the run is paused."""
        return self._view.text("pause_reason")

    @property
    def error_details(self) -> str | None:
        """What went wrong, while the run is in error."""
        return self._view.text("error_details")

    @cached_property
    def output(self) -> OutputT_co | None:
        """The answer: text, or an instance of the task's `response_format`; None before the run is completed.

        Raises:
            InvalidOutputError: the stored answer does not fit the class as it is today.
        """
        output: OutputT_co | None = self._content.output
        return output

    # What it waits for

    @cached_property
    def requirements(self) -> list[RunRequirement]:
        """All that the run has asked for so far, decided or not."""
        return self._content.requirements

    def requirements_data(self) -> list[dict[str, Any]]:
        """Return what the run has asked for as it was read from the database, whatever became of the objects."""
        return self._view.items("requirements")

    @property
    def active_requirements(self) -> list[RunRequirement]:
        """The requirements that are not resolved, and that ask somebody: none of kind "wait"."""
        return [item for item in self.requirements if item.kind != "wait" and not item.is_resolved]

    @property
    def sleeps_until(self) -> datetime | None:
        """When the run goes on by itself (aware, UTC), while it only waits for a time; else None."""
        if not self.is_paused or any(item.kind != "wait" for item in self._open()):
            return None
        return min((item.expires_at for item in self._open() if item.expires_at), default=None)

    @property
    def waits_for(self) -> list[dict[str, Any]]:
        """The events that the run waits for, while it can go on: dicts of `name` and `key` (or None)."""
        goes_on = self.is_paused or self.status.value in ("RUNNING", "QUEUED")
        return [dict(item.event) for item in self._open() if item.event is not None] if goes_on else []

    @property
    def not_before(self) -> datetime | None:
        """From when on workers take it (aware, UTC), while it waits for one; None: at once."""
        found = self._view.text("not_before")
        return None if found is None else parse_time(found)

    def _open(self) -> list[RunRequirement]:
        return [item for item in self.requirements if item.decision is None and not item.is_expired]

    @property
    def tools_requiring_confirmation(self) -> list[ToolExecution]:
        """Calls that a person has yet to confirm or reject."""
        return [item.tool_execution for item in self.requirements if item.needs_confirmation]

    @property
    def tools_requiring_user_input(self) -> list[ToolExecution]:
        """Calls with fields that a person has yet to fill in."""
        return [item.tool_execution for item in self.requirements if item.needs_user_input]

    @property
    def tools_awaiting_external_execution(self) -> list[ToolExecution]:
        """Calls that have yet to be run elsewhere."""
        return [item.tool_execution for item in self.requirements if item.needs_external_execution]

    # What it did

    @cached_property
    def tools(self) -> list[ToolExecution]:
        """All tool calls. A call that a requirement waits on is the same object as that requirement's."""
        return self._content.tools

    @cached_property
    def step_results(self) -> list[StepResult]:
        """The steps of the run, each listed once."""
        return [StepResult.from_dict(item) for item in self._view.items("step_results")]

    @cached_property
    def messages(self) -> list[Message]:
        """The conversation, with the session's earlier messages before the run's own."""
        return [Message.from_dict(item) for item in self._view.items("messages")]

    def all_messages(self) -> list[Message]:
        """Return the conversation as a list of its own."""
        return list(self.messages)

    def new_messages(self) -> list[Message]:
        """Return the run's own messages."""
        return self.messages[self._view.get("first_new_message") or 0 :]

    @cached_property
    def usage(self) -> RunUsage:
        """What the run took so far."""
        return RunUsage.from_dict(self._view.get("usage") or {})

    # Data

    def to_dict(self) -> dict[str, Any]:
        """Return the whole as JSON data; times are ISO 8601 within requirements, else seconds since the epoch.

        Raises:
            ToolResultError: a result was assigned that has no form as text.
        """
        data = {key: deepcopy(self._view.get(key)) for key in _PLAIN_KEYS}
        return {
            **data,
            "status": self.status.value,
            "task": self.task.to_dict(),
            "output": to_json_value(self._view.get("output")),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "requirements": [requirement.to_dict() for requirement in self.requirements],
            "tools": [execution.to_dict() for execution in self.tools],
            "step_results": [step.to_dict() for step in self.step_results],
            "messages": [message.to_dict() for message in self.messages],
            "usage": self.usage.to_dict(),
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return to_json_text(self.to_dict())

    def __copy__(self) -> AgentRunOutput[OutputT_co]:
        return deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        # The answer is the content's, which knows whether its class can come along.
        return {name: value for name, value in vars(self).items() if name not in ("output", "__orig_class__")}

    def __repr__(self) -> str:
        reason = f", pause_reason={self.pause_reason!r}" if self.is_paused else ""
        return f"AgentRunOutput(run_id={self.run_id!r}, status={self.status}{reason})"
