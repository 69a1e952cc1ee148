"""`timeout=` bounds a whole call: the run, its handlers and listeners, all rounds of them, and waiting for people."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from haltpoint import (
    Agent,
    NotificationWarning,
    RunEvent,
    RunRequirement,
    RunTimeoutError,
    ScriptedModel,
    SqliteDatabase,
    UnresolvedRequirementsError,
    current_tool_call,
    tool,
)
from support.callbacks import FORMS, called_back, in_form
from support.replies import wants
from support.running import asynchronous, until

every_form = pytest.mark.parametrize("form", FORMS)

# Longer than any limit of a test, and not longer than a test may take.
_LONG = 30


class Acts:
    """A tool that must be confirmed, and what became of it."""

    def __init__(self) -> None:
        self.number = 0

    def agent(self, db: SqliteDatabase, rounds: int = 1, **options: Any) -> Agent:
        @tool(**{"requires_confirmation": True, **options})
        def act() -> str:
            """Act."""
            self.number += 1
            return "acted"

        return Agent(ScriptedModel([*[wants("act")] * rounds, "finished"]), db=db, tools=[act])


@pytest.fixture
def acts() -> Acts:
    return Acts()


class Hang:
    """A function that returns when the test lets it."""

    def __init__(self) -> None:
        self.entered, self.leave, self.left = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, *facts: Any) -> None:
        self.entered.set()
        assert self.leave.wait(_LONG)
        self.left.set()


@pytest.fixture
def hang() -> Iterator[Hang]:
    hang = Hang()
    yield hang
    hang.leave.set()


def _confirm(requirement: RunRequirement) -> None:
    requirement.confirm()


# Handlers


@pytest.mark.parametrize("handler", ["hitl_handler", "external_tool_executor"])
@asynchronous
async def test_a_plain_handler_that_hangs_is_left_behind(
    handler: str, db: SqliteDatabase, acts: Acts, hang: Hang
) -> None:
    external = {"requires_confirmation": False, "external_execution": True}
    agent = acts.agent(db, **(external if handler == "external_tool_executor" else {}))
    run_id = (await agent.do_async("Act.", return_output=True)).run_id
    again: dict[str, Any] = {"run_id": run_id, "timeout": 1, handler: hang}
    with pytest.raises(RunTimeoutError, match="still waits for a decision") as caught:
        await asyncio.wait_for(agent.continue_run_async(**again), _LONG)
    assert caught.value.timeout == 1
    assert caught.value.run_id == agent.run_id
    assert db.run(str(agent.run_id)).is_paused
    hang.leave.set()
    await until(hang.left)
    assert acts.number == 0


@every_form
def test_an_async_handler_is_stopped(form: str, db: SqliteDatabase, acts: Acts) -> None:
    ends: list[str] = []

    async def ask(requirement: RunRequirement) -> None:
        requirement.confirm()
        try:
            await asyncio.sleep(_LONG)
        finally:
            ends.append("stopped")

    agent = acts.agent(db)
    run_id = in_form(form, agent).run_id
    with pytest.raises(RunTimeoutError):
        in_form(form, agent, run_id=run_id, timeout=1, hitl_handler=ask)
    assert (ends, acts.number) == (["stopped"], 0)
    assert in_form(form, agent, run_id=agent.run_id, hitl_handler=_confirm).is_complete


def test_a_handler_in_the_calling_thread_that_returns_too_late_has_decided_nothing(
    db: SqliteDatabase, acts: Acts
) -> None:
    def ask(requirement: RunRequirement) -> None:
        requirement.confirm()
        threading.Event().wait(1.5)

    agent = acts.agent(db)
    run_id = in_form("do", agent).run_id
    with pytest.raises(RunTimeoutError):
        agent.continue_run(run_id=run_id, timeout=1, hitl_handler=ask)
    with pytest.raises(UnresolvedRequirementsError):
        agent.continue_run(run_id=agent.run_id)
    assert acts.number == 0


@asynchronous
async def test_what_a_handler_says_after_its_call_counts_when_it_is_committed_and_not_before(
    db: SqliteDatabase, acts: Acts
) -> None:
    entered, confirmed, commit, committed = (threading.Event() for _ in range(4))

    def ask(requirement: RunRequirement) -> None:
        entered.set()
        assert commit.wait(_LONG)
        requirement.confirm(by="ann")
        confirmed.set()
        commit.clear()
        assert commit.wait(_LONG)
        requirement.commit()
        committed.set()

    agent = acts.agent(db)
    await agent.do_async("Act.", return_output=True)
    with pytest.raises(RunTimeoutError):
        await agent.continue_run_async(run_id=agent.run_id, timeout=1, hitl_handler=ask)
    assert entered.is_set()
    commit.set()
    await until(confirmed)
    with pytest.raises(UnresolvedRequirementsError):
        await agent.continue_run_async(run_id=agent.run_id)
    output = agent.get_run_output()
    assert output is not None
    assert len(output.active_requirements) == 1
    assert acts.number == 0
    commit.set()
    await until(committed)
    assert await agent.continue_run_async(run_id=agent.run_id) == "finished"
    assert db.run(output.run_id).requirements[0].decided_by == "ann"


@asynchronous
async def test_a_draft_of_a_handler_whose_caller_was_cancelled_counts_no_more(db: SqliteDatabase, acts: Acts) -> None:
    drafted, leave = threading.Event(), threading.Event()

    def ask(requirement: RunRequirement) -> None:
        requirement.confirm()
        drafted.set()
        assert leave.wait(_LONG)

    agent = acts.agent(db)
    run = asyncio.create_task(agent.do_async("Act.", hitl_handler=ask))
    await until(drafted)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    leave.set()
    assert db.run(str(agent.run_id)).is_paused
    with pytest.raises(UnresolvedRequirementsError):
        await agent.continue_run_async(run_id=agent.run_id)
    assert acts.number == 0


@every_form
def test_a_draft_of_a_handler_that_raised_counts_no_more_and_a_new_one_does(
    form: str, db: SqliteDatabase, acts: Acts
) -> None:
    def ask(requirement: RunRequirement) -> None:
        requirement.confirm()
        raise ZeroDivisionError

    agent = acts.agent(db)
    with pytest.raises(ZeroDivisionError):
        in_form(form, agent, hitl_handler=ask)
    with pytest.raises(UnresolvedRequirementsError):
        in_form(form, agent, run_id=agent.run_id)
    output = agent.get_run_output()
    assert output is not None
    output.active_requirements[0].confirm()
    assert output.tools[0].confirmed
    assert in_form(form, agent, run_id=agent.run_id).is_complete
    assert acts.number == 1


@every_form
def test_all_rounds_share_one_limit(form: str, db: SqliteDatabase, acts: Acts) -> None:
    async def ask(requirement: RunRequirement) -> None:
        await asyncio.sleep(0.3)
        requirement.confirm()

    agent = acts.agent(db, rounds=20)
    with pytest.raises(RunTimeoutError) as caught:
        in_form(form, agent, timeout=0.5, hitl_handler=ask)
    assert caught.value.timeout == 0.5
    # Two of them take longer than the limit.
    assert acts.number <= 1


@every_form
def test_a_continued_run_has_a_limit_too(form: str, db: SqliteDatabase, acts: Acts) -> None:
    async def ask(requirement: RunRequirement) -> None:
        await asyncio.sleep(_LONG)

    agent = acts.agent(db)
    run_id = in_form(form, agent).run_id
    with pytest.raises(RunTimeoutError) as caught:
        in_form(form, agent, run_id=run_id, timeout=0.1, hitl_handler=ask)
    assert (caught.value.run_id, caught.value.timeout) == (run_id, 0.1)
    assert in_form(form, agent, run_id=run_id, hitl_handler=_confirm, timeout=_LONG).is_complete


def test_several_tasks_share_one_limit(db: SqliteDatabase, acts: Acts) -> None:
    async def ask(requirement: RunRequirement) -> None:
        await asyncio.sleep(0.3)
        requirement.confirm()

    with pytest.raises(RunTimeoutError) as caught:
        acts.agent(db).do(["Act."] * 20, timeout=0.5, hitl_handler=ask)
    assert caught.value.timeout == 0.5
    assert acts.number <= 1


@asynchronous
async def test_waiting_for_people_has_a_limit_too(db: SqliteDatabase, acts: Acts) -> None:
    agent = acts.agent(db)
    run_id = (await agent.do_async("Act.", return_output=True)).run_id
    with pytest.raises(RunTimeoutError, match="still waits") as caught:
        await agent.wait_and_continue_async(run_id, timeout=0.1)
    assert (caught.value.run_id, caught.value.timeout) == (run_id, 0.1)
    assert db.run(run_id).is_paused


@every_form
def test_a_limit_that_is_long_enough_changes_nothing(form: str, db: SqliteDatabase, acts: Acts) -> None:
    output = in_form(form, acts.agent(db, rounds=3), timeout=_LONG, hitl_handler=_confirm)
    assert (output.output, acts.number) == ("finished", 3)


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), SystemExit(3), KeyboardInterrupt()])
@every_form
def test_what_a_handler_raises_within_a_limit_reaches_the_caller_and_later_calls_work(
    form: str, error: BaseException, db: SqliteDatabase, acts: Acts
) -> None:
    def ask(requirement: RunRequirement) -> None:
        raise error

    agent = acts.agent(db)
    with pytest.raises(type(error)):
        in_form(form, agent, timeout=_LONG, hitl_handler=ask)
    assert in_form(form, agent, run_id=agent.run_id, hitl_handler=_confirm).is_complete


# Listeners, rules and reconcile functions


@pytest.mark.parametrize("kind", ["rule", "reconcile"])
def test_a_function_that_is_asked_while_the_run_is_driven_is_left_behind(
    kind: str, db: SqliteDatabase, hang: Hang
) -> None:
    with pytest.raises(RunTimeoutError):
        called_back(kind, "do_async", hang, db, timeout=1)
    assert hang.entered.is_set()
    assert db.runs()[0].is_cancelled


def test_a_pause_listener_that_hangs_is_left_behind(db: SqliteDatabase, hang: Hang) -> None:
    with pytest.raises(RunTimeoutError):
        called_back("on_pause", "do_async", hang, db, timeout=1)
    assert hang.entered.is_set()
    assert db.runs()[0].is_paused


def test_an_event_listener_that_hangs_is_left_behind_and_the_run_is_as_good_as_without_it(
    db: SqliteDatabase, hang: Hang
) -> None:
    output = called_back("on_event", "do_async", hang, db, timeout=1)
    assert hang.entered.is_set()
    assert output.is_complete


@asynchronous
async def test_a_listener_that_hangs_ends_with_its_caller(db: SqliteDatabase) -> None:
    entered = asyncio.Event()

    async def listen(event: Any) -> None:
        if event.kind == "run_completed":
            entered.set()
            await asyncio.Event().wait()

    agent = Agent(ScriptedModel(["finished"]), db=db, on_event=listen)
    run = asyncio.create_task(agent.do_async("Answer."))
    await asyncio.wait_for(entered.wait(), _LONG)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, _LONG)
    assert db.runs()[0].is_complete


@asynchronous
async def test_a_slow_listener_is_told_all_that_happened_to_a_run_that_ran_out_of_time(db: SqliteDatabase) -> None:
    told: list[str] = []

    async def listen(event: Any) -> None:
        await asyncio.sleep(0.01)
        told.append(event.kind)

    @tool
    async def stall() -> str:
        """Stall."""
        await asyncio.Event().wait()
        return ""

    agent = Agent(ScriptedModel([wants("stall")]), db=db, tools=[stall], on_event=listen)
    with pytest.raises(RunTimeoutError):
        await agent.do_async("Stall.", timeout=1)
    assert told[-1] == "run_cancelled"


# Tools


@every_form
def test_a_plain_tool_that_goes_on_for_long_is_left_behind_in_doubt(
    form: str, db: SqliteDatabase, hang: Hang, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("haltpoint.runtime.lifecycle.GRACE", 0.1)

    @tool
    def work() -> str:
        """Work."""
        hang()
        return "worked"

    agent = Agent(ScriptedModel([wants("work"), "finished"]), db=db, tools=[work])
    with pytest.raises(RunTimeoutError):
        in_form(form, agent, timeout=1)
    assert db.run(str(agent.run_id)).is_cancelled
    assert in_form(form, agent, run_id=agent.run_id).pause_reason == "recovery"


@every_form
def test_a_plain_tool_that_returns_a_little_late_keeps_its_result(form: str, db: SqliteDatabase) -> None:
    @tool
    def work() -> str:
        """Work until the run is cancelled."""
        while not current_tool_call().cancelled:
            threading.Event().wait(0.01)
        return "worked"

    agent = Agent(ScriptedModel([wants("work"), "finished"]), db=db, tools=[work])
    with pytest.raises(RunTimeoutError):
        in_form(form, agent, timeout=1)
    output = in_form(form, agent, run_id=agent.run_id)
    assert (output.output, output.tools[0].result) == ("finished", "worked")


@asynchronous
async def test_a_listener_that_hangs_is_left_behind_as_soon_as_the_time_is_over(db: SqliteDatabase, hang: Hang) -> None:
    agent = Agent(ScriptedModel(["answer"]), db=db, on_event=hang)
    began = time.monotonic()
    with pytest.warns(NotificationWarning, match="on_event did not return in time"):
        assert await agent.do_async("Answer.", timeout=0.5) == "answer"
    assert time.monotonic() - began < 1.5


@asynchronous
async def test_a_cancelled_call_waits_two_seconds_for_its_listener_however_it_gets_on(db: SqliteDatabase) -> None:
    def listen(event: RunEvent) -> None:
        time.sleep(0.9)

    agent = Agent(ScriptedModel(["answer"]), db=db, on_event=listen)
    began = time.monotonic()
    with pytest.warns(NotificationWarning, match="on_event did not return"), pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(agent.do_async("Answer."), 0.2)
    assert 2 < time.monotonic() - began < 2.8


def test_no_warning_of_a_listener_is_lost_when_it_is_left_behind(db: SqliteDatabase, hang: Hang) -> None:
    with pytest.warns(NotificationWarning, match="on_event did not return in time"):
        called_back("on_event", "do_async", hang, db, timeout=1)
