"""What a decision promises, whatever else is decided, asked or given with it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from annotated_types import Ge
from pydantic import AfterValidator, Field

from haltpoint import (
    Agent,
    InvalidResolutionError,
    ModelReply,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    UnresolvedRequirementsError,
    cancel_run,
    current_tool_call,
    tool,
)
from support.running import asynchronous

ran: list[Any] = []


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    ran.append(amount)
    return f"paid {amount}"


@tool(requires_user_input=True, user_input_fields=["seats", "code"])
def book(seats: Annotated[int, Ge(1)], code: Annotated[str, Field(pattern="^[A-Z]{3}$")]) -> str:
    """Book."""
    ran.append((seats, code))
    return "booked"


@tool(requires_confirmation=True)
async def dig(depth: int) -> str:
    """Begin to dig, and stop the run in the middle of it."""
    ran.append(depth)
    cancel_run(current_tool_call().run_id, interrupt=True)
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


def _agent(db: SqliteDatabase, *calls: ToolCall) -> Agent:
    return Agent(ScriptedModel([ModelReply(tool_calls=list(calls)), "done"]), db=db, tools=[pay, book, dig])


def _kinds(db: SqliteDatabase, run_id: str) -> list[str]:
    return [entry["kind"] for entry in db.journal(run_id)]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_of_several_changed_arguments_nothing_is_written_when_one_is_invalid(db: SqliteDatabase, bad: int) -> None:
    calls = [ToolCall("pay", {"amount": amount}, id=f"call {amount}") for amount in range(3)]
    agent = _agent(db, *calls)
    output = agent.do("Pay.", return_output=True)
    requirements = output.active_requirements
    for place, requirement in enumerate(requirements):
        requirement.confirm(tool_args={"amount": "much" if place == bad else 10 + place})
    with pytest.raises(InvalidResolutionError):
        agent.continue_run(run_id=output.run_id, requirements=requirements)
    assert "requirement_decided" not in _kinds(db, output.run_id)
    assert len(db.requirements()) == 3
    assert ran == []


@pytest.mark.parametrize(
    "values", [{"seats": 0, "code": "ABC"}, {"seats": -1, "code": "ABC"}, {"seats": 2, "code": "abc"}]
)
def test_what_a_person_gives_is_held_against_the_constraints_of_the_parameter(
    db: SqliteDatabase, values: dict[str, Any]
) -> None:
    agent = _agent(db, ToolCall("book", {"seats": 1, "code": "AAA"}))
    output = agent.do("Book.", return_output=True)
    (requirement,) = output.active_requirements

    def give() -> None:
        requirement.answer(values)
        agent.continue_run(run_id=output.run_id, requirements=[requirement])

    with pytest.raises(InvalidResolutionError):
        give()
    assert ran == []
    assert "requirement_decided" not in _kinds(db, output.run_id)
    (requirement,) = db.requirements()
    requirement.answer({"seats": 2, "code": "ABC"})
    assert agent.continue_run(run_id=output.run_id, requirements=[requirement]) == "done"
    assert ran == [(2, "ABC")]


@pytest.mark.parametrize("decided", ["by both", "elsewhere"])
@asynchronous
async def test_two_tasks_that_await_one_requirement_keep_its_original_arguments(
    db: SqliteDatabase, decided: str
) -> None:
    agent = _agent(db, ToolCall("pay", {"amount": 1}))
    output = await agent.do_async("Pay.", return_output=True)
    (requirement,) = output.active_requirements
    deciding = requirement if decided == "by both" else (await db.requirements_async())[0]
    if decided == "by both":
        deciding.confirm(tool_args={"amount": 2})

    async def wait() -> RunRequirement:
        return await requirement

    waiting = [asyncio.create_task(wait()) for _ in range(2)]
    if decided == "elsewhere":
        await asyncio.sleep(0)
        deciding.confirm(tool_args={"amount": 2})
        await deciding
    assert await asyncio.wait_for(asyncio.gather(*waiting), 20) == [requirement] * 2
    call = requirement.tool_execution
    assert (call.tool_args, call.original_tool_args, call.defaulted) == ({"amount": 2}, {"amount": 1}, [])
    assert call.changed_by_person
    assert requirement.decision == {"type": "confirm", "tool_args": {"amount": 2}}
    assert _kinds(db, output.run_id).count("requirement_decided") == 1
    assert await agent.continue_run_async(run_id=output.run_id) == "done"
    assert ran == [2]


def _of_its_call(requirement: RunRequirement, **said: Any) -> dict[str, Any]:
    """What a program that keeps calls, and no requirements, sends back."""
    data = requirement.to_dict()
    return {"kind": data["kind"], "run_id": data["run_id"], "tool_execution": data["tool_execution"], **said}


def test_a_decision_given_by_the_id_of_a_call_goes_to_the_requirement_that_is_open(db: SqliteDatabase) -> None:
    agent = _agent(db, ToolCall("dig", {"depth": 3}))
    run_id = agent.do("Dig.", return_output=True).run_id

    def open_one() -> RunRequirement:
        output = agent.continue_run(run_id=run_id, return_output=True, hitl_handler=lambda _: None)
        (requirement,) = output.active_requirements
        return requirement

    (requirement,) = db.requirements()
    agent.continue_run(run_id=run_id, requirements=[_of_its_call(requirement, confirmation=True)], return_output=True)
    agent.continue_run(
        run_id=run_id, requirements=[_of_its_call(open_one(), recovery_draft={"type": "retry"})], return_output=True
    )
    supplied = _of_its_call(open_one())
    supplied["tool_execution"]["result"] = "dug by hand"
    assert agent.continue_run(run_id=run_id, requirements=[supplied]) == "done"
    decided = [(item.kind, item.decision) for item in db.run(run_id).requirements]
    assert decided == [
        ("confirmation", {"type": "confirm"}),
        ("recovery", {"type": "retry"}),
        ("recovery", {"type": "supply", "content": "dug by hand"}),
    ]
    assert ran == [3, 3]


@asynchronous
async def test_two_decisions_on_one_requirement_are_two(db: SqliteDatabase) -> None:
    @tool(requires_confirmation=True, approvals=2)
    def wipe() -> str:
        """Wipe."""
        ran.append("wiped")
        return "wiped"

    agent = Agent(ScriptedModel([ModelReply(tool_calls=[ToolCall("wipe", {})]), "done"]), db=db, tools=[wipe])
    output = await agent.do_async("Wipe.", return_output=True)
    ann, bob = *db.requirements(), *db.requirements()
    assert ann.id == bob.id
    assert ann != bob
    ann.confirm(by="ann")
    bob.reject("no", by="bob")

    # gather awaits what is equal once.
    await asyncio.gather(ann, bob)

    assert [(record.by, record.action) for record in db.audit(output.run_id)] == [
        ("ann", "confirmed"),
        ("bob", "rejected"),
    ]
    await agent.continue_run_async(run_id=output.run_id)
    assert ran == []


limit = 100


def within_limit(euros: int) -> int:
    if euros > limit:
        raise ValueError(f"more than {limit}")
    return euros


@pytest.mark.parametrize("held", [True, False], ids=["object held", "object dropped"])
@pytest.mark.parametrize("approvals", [1, 2])
def test_a_decision_that_was_refused_counts_never(
    db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, approvals: int, *, held: bool
) -> None:
    @tool(requires_confirmation=True, approvals=approvals)
    def wire(euros: Annotated[int, AfterValidator(within_limit)]) -> str:
        """Wire."""
        ran.append(euros)
        return "wired"

    agent = Agent(ScriptedModel([ModelReply(tool_calls=[ToolCall("wire", {"euros": 5})]), "done"]), db=db, tools=[wire])
    output = agent.do("Wire.", return_output=True)
    (asked,) = output.requirements
    refused = db.requirement(asked.id)
    refused.confirm(tool_args={"euros": 500}, by="ann")
    with pytest.raises(InvalidResolutionError, match="more than 100"):
        refused.commit()
    assert not refused.is_resolved
    if not held:
        del refused
    monkeypatch.setitem(globals(), "limit", 1000)

    with pytest.raises(UnresolvedRequirementsError):
        agent.continue_run(run_id=output.run_id)
    assert (ran, db.requirement(asked.id).approvals) == ([], [])

    for person in ("bob", "carol")[:approvals]:
        decided = db.requirement(asked.id)
        decided.confirm(by=person)
        decided.commit()
    assert agent.continue_run(run_id=output.run_id) == "done"
    assert ran == [5]


def test_a_decision_that_was_refused_does_not_block_a_better_one(db: SqliteDatabase) -> None:
    agent = _agent(db, ToolCall("pay", {"amount": 5}), ToolCall("book", {}))
    output = agent.do("Pay.", return_output=True)
    payment, booking = sorted(db.requirements(), key=lambda requirement: requirement.kind)
    payment.confirm(tool_args={"amount": "7"}, by="ann")
    with pytest.raises(InvalidResolutionError):
        payment.commit()
    for field in booking.user_input_schema or ():
        field["value"] = "?"
    with pytest.raises(InvalidResolutionError):
        booking.commit()

    payment, booking = sorted(db.requirements(), key=lambda requirement: requirement.kind)
    payment.confirm(tool_args={"amount": 7}, by="ann")
    payment.commit()
    booking.answer({"seats": 2, "code": "ABC"}, by="ann")
    booking.commit()

    assert agent.continue_run(run_id=output.run_id) == "done"
    assert sorted(ran, key=str) == [(2, "ABC"), 7]


@pytest.mark.parametrize(
    "changed",
    [
        {"confirmation_draft": {"remember": {"scope": "all"}}},
        {"confirmation_draft": {"remember": {"scope": "run", "with_arguments": "yes"}}},
        {"confirmation_draft": {"remember": {"scope": "run", "for": "ever"}}},
        {"kind": "user_input"},
        {"kind": "recovery"},
    ],
)
def test_data_that_says_something_else_decides_nothing(db: SqliteDatabase, changed: dict[str, Any]) -> None:
    agent = _agent(db, ToolCall("pay", {"amount": 5}))
    output = agent.do("Pay.", return_output=True)
    data = {**output.requirements[0].to_dict(), "confirmation": True, **changed}
    with pytest.raises(InvalidResolutionError):
        agent.continue_run(run_id=output.run_id, requirements=[data])
    assert ran == []


def test_an_answer_that_is_no_data_is_refused(db: SqliteDatabase) -> None:
    agent = _agent(db, ToolCall("book", {}))
    (requirement,) = agent.do("Book.", return_output=True).requirements
    with pytest.raises(InvalidResolutionError, match="code"):
        requirement.answer({"seats": 2, "code": (letter for letter in "ABC")})
    assert not requirement.is_resolved
