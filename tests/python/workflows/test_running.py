"""A workflow's run: its steps, its halts, its result, in one process."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    ForeignAwaitWarning,
    InMemoryDatabase,
    InvalidResolutionError,
    ModelError,
    RunNotCompletedWarning,
    RunStatus,
    ScriptedModel,
    StepError,
    StepExpiredError,
    StepRejectedError,
    StepSkippedError,
    ToolArgumentsError,
    ToolCall,
    WorkflowChangedError,
    ask,
    confirm,
    step,
    workflow,
)
from haltpoint.models import ModelReply
from support.databases import opened
from support.running import asynchronous

from . import cases
from .people import decide, names_of_open


@pytest.fixture
def effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where effects are noted."""
    path = tmp_path / "effects"
    path.touch()
    monkeypatch.setenv(cases.EFFECTS, str(path))
    return path


def _noted(effects: Path) -> list[str]:
    return sorted(effects.read_text().splitlines())


@asynchronous
async def test_a_body_halts_for_people_and_goes_on_where_it_was(tmp_path: Path, effects: Path) -> None:
    with opened(tmp_path / "runs.db") as db:
        output = await cases.refund_case.start("A-1", db=db, return_output=True)
        assert (output.status, names_of_open(output)) == (RunStatus.paused, ["ask"])
        form = output.active_requirements[0].user_input_schema
        assert form is not None
        assert [(field["name"], field["required"]) for field in form] == [("euros", True), ("note", False)]
        await decide(output, euros=5)
        output = await cases.refund_case.continue_run_async(output.run_id, db=db, return_output=True)
        assert names_of_open(output) == ["confirm"]
        assert output.active_requirements[0].tool_execution.tool_args["details"] == {"order": "A-1"}
        await decide(output, agrees=False)
        report = await cases.refund_case.continue_run_async(output.run_id, db=db)
        assert report == cases.Report(order="A-1", paid=0)
        again = await cases.refund_case.continue_run_async(output.run_id, db=db, return_output=True)
        assert (again.output, again.status) == (report, RunStatus.completed)
        assert db.verify(output.run_id).ok
    assert _noted(effects) == ["look_up A-1", "look_up A-1x"]


@asynchronous
async def test_a_run_that_halts_gives_none_and_warns(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as db, pytest.warns(RunNotCompletedWarning):
        assert await cases.refund_case.start("A-1", db=db) is None


@asynchronous
async def test_outside_of_a_workflow_steps_are_the_plain_functions() -> None:
    assert await cases.look_up("A") == {"price": 9}
    assert await cases.count(3) == 4
    assert await cases.refund("A", 5) == "A:5"
    with pytest.raises(ValueError, match="oh"):
        await cases.fail("oh")
    with pytest.raises(RuntimeError, match="body of a workflow"):
        await confirm("Well?")


@asynchronous
async def test_an_agent_takes_a_step_as_the_tool_that_it_is() -> None:
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("refund", {"order": "A", "euros": 5})]), "done"])
    output = await Agent(model, tools=[cases.refund]).do_async("Refund.", return_output=True)
    assert output.active_requirements[0].approvals_needed == 2


@pytest.mark.parametrize("slow", ["first", "second"])
@asynchronous
async def test_two_branches_never_get_each_others_answer(slow: str) -> None:
    @step(read_only=True)
    async def look(name: str) -> str:
        if name == slow:
            await asyncio.sleep(0.02)
        return name

    @workflow
    async def asking() -> list[bool]:
        async def branch(name: str) -> bool:
            await look(name)
            return await confirm("Proceed?", details=None)

        return list(await asyncio.gather(branch("first"), branch("second")))

    db = InMemoryDatabase()
    output = await asking.start(db=db, return_output=True)
    # Whichever was asked first: the ids tell the branches apart.
    by_place = {item.tool_execution.tool_call_id: item for item in output.active_requirements}
    assert len(by_place) == 2
    order = [message.tool_calls[0].args for message in output.messages if message.tool_calls]
    assert order
    late = output.active_requirements[-1]
    late.reject("no", by="ann")
    await late
    output = await asking.continue_run_async(output.run_id, db=db, return_output=True)
    await decide(output)
    result = await asking.continue_run_async(output.run_id, db=db)
    # The one that was asked last is the slow one.
    assert result == ([False, True] if slow == "first" else [True, False])


@asynchronous
async def test_one_branch_runs_on_while_another_one_waits_for_a_person(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as db:
        output = await cases.uneven.start(5, db=db, return_output=True)
        assert names_of_open(output) == ["confirm"]
        assert [item.result for item in output.tools if item.tool_name == "count"] == ["1", "2", "3", "4", "5"]
        await decide(output)
        assert await cases.uneven.continue_run_async(output.run_id, db=db) == [1, 5]
        assert db.verify(output.run_id).ok


@asynchronous
async def test_groups_of_tasks_and_tasks_as_they_complete_run_side_by_side() -> None:
    begun = asyncio.Event()

    @step
    async def first() -> str:
        await asyncio.wait_for(begun.wait(), 5)
        return "first"

    @step
    async def second() -> str:
        begun.set()
        return "second"

    @workflow
    async def racing() -> list[str]:
        found = [await task for task in asyncio.as_completed([first(), second()])]
        one, other = asyncio.create_task(first()), asyncio.create_task(second())
        await asyncio.wait({one, other})
        return [*found, await one, await other]

    assert await racing.start() == ["second", "first", "first", "second"]


@asynchronous
async def test_errors_of_steps_are_raised_where_they_are_awaited_and_on_replay_too() -> None:
    @step(requires_confirmation=True, expires_after=0.01)
    async def late() -> int:
        return 1

    @step(requires_confirmation=True)
    async def pay() -> int:
        return 1

    @workflow
    async def failing() -> list[str]:
        seen: list[str] = []
        for asked in (lambda: cases.fail("oh"), pay, late, lambda: confirm("Well?")):
            try:
                seen.append(str(await asked()))
            except StepError as error:
                seen.append(f"{type(error).__name__} {error.name}")
        return seen

    db = InMemoryDatabase()
    output = await failing.start(db=db, return_output=True)
    await decide(output, agrees=False)
    output = await failing.continue_run_async(output.run_id, db=db, return_output=True)
    assert names_of_open(output) == ["late"]
    await asyncio.sleep(0.02)
    output = await failing.continue_run_async(output.run_id, db=db, return_output=True)
    await decide(output)
    assert await failing.continue_run_async(output.run_id, db=db) == [
        "StepError fail",
        f"{StepRejectedError.__name__} pay",
        f"{StepExpiredError.__name__} late",
        "True",
    ]
    assert issubclass(StepSkippedError, StepError)


@asynchronous
async def test_a_question_that_expires_is_an_error_and_a_confirmation_that_does_is_a_no() -> None:
    @workflow
    async def patient() -> list[str]:
        agreed = await confirm("Well?", expires_after=0.01)
        try:
            await ask("How much?", cases.Amount, expires_after=0.01)
        except StepExpiredError as error:
            return [str(agreed), str(error.name)]
        return []

    db = InMemoryDatabase()
    output = await patient.start(db=db, return_output=True)
    for _ in range(2):
        await asyncio.sleep(0.02)
        output = await patient.continue_run_async(output.run_id, db=db, return_output=True)
    assert output.output == ["False", "ask"]


@asynchronous
async def test_fields_can_be_asked_for_by_name() -> None:
    @workflow
    async def form() -> list[Any]:
        answer = await ask("Who?", name=str, age=int | None)
        return [answer.name, answer.age]

    db = InMemoryDatabase()
    output = await form.start(db=db, return_output=True)
    await decide(output, name="Ada", age=None)
    assert await form.continue_run_async(output.run_id, db=db) == ["Ada", None]


@asynchronous
async def test_the_result_of_another_program_is_validated() -> None:
    db = InMemoryDatabase()
    output = await cases.shipping.start("A", db=db, return_output=True)
    (requirement,) = output.active_requirements
    assert requirement.tool_execution.tool_args == {
        "name": "ship",
        "args": {"order": "A"},
        "returns": {"type": "integer"},
    }
    requirement.set_external_execution_result("7")
    await requirement
    assert await cases.shipping.continue_run_async(output.run_id, db=db) == 7
    output = await cases.shipping.start("A", db=db, return_output=True)
    (requirement,) = output.active_requirements
    with pytest.raises(InvalidResolutionError, match="must be a whole number"):
        requirement.set_external_execution_result("many")
    assert db.run(output.run_id).status == RunStatus.paused


@asynchronous
async def test_what_is_different_each_time_is_the_same_after_a_halt() -> None:
    db = InMemoryDatabase()
    output = await cases.recorded.start(db=db, return_output=True)
    recorded = [item.result for item in output.tools][:3]
    await decide(output)
    result = await cases.recorded.continue_run_async(output.run_id, db=db)
    assert result is not None
    assert datetime.fromisoformat(result[0]).tzinfo == timezone.utc
    assert result[2] == recorded[2]


@asynchronous
async def test_arguments_and_results_are_validated() -> None:
    @step
    async def lie() -> int:
        return "many"  # type: ignore[return-value]

    @workflow
    async def lying(number: int) -> int:
        return await lie()

    with pytest.raises(ToolArgumentsError, match="number"):
        await lying.start("many")
    with pytest.raises(TypeError, match="argument"):
        await lying.start()
    with pytest.raises(ModelError, match=r"StepError.*does not fit int"):
        await lying.start(3)


@asynchronous
async def test_a_body_that_raises_fails_its_run_which_can_be_continued() -> None:
    broken = True

    @workflow
    async def fragile() -> int:
        number = await cases.count(1)
        if broken:
            raise LookupError("not yet")
        return number

    db = InMemoryDatabase()
    with pytest.raises(ModelError, match="LookupError: not yet") as raised:
        await fragile.start(db=db)
    assert isinstance(raised.value.__cause__, LookupError)
    broken = False
    assert raised.value.run_id is not None
    assert await fragile.continue_run_async(raised.value.run_id, db=db) == 2


@asynchronous
async def test_a_body_that_returns_waits_for_open_steps() -> None:
    begun = asyncio.Event()
    done: list[str] = []

    @step
    async def slow() -> None:
        begun.set()
        await asyncio.sleep(0.01)
        done.append("slow")

    @workflow
    async def hasty() -> str:
        asyncio.create_task(slow())  # noqa: RUF006 - that nobody holds it is the point
        await begun.wait()
        return "over"

    assert await hasty.start() == "over"
    assert done == ["slow"]


@asynchronous
async def test_cancelling_is_raised_at_the_step_and_at_each_later_one_and_the_run_goes_on_later() -> None:
    begun, seen = asyncio.Event(), []
    blocked = True

    @step(idempotent=True)
    async def block() -> int:
        begun.set()
        if blocked:
            await asyncio.sleep(60)
        return 1

    @workflow
    async def stubborn() -> int:
        try:
            return await block()
        except asyncio.CancelledError:
            seen.append("cancelled")
            try:
                await cases.count(1)
            except asyncio.CancelledError:
                seen.append("again")
            raise

    db = InMemoryDatabase()
    running = asyncio.ensure_future(stubborn.start(db=db, return_output=True))
    await begun.wait()
    (run,) = db.runs()
    assert stubborn.agent.cancel_run(run.run_id, interrupt=True)
    output = await running
    assert (output.status, seen) == (RunStatus.cancelled, ["cancelled", "again"])
    blocked = False
    assert await stubborn.continue_run_async(output.run_id, db=db) == 1


@asynchronous
async def test_a_body_is_dropped_at_a_pause_without_its_handlers_for_cancellation() -> None:
    seen: list[str] = []

    @workflow
    async def tidy() -> None:
        try:
            await confirm("Well?")
        except Exception:
            seen.append("except")
        finally:
            seen.append("finally")

    output = await tidy.start(return_output=True)
    assert (output.status, seen) == (RunStatus.paused, ["finally"])


@asynchronous
async def test_waiting_for_what_is_no_step_works_and_is_warned_of() -> None:
    @workflow
    async def waiting() -> int:
        await asyncio.sleep(0.01)
        return await cases.count(1)

    with pytest.warns(ForeignAwaitWarning, match=r"test_running\.py:\d+ for something other than a step"):
        assert await waiting.start() == 2


@asynchronous
async def test_under_the_check_waiting_for_what_is_no_step_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALTPOINT_REPLAY_CHECK", "1")

    @workflow
    async def waiting() -> None:
        await asyncio.sleep(0.01)

    with pytest.raises(ModelError, match="other than a step"):
        await waiting.start()


@asynchronous
async def test_the_check_finds_a_body_that_takes_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALTPOINT_REPLAY_CHECK", "1")
    passes = 0

    @workflow
    async def fickle() -> int:
        nonlocal passes
        passes += 1
        return await cases.count(passes)

    with pytest.raises(WorkflowChangedError, match="another way"):
        await fickle.start()
    assert await cases.counting.start(3, db=InMemoryDatabase(), return_output=True)


@asynchronous
async def test_a_workflow_in_a_workflow_is_refused() -> None:
    @workflow
    async def outer() -> int:
        return await cases.counting(1)

    with pytest.raises(ModelError, match="can't be called in the body of a workflow"):
        await outer.start()
