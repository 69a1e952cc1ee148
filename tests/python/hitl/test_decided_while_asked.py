"""A person decides elsewhere while a handler is asked, or something that the run calls continues it: it is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InMemoryDatabase,
    RunRequirement,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    tool,
)
from support.programs import run_program
from support.replies import results_in, wants, wants_all
from support.running import asynchronous


@tool(requires_confirmation=True)
def act(x: int) -> str:
    """Act."""
    return f"acted {x}"


@tool(requires_user_input=True, user_input_fields=["x"])
def ask(x: int) -> str:
    """Ask."""
    return f"asked {x}"


@tool(requires_confirmation=True, approvals=2)
def act_with_two(x: int) -> str:
    """Act."""
    return f"acted {x}"


@tool(external_execution=True)
def act_elsewhere(x: int) -> str:
    """Act."""
    return f"acted {x}"


def acting(db: Any, name: str, calls: int = 1, **options: Any) -> Agent:
    last = ScriptedModel(
        [
            wants_all(*((name, {"x": x}) for x in range(calls))) if calls > 1 else wants(name, x=0),
            lambda request: "; ".join(map(str, results_in(request))),
        ]
    )
    return Agent(last, db=db, tools=[act, ask, act_with_two, act_elsewhere], **options)


def confirmed(requirement: RunRequirement) -> None:
    requirement.confirm(by="boss")


ELSEWHERE: dict[str, tuple[str, Callable[[RunRequirement], Any], str]] = {
    "a confirmation": ("act", confirmed, "acted 0"),
    "an answer": ("ask", lambda item: item.answer({"x": 7}), "asked 7"),
    "a result": ("act_elsewhere", lambda item: item.set_external_execution_result("done there"), "done there"),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_decided_elsewhere_while_the_handler_is_asked_counts(name: str) -> None:
    function, decide, result = ELSEWHERE[name]
    db = InMemoryDatabase()

    def tell_people(requirement: RunRequirement) -> None:
        other = db.requirement(requirement.id)
        decide(other)
        other.commit()

    output = acting(db, function).do("Act.", hitl_handler=tell_people, return_output=True)
    assert (output.status, output.output) == (RunStatus.completed, result)


def test_what_another_process_decides_counts(tmp_path: Path) -> None:
    program = tmp_path / "boss.py"
    program.write_text(
        "import sys\n"
        "from haltpoint import SqliteDatabase\n"
        "with SqliteDatabase(sys.argv[1]) as db:\n"
        "    (requirement,) = db.requirements()\n"
        "    requirement.confirm(by='boss')\n"
        "    requirement.commit()\n"
    )
    file = tmp_path / "runs.db"

    def tell_people(_: RunRequirement) -> None:
        run_program(program, str(file), cwd=tmp_path)

    with SqliteDatabase(file) as db:
        output = acting(db, "act").do("Act.", hitl_handler=tell_people, return_output=True)
        assert output.output == "acted 0"
        assert [item.decided_by for item in output.requirements] == ["boss"]


def test_who_decides_all_at_once_is_asked_once() -> None:
    db = InMemoryDatabase()
    asked: list[str] = []

    def decide_all(requirement: RunRequirement) -> None:
        asked.append(requirement.id)
        for item in db.requirements():
            item.confirm()
            item.commit()

    assert acting(db, "act", 2).do("Act.", hitl_handler=decide_all) == "acted 0; acted 1"
    assert len(asked) == 1


def test_another_approval_from_elsewhere_counts_and_the_handler_is_asked_for_the_next() -> None:
    db = InMemoryDatabase()
    asked: list[int] = []

    def decide(requirement: RunRequirement) -> None:
        asked.append(len(requirement.approvals))
        other = db.requirement(requirement.id)
        other.confirm(by=f"person {len(asked)}")
        other.commit()

    output = acting(db, "act_with_two").do("Act.", hitl_handler=decide, return_output=True)
    assert (output.output, asked) == ("acted 0", [0, 1])


def test_one_that_stays_undecided_stays_paused() -> None:
    db = InMemoryDatabase()
    output = acting(db, "act", 2).do("Act.", hitl_handler=lambda _: None, return_output=True)
    assert output.status == RunStatus.paused
    assert len(db.requirements()) == 2


@asynchronous
async def test_a_run_that_goes_on_elsewhere_is_returned_as_it_stands() -> None:
    begun, leave = asyncio.Event(), asyncio.Event()

    @tool(requires_confirmation=True)
    async def wait() -> str:
        begun.set()
        await leave.wait()
        return "waited"

    db = InMemoryDatabase()
    agent = Agent(ScriptedModel([wants("wait"), "END"]), db=db, tools=[wait])
    others: list[asyncio.Task[Any]] = []

    async def hand_on(requirement: RunRequirement) -> None:
        other = db.requirement(requirement.id)
        other.confirm()
        await other
        others.append(asyncio.create_task(agent.continue_run_async(run_id=requirement.run_id)))
        await begun.wait()

    output = await agent.do_async("Wait.", hitl_handler=hand_on, return_output=True)
    assert output.status == RunStatus.running
    leave.set()
    assert await others[0] == "END"


def continue_here(agent: Agent, run_id: str | None, db: InMemoryDatabase) -> None:
    for item in db.requirements():
        item.confirm()
        item.commit()
    agent.continue_run(run_id=run_id)


def test_a_run_that_its_handler_continues_is_returned_as_it_ended() -> None:
    db = InMemoryDatabase()
    agent = acting(db, "act")
    output = agent.do("Act.", hitl_handler=lambda item: continue_here(agent, item.run_id, db), return_output=True)
    assert (output.status, output.output) == (RunStatus.completed, "acted 0")


def test_a_run_that_on_pause_continues_is_returned_as_it_ended() -> None:
    db = InMemoryDatabase()

    def go_on(output: AgentRunOutput) -> None:
        continue_here(agent, output.run_id, db)

    agent = acting(db, "act", on_pause=go_on)
    assert agent.do("Act.") == "acted 0"


def test_a_run_that_a_listener_continues_is_returned_as_it_ended() -> None:
    db = InMemoryDatabase()

    def go_on(event: Any) -> None:
        if event.kind == "run_paused":
            continue_here(agent, event.run_id, db)

    agent = acting(db, "act", on_event=go_on)
    assert agent.do("Act.") == "acted 0"


def test_what_makes_it_fail_there_is_raised() -> None:
    from haltpoint import HaltpointError

    db = InMemoryDatabase()

    def go_on(output: AgentRunOutput) -> None:
        with pytest.raises(HaltpointError):
            continue_here(agent, output.run_id, db)

    agent = Agent(ScriptedModel([wants("act", x=1)]), db=db, tools=[act], on_pause=go_on)
    with pytest.raises(HaltpointError):
        agent.do("Act.")
