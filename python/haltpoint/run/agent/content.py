"""What a run's output and its task show alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.copying import deep_twin, is_named
from haltpoint.exceptions import InvalidOutputError
from haltpoint.json_value import to_json_text
from haltpoint.run.agent.caching import cached_property
from haltpoint.run.drafts import forget_requirement
from haltpoint.run.requirement_terms import terms_data
from haltpoint.run.requirements import RunRequirement, Waiter
from haltpoint.run.tools.tools import ToolExecution
from haltpoint.task import format_or_text

if TYPE_CHECKING:
    from haltpoint.run.agent.view import RunView

__all__ = ["RunContent"]


class RunContent:
    """The answer of a run, its requirements and its tool calls; made when they are first asked for.

    The output and the task of a run both hold it, and the output its task: if the task held the output, what may be
    the result of a long run would stay in memory until the garbage collector looks for cycles.

    Args:
        view: what the engine tells of the run.
        response_format: `str`, or the pydantic model class that the answer is an instance of.
        waiter: what awaiting one of the requirements calls.
    """

    def __init__(self, view: RunView, response_format: Any, waiter: Waiter | None) -> None:
        self.view = view
        self._response_format = response_format
        self._waiter = waiter

    def __deepcopy__(self, memo: dict[int, Any]) -> RunContent:
        return deep_twin(self, memo, vars(self), {"_waiter": None})

    def __getstate__(self) -> dict[str, Any]:
        # As data: awaiting one of the requirements would need the database.
        state = {**vars(self), "_waiter": None}
        if not is_named(self._response_format):
            named = {"module": self._response_format.__module__, "name": self._response_format.__name__}
            state.update(_response_format=None, _format_name=named)
            state.pop("output", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if state["_response_format"] is None:
            # The answer of a class that is not known here is plain JSON data.
            self._response_format = format_or_text(state["_format_name"])

    @cached_property
    def output(self) -> Any:
        """The answer, None before the run is completed.

        Raises:
            InvalidOutputError: the stored answer does not fit the class as it is today.
        """
        output = self.view.get("output")
        if output is None or not hasattr(self._response_format, "model_validate"):
            return output
        if isinstance(output, self._response_format):
            return output
        return self._read(self.view.text("output_json") or to_json_text(output))

    def take_answer(self, text: str | None, instance: object) -> None:
        """Take the object that was made of an answer as the output, where that is this answer.

        Args:
            text: JSON of the answer.
            instance: what it stands for; None where that is not known.
        """
        if instance is not None and text is not None and self.view.text("output_json") == text:
            vars(self).setdefault("output", instance)

    def take_value(self, value: object) -> None:
        """Take the value that a workflow's answer stands for as the output."""
        vars(self)["output"] = value

    @property
    def is_read(self) -> bool:
        """Whether the answer is at hand, so that no validator is called for it."""
        return "output" in vars(self) or not hasattr(self._response_format, "model_validate")

    @cached_property
    def requirements(self) -> list[RunRequirement]:
        """All that the run has asked for so far, decided or not."""
        return [RunRequirement.from_dict(item, waiter=self._waiter) for item in self.view.items("requirements")]

    @cached_property
    def tools(self) -> list[ToolExecution]:
        """All tool calls. A call that a requirement waits on is the same object as that requirement's."""
        waiting = {
            requirement.tool_execution.tool_call_id: requirement.tool_execution
            for requirement in self.requirements
            if requirement.decision is None
        }
        return [waiting.get(item["tool_call_id"]) or ToolExecution.from_dict(item) for item in self.view.items("tools")]

    def renew(self, requirement: RunRequirement) -> None:
        """Put an undecided requirement anew in the place of one whose drafts are to count no more by themselves."""
        place = next(index for index, item in enumerate(self.requirements) if item is requirement)
        fresh = RunRequirement.from_dict(self.view.items("requirements")[place], waiter=self._waiter)
        fresh.take_terms(terms_data(requirement))
        self.requirements[place] = fresh
        forget_requirement(requirement)
        # They share their calls with the requirements.
        vars(self).pop("tools", None)

    def _read(self, text: str) -> Any:
        with no_fork:
            from haltpoint.run.agent.answers import read_answer
        try:
            return read_answer(self._response_format, text)
        except ValueError as error:
            run_id = self.view.text("run_id")
            raise InvalidOutputError(
                f"the stored output of run {run_id} does not fit {self._response_format.__name__}: {error}",
                run_id=run_id,
            ) from error
