"""Validators of a tool's parameters that never return while a decision is checked: they hold their own call alone.

Annotations are no text here: those of tools within functions could not be evaluated then.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from haltpoint import Agent, RunRequirement, RunTimeoutError, ScriptedModel, SqliteDatabase, cancel_run, tool
from haltpoint.worker.worker import Worker
from support.callbacks import FORMS, in_form
from support.command import CommandLine
from support.replies import wants, wants_all
from support.running import asynchronous, until

_LONGEST = 20.0

# Less than a validator hangs.
_SOON = 8.0

Decide = Callable[[RunRequirement], None]


class Hanging:
    """A validator that hangs once, the next time that it is called after it was armed, until it is released."""

    def __init__(self) -> None:
        self.armed = False
        self.begun = threading.Event()
        self.released = threading.Event()

    def __call__(self, value: str) -> str:
        if self.armed:
            self.armed = False
            self.begun.set()
            self.released.wait(_LONGEST)
        return value


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """A validator that is let go of in the end."""
    validator = Hanging()
    yield validator
    validator.released.set()


def tools_with(hanging: Hanging) -> list[Any]:
    @tool(requires_confirmation=True)
    def pay(to: Annotated[str, AfterValidator(hanging)]) -> str:
        """Pay somebody."""
        return f"paid {to}"

    @tool(requires_user_input=True, user_input_fields=["to"])
    def ask(to: Annotated[str, AfterValidator(hanging)]) -> str:
        """Ask for a name."""
        return f"heard {to}"

    return [pay, ask]


def approve(requirement: RunRequirement) -> None:
    requirement.confirm()


def change(requirement: RunRequirement) -> None:
    requirement.confirm(tool_args={"to": "bob"})


def fill_in(requirement: RunRequirement) -> None:
    (field,) = requirement.user_input_schema or ()
    field["value"] = "bob"


CALLS = {approve: wants("pay", to="ann"), change: wants("pay", to="ann"), fill_in: wants("ask")}
each_decision = pytest.mark.parametrize("decide", CALLS, ids=lambda decide: decide.__name__)


def agent_for(decide: Decide, hanging: Hanging, db: SqliteDatabase) -> Agent:
    return Agent(ScriptedModel([CALLS[decide], "finished"]), db=db, tools=tools_with(hanging))


async def another_run(db: SqliteDatabase) -> None:
    answer = await asyncio.wait_for(Agent(ScriptedModel(["fine"]), db=db).do_async("Another."), _LONGEST)
    assert answer == "fine"


@each_decision
@pytest.mark.parametrize("by_handler", [False, True], ids=["before", "handler"])
@asynchronous
async def test_continuing_holds_up_no_other_run_and_ends_by_its_time_limit(
    db: SqliteDatabase, hanging: Hanging, decide: Decide, by_handler: bool
) -> None:
    agent = agent_for(decide, hanging, db)
    output = await agent.do_async("Act.", return_output=True)

    def handle(requirement: RunRequirement) -> None:
        decide(requirement)
        hanging.armed = True

    if not by_handler:
        handle(output.requirements[0])
    handler = handle if by_handler else None
    run = asyncio.create_task(agent.continue_run_async(run_id=output.run_id, timeout=1.0, hitl_handler=handler))
    await until(hanging.begun)
    await another_run(db)
    assert not run.done()
    with pytest.raises(RunTimeoutError, match="a validator of its tools had not returned") as caught:
        await asyncio.wait_for(run, _LONGEST)
    assert (caught.value.run_id, caught.value.timeout) == (output.run_id, 1.0)
    assert db.run(output.run_id).is_paused
    # The validator still hangs, and holds nothing.
    assert not hanging.released.is_set()
    other = agent_for(decide, hanging, db)
    continued = await other.continue_run_async(run_id=output.run_id, hitl_handler=decide, return_output=True)
    assert continued.is_complete


@each_decision
@pytest.mark.parametrize("form", FORMS)
def test_the_limit_holds_in_each_form(db: SqliteDatabase, hanging: Hanging, decide: Decide, form: str) -> None:
    agent = agent_for(decide, hanging, db)
    output = in_form(form, agent)
    decide(output.requirements[0])
    hanging.armed = True
    with pytest.raises(RunTimeoutError):
        in_form(form, agent, run_id=output.run_id, timeout=0.2)
    # What was said still counts: nothing was wrong with it.
    assert in_form(form, agent, run_id=output.run_id).is_complete


@pytest.mark.parametrize("decide", [change, fill_in], ids=lambda decide: decide.__name__)
@asynchronous
async def test_committing_holds_up_no_other_run(db: SqliteDatabase, hanging: Hanging, decide: Decide) -> None:
    output = await agent_for(decide, hanging, db).do_async("Act.", return_output=True)
    (requirement,) = output.requirements
    decide(requirement)
    hanging.armed = True

    async def commit() -> None:
        await requirement

    committing = asyncio.create_task(commit())
    await until(hanging.begun)
    await another_run(db)
    assert requirement.decision is None
    hanging.released.set()
    await asyncio.wait_for(committing, _LONGEST)
    assert requirement.decision is not None


@asynchronous
async def test_a_commit_that_is_cancelled_decides_nothing(db: SqliteDatabase, hanging: Hanging) -> None:
    output = await agent_for(change, hanging, db).do_async("Act.", return_output=True)
    (requirement,) = output.requirements
    change(requirement)
    hanging.armed = True

    async def commit() -> None:
        await requirement

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(commit(), 0.2)
    hanging.released.set()
    assert db.requirement(requirement.id).decision is None
    await requirement
    assert requirement.decision is not None


@asynchronous
async def test_a_caller_who_is_cancelled_leaves_the_run_free(db: SqliteDatabase, hanging: Hanging) -> None:
    agent = agent_for(approve, hanging, db)
    output = await agent.do_async("Act.", return_output=True)
    approve(output.requirements[0])
    hanging.armed = True
    run = asyncio.create_task(agent.continue_run_async(run_id=output.run_id))
    await until(hanging.begun)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, _LONGEST)
    assert await agent_for(approve, hanging, db).continue_run_async(run_id=output.run_id) == "finished"


class Driven:
    """A run that is driven while two of its calls wait for a person; its tool `wait` ends on a word."""

    def __init__(self, hanging: Hanging, db: SqliteDatabase) -> None:
        self.has_begun, self.may_end, self.called = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.paid: list[str] = []

        @tool
        async def wait() -> str:
            """Wait."""
            self.has_begun.set()
            await self.may_end.wait()
            return "waited"

        @tool(requires_confirmation=True)
        async def pay(to: Annotated[str, AfterValidator(hanging)]) -> str:
            """Pay somebody."""
            self.paid.append(to)
            if len(self.paid) == 2:
                self.called.set()
            return f"paid {to}"

        calls = wants_all(("wait", {}), ("pay", {"to": "ann"}), ("pay", {"to": "bob"}))
        self.db = db
        self.agent = Agent(ScriptedModel([calls, "finished"]), db=db, tools=[wait, pay])

    async def approve(self, name: str) -> None:
        [found] = [item for item in self.db.requirements() if item.tool_execution.tool_args["to"] == name]
        found.confirm()
        await found


@asynchronous
async def test_what_others_decide_meanwhile_is_checked_apart_and_in_order(db: SqliteDatabase, hanging: Hanging) -> None:
    driven = Driven(hanging, db)
    run = asyncio.create_task(driven.agent.do_async("Act.", return_output=True))
    await asyncio.wait_for(driven.has_begun.wait(), _LONGEST)
    hanging.armed = True
    await driven.approve("ann")
    await until(hanging.begun)
    await driven.approve("bob")
    await another_run(db)
    assert driven.paid == []
    hanging.released.set()
    await asyncio.wait_for(driven.called.wait(), _LONGEST)
    assert driven.paid == ["ann", "bob"]
    driven.may_end.set()
    assert (await asyncio.wait_for(run, _LONGEST)).is_complete


@asynchronous
async def test_a_cancellation_does_not_wait_for_what_came_before_it(db: SqliteDatabase, hanging: Hanging) -> None:
    driven = Driven(hanging, db)
    run = asyncio.create_task(driven.agent.do_async("Act.", return_output=True))
    await asyncio.wait_for(driven.has_begun.wait(), _LONGEST)
    hanging.armed = True
    await driven.approve("ann")
    await until(hanging.begun)
    run_id = db.requirements()[0].run_id
    assert run_id is not None
    assert db.cancel(run_id, interrupt=True)
    output = await asyncio.wait_for(run, _LONGEST)
    assert output.is_cancelled
    assert not hanging.released.is_set()
    assert driven.paid == []


# While a run is taken up


async def taken_up(agent: Agent, hanging: Hanging) -> tuple[str, asyncio.Task[Any]]:
    """A run whose approved call is checked before it goes on, which hangs."""
    output = await agent.do_async("Act.", return_output=True)
    approve(output.requirements[0])
    hanging.armed = True
    run = asyncio.create_task(agent.continue_run_async(run_id=output.run_id, return_output=True))
    await until(hanging.begun)
    return output.run_id, run


def by_the_database(db: SqliteDatabase, run_id: str) -> bool:
    return db.cancel(run_id, by="ann")


def by_its_id(db: SqliteDatabase, run_id: str) -> bool:
    return cancel_run(run_id)


def by_another_process(db: SqliteDatabase, run_id: str) -> bool:
    return CommandLine(Path(db.db_file))("cancel", run_id).code == 0


@pytest.mark.parametrize("cancel", [by_the_database, by_its_id, by_another_process])
@asynchronous
async def test_a_run_is_cancelled_while_its_take_up_hangs(
    db: SqliteDatabase, hanging: Hanging, cancel: Callable[[SqliteDatabase, str], bool]
) -> None:
    agent = agent_for(approve, hanging, db)
    run_id, run = await taken_up(agent, hanging)
    assert await asyncio.to_thread(cancel, db, run_id)
    assert db.run(run_id).is_cancelled
    assert (await asyncio.wait_for(run, _SOON)).is_cancelled
    assert not hanging.released.is_set()
    assert await agent_for(approve, hanging, db).continue_run_async(run_id=run_id) == "finished"


@asynchronous
async def test_what_is_decided_while_the_take_up_hangs_counts(db: SqliteDatabase, hanging: Hanging) -> None:
    calls = wants_all(("pay", {"to": "ann"}), ("pay", {"to": "bob"}))
    agent = Agent(ScriptedModel([calls, "finished"]), db=db, tools=tools_with(hanging))
    output = await agent.do_async("Act.", return_output=True)
    approve(output.requirements[0])
    hanging.armed = True
    run = asyncio.create_task(agent.continue_run_async(run_id=output.run_id, return_output=True))
    await until(hanging.begun)
    (other,) = db.requirements()
    other.reject("no", by="bob")
    await other
    hanging.released.set()
    ended = await asyncio.wait_for(run, _LONGEST)
    assert (ended.is_complete, [item.decision and item.decision["type"] for item in ended.requirements]) == (
        True,
        ["confirm", "reject"],
    )


@asynchronous
async def test_a_worker_that_is_stopped_waits_for_no_validator(db: SqliteDatabase, hanging: Hanging) -> None:
    agent = Agent(ScriptedModel([CALLS[approve], "finished"]), name="payer", db=db, tools=tools_with(hanging))
    output = await agent.do_async("Act.", return_output=True)
    (requirement,) = db.requirements()
    approve(requirement)
    await requirement
    hanging.armed = True
    worker = Worker([agent], grace=1.0)
    working = asyncio.create_task(worker.run())
    await until(hanging.begun)
    worker.stop()
    await asyncio.wait_for(working, _SOON)
    assert not hanging.released.is_set()
    assert db.run(output.run_id).is_paused
    assert await agent_for(approve, hanging, db).continue_run_async(run_id=output.run_id) == "finished"
