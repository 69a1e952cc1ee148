"""A workflow's body while it runs: hands it the outcomes of its steps, and takes the steps that it asks for.

Outcomes are handed out one at a time, in the journal's order, the next one when nothing of the body can go on without
it. So the body takes the same way in each process, whatever was faster there.
"""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint.exceptions import ForeignAwaitWarning, WorkflowChangedError
from haltpoint.run.open_questions import drop_question, keep_question
from haltpoint.workflows.branches import Branch, follow_tasks, forget_tasks, start_root
from haltpoint.workflows.identity import argument_digest, step_id
from haltpoint.workflows.outcomes import Outcome, is_to_be_asked_again, value_of
from haltpoint.workflows.suspension import StepFuture, foreign_wait, is_ready

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from haltpoint.run.open_questions import AnswerCheck
    from haltpoint.tools.definition import ToolDefinition
    from haltpoint.workflows.values import ValueType

__all__ = ["Body", "HaltedError", "NewStep"]

# A task that ends wakes those that wait for it some turns of the loop later, through the futures between them.
_QUIET_TURNS = 4
# Code that never rests, such as a loop over `asyncio.sleep(0)`, is not waited for.
_MOST_TURNS = 1_000
# So that a long body that is replayed lets others run.
_AT_ONCE = 100
# How long a body may take to clean up, in seconds.
_TIME_TO_END = 1.0

PATCHED = "patched"


class HaltedError(BaseException):
    """Raised in a body that is dropped, since its run pauses: a process that continues the run begins it anew."""


class NewStep(NamedTuple):
    """A step that a body asks for and that the journal does not know.

    Attributes:
        step_id: its id.
        definition: the tool that it is.
        arguments: JSON data.
    """

    step_id: str
    definition: ToolDefinition
    arguments: Mapping[str, Any]


class Body:
    """One pass of a workflow's body.

    Args:
        coroutine: the body.
        run_id: the run.
        tools: takes the tool of each step that is asked for, by its name.
        allow_changed_code: go on although the body no longer asks for a step that is finished.

    Attributes:
        is_checked: whether waiting for something other than a step is an error.
        on_move: called when the body may have asked for something.
    """

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        run_id: str,
        tools: dict[str, ToolDefinition],
        *,
        allow_changed_code: bool = False,
    ) -> None:
        self.is_checked = False
        self.on_move: Callable[[], None] | None = None
        self._run_id = run_id
        self._tools = tools
        self._allow_changed_code = allow_changed_code
        self._loop = asyncio.get_running_loop()
        # Finished steps that are to be handed out, and those that were before anybody asked for them.
        self._due: deque[Outcome] = deque()
        self._passed_over: dict[str, Outcome] = {}
        self._waiting: dict[str, StepFuture] = {}
        self._new: list[NewStep] = []
        # Steps of the journal without an outcome, and those among them that were not asked for.
        self._open: set[str] = set()
        self._unasked: set[str] = set()
        self._patches: dict[str, asyncio.Future[bool]] = {}
        self._ending: type[BaseException] | None = None
        self._told: set[str] = set()
        self._served = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        # Whether a task ended since the body last rested.
        self._has_ended = False
        self._moved = asyncio.Event()
        follow_tasks(self._loop)
        self._root = start_root(self, coroutine)
        self.take_task(self._root)

    # Tasks

    def take_task(self, task: asyncio.Task[Any]) -> None:
        """Follow a task of the body."""
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._has_ended = True
        self._note_move()

    def _note_move(self) -> None:
        self._moved.set()
        if self.on_move is not None:
            self.on_move()

    # Asking

    async def call(
        self, branch: Branch, definition: ToolDefinition, arguments: Mapping[str, Any], returns: ValueType
    ) -> Any:
        """Return the value of a step, once it has one. A person who gave what the step does not take is asked again.

        Raises:
            StepError: it has none.
            asyncio.CancelledError: the run is cancelled.
        """
        outcome, again = await self.outcome(branch, definition, arguments), 0
        while is_to_be_asked_again(outcome):
            again += 1
            outcome = await self.outcome(branch, definition, arguments, identity={**arguments, "again": again})
        return value_of(outcome, returns)

    async def outcome(
        self,
        branch: Branch,
        definition: ToolDefinition,
        arguments: Mapping[str, Any],
        *,
        identity: Mapping[str, Any] | None = None,
        check: AnswerCheck | None = None,
    ) -> Outcome:
        """Return what became of a step, once it is finished.

        Args:
            branch: where it is asked for.
            definition: the tool that it is.
            arguments: JSON data.
            identity: by what the step is known, in place of its arguments.
            check: checks what somebody gives for it, where that is given in this process.

        Raises:
            asyncio.CancelledError: the run is cancelled.
        """
        digest = argument_digest(arguments if identity is None else identity)
        count = branch.counts.get((definition.name, digest), 0)
        branch.counts[definition.name, digest] = count + 1
        step = NewStep(step_id(branch.path, definition.name, digest, count), definition, arguments)
        if check is not None:
            keep_question(self._run_id, step.step_id, check)
        outcome = await self._outcome(step)
        # Not where the body is dropped: then the run waits for it still.
        if check is not None:
            drop_question(self._run_id, step.step_id)
        return outcome

    async def patched(self, name: str, definition: ToolDefinition) -> bool:
        """Whether the run came by this change of the code after it was made; the answer stays."""
        known = self._patches.get(name)
        if known is None:
            known = self._patches[name] = self._loop.create_future()
            arguments = {"change": name}
            step = NewStep(step_id("", PATCHED, argument_digest(arguments), 0), definition, arguments)
            is_known = step.step_id in self._unasked or any(item.step_id == step.step_id for item in self._due)
            is_behind = bool(self._due or self._unasked or self._passed_over)
            if is_known or not is_behind:
                await self._outcome(step)
            known.set_result(is_known or not is_behind)
        return await known

    async def _outcome(self, step: NewStep) -> Outcome:
        if self._ending is not None:
            raise self._ending
        passed = self._passed_over.pop(step.step_id, None)
        if passed is not None:
            return passed
        if self._is_next(step.step_id):
            return self._due.popleft()
        future = self._waiting[step.step_id] = StepFuture(loop=self._loop)
        self._unasked.discard(step.step_id)
        if step.step_id not in self._open and all(item.step_id != step.step_id for item in self._due):
            self._open.add(step.step_id)
            self._new.append(step)
        self._take_tool(step.definition)
        self._note_move()
        outcome: Outcome = await future
        return outcome

    def _is_next(self, identity: str) -> bool:
        """Whether a step's outcome can be had without a turn of the loop: nothing else of the body runs."""
        self._served += 1
        is_alone = len(self._tasks) == 1 and self._served % _AT_ONCE
        return bool(is_alone and self._due and self._due[0].step_id == identity)

    def _take_tool(self, definition: ToolDefinition) -> None:
        present = self._tools.setdefault(definition.name, definition)
        if present.function is not definition.function:
            raise ValueError(
                f"two steps are named {definition.name!r}: {present.module}.{present.qualname} and "
                f"{definition.module}.{definition.qualname}; rename one with @step(name=...)"
            )

    # Outcomes

    def take_open(self, steps: Iterable[str]) -> None:
        """Take the ids of the journal's steps that have no outcome. To be called before the body begins."""
        self._open.update(steps)
        self._unasked.update(steps)

    def take_finished(self, outcomes: Iterable[Outcome]) -> None:
        """Take further outcomes, in the journal's order."""
        for outcome in outcomes:
            self._open.discard(outcome.step_id)
            self._unasked.discard(outcome.step_id)
            self._due.append(outcome)

    async def advance(self) -> None:
        """Hand out all outcomes, and let the body run until it rests.

        Raises:
            WorkflowChangedError: the body no longer asks for a step that is finished.
        """
        await self._rest()
        while self._due:
            future = self._waiting.pop(self._due[0].step_id, None)
            if future is not None:
                outcome = self._due.popleft()
                if not future.done():
                    future.set_result(outcome)
            elif not await self._is_awaited_elsewhere():
                self._pass_over()
            await self._rest()

    async def _is_awaited_elsewhere(self) -> bool:
        """Whether the step that is next may still be asked for, since the body waits for something else."""
        place = foreign_wait(self._tasks)
        if place is None:
            return False
        self._tell_of(place)
        self._moved.clear()
        await self._moved.wait()
        return True

    def _pass_over(self) -> None:
        outcome = self._due[0]
        if outcome.name != PATCHED and not self._allow_changed_code:
            # All that have no waiter, not only the first.
            steps = [item.name for item in self._due if item.step_id not in self._waiting and item.name != PATCHED]
            raise WorkflowChangedError(
                f"the code of the workflow no longer asks for steps that run {self._run_id} has finished: "
                f"{', '.join(steps)}; continue it with the code as it was, say where the code differs with "
                "`await patched(...)`, or pass allow_changed_code=True to go on without them",
                run_id=self._run_id,
                steps=steps,
            )
        self._due.popleft()
        self._passed_over[outcome.step_id] = outcome

    async def _rest(self) -> None:
        """Let the body run until it waits for something that only comes from outside."""
        quiet = turns = 0
        while turns < _MOST_TURNS:
            if not any(map(is_ready, self._tasks)):
                if not self._has_ended or not self._tasks:
                    break
                quiet += 1
                if quiet > _QUIET_TURNS:
                    break
            else:
                quiet = 0
            turns += 1
            await asyncio.sleep(0)
        self._has_ended = False

    # What came of it

    def take_new(self, most: int) -> list[NewStep]:
        """Take the steps that the body asks for and that are not planned yet, so many at most."""
        new, self._new = self._new[:most], self._new[most:]
        return new

    @property
    def has_new(self) -> bool:
        """Whether there are steps to plan."""
        return bool(self._new)

    @property
    def has_open(self) -> bool:
        """Whether a step has no outcome yet."""
        return bool(self._open)

    @property
    def is_done(self) -> bool:
        """Whether the body has returned, or raised an error."""
        return self._root.done()

    @property
    def has_failed(self) -> bool:
        """Whether the body has raised an error: it gets no outcome any more."""
        return self._root.done() and (self._root.cancelled() or self._root.exception() is not None)

    @property
    def asked_for(self) -> tuple[frozenset[str], bool]:
        """What the body waits for, and whether it is done: equal for two passes that took the same way."""
        return frozenset(self._waiting), self._root.done()

    def result(self) -> Any:
        """Return what the body returned, or raise what it raised."""
        return self._root.result()

    async def until_moved(self) -> None:
        """Wait until the body may have asked for something; warn where it waits for something other than a step.

        Raises:
            RuntimeError: it does, and this pass is a check.
        """
        place = foreign_wait(self._tasks)
        if place is not None:
            self._tell_of(place)
        self._moved.clear()
        await self._moved.wait()

    def _tell_of(self, place: str) -> None:
        message = (
            f"the body of run {self._run_id} waits at {place} for something other than a step; a process that "
            "continues the run later waits for it anew: put it into a function with @step"
        )
        if self.is_checked:
            raise RuntimeError(message)
        if place not in self._told and not self._waiting:
            self._told.add(place)
            warnings.warn(ForeignAwaitWarning(message, run_id=self._run_id), stacklevel=2)

    async def end(self, ending: type[BaseException] = HaltedError) -> None:
        """Drop the body: raise an exception wherever it waits for a step, and at each step that it asks for then."""
        self._ending = ending
        self.on_move = None
        dropped = {self._root, *self._tasks}
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ending()) if ending is not asyncio.CancelledError else future.cancel()
        await self._rest()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_TIME_TO_END)
        for task in dropped:
            if task.done() and not task.cancelled():
                # Retrieved, so that asyncio does not log it as never retrieved.
                task.exception()
        forget_tasks(self._loop)
