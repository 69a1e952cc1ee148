"""Several people must confirm: counted where they are written down, shown as they come."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InvalidResolutionError,
    RequirementConflictError,
    RunNotCompletedWarning,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    UnresolvedRequirementsError,
    tool,
)
from support.programs import Program
from support.replies import results_in, wants
from support.running import asynchronous


@tool(requires_confirmation=True, approvals=2)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def agent(db: SqliteDatabase) -> Agent:
    return Agent(
        ScriptedModel([wants("pay", amount=500), lambda request: str(results_in(request)[-1])]), db=db, tools=[pay]
    )


async def paused(db: SqliteDatabase) -> tuple[AgentRunOutput, RunRequirement]:
    output = await agent(db).do_async("Work.", return_output=True)
    return output, output.requirements[0]


async def approve(db: SqliteDatabase, by: str, **options: Any) -> RunRequirement:
    (requirement,) = db.requirements(open_only=False)
    requirement.confirm(by=by, **options)
    return await requirement


@asynchronous
async def test_two_people_let_the_call_run(db: SqliteDatabase) -> None:
    output, _ = await paused(db)
    await approve(db, "ann")
    await approve(db, "bob")
    assert await agent(db).continue_run_async(run_id=output.run_id, requirements=[]) == "paid 500"
    decided = db.run(output.run_id).requirements[0]
    assert decided.decided_by == "ann, bob"


@asynchronous
async def test_one_of_two_is_not_enough_and_is_shown(db: SqliteDatabase) -> None:
    output, waiting = await paused(db)
    assert (waiting.approvals_needed, waiting.approvals) == (2, [])
    approved = await approve(db, "ann")
    assert approved.decision is None
    assert not approved.is_resolved
    (found,) = db.requirements()
    assert [(item["by"], item["decision"]) for item in found.approvals] == [("ann", {"type": "confirm"})]
    with pytest.raises(UnresolvedRequirementsError, match="2 different people must confirm, and 1 did"):
        await agent(db).continue_run_async(run_id=output.run_id, requirements=[])


@asynchronous
async def test_the_same_person_counts_once(db: SqliteDatabase) -> None:
    await paused(db)
    await approve(db, "ann")
    again = await approve(db, "ann")
    assert [item["by"] for item in again.approvals] == ["ann"]
    assert len(db.requirements()) == 1


@pytest.mark.parametrize("by", ["ann ", "\tann", "\u00a0ann\n"])
@asynchronous
async def test_blanks_around_a_name_make_nobody_else_of_it(db: SqliteDatabase, by: str) -> None:
    await paused(db)
    await approve(db, "ann")
    again = await approve(db, by)
    assert [item["by"] for item in again.approvals] == ["ann"]
    assert again.decision is None


@asynchronous
async def test_whoever_brings_one_of_two_approvals_is_told_that_one_is_missing(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.confirm(by="ann")
    with pytest.raises(UnresolvedRequirementsError, match="2 different people must confirm, and 1 did"):
        await agent(db).continue_run_async(run_id=output.run_id, requirements=[requirement])


@asynchronous
async def test_one_rejection_rejects(db: SqliteDatabase) -> None:
    output, _ = await paused(db)
    await approve(db, "ann")
    (requirement,) = db.requirements()
    requirement.reject("too much", by="bob")
    await requirement
    answer = await agent(db).continue_run_async(run_id=output.run_id, requirements=[])
    assert "rejected" in answer
    with pytest.raises(RequirementConflictError):
        await approve(db, "cid")


@asynchronous
async def test_whoever_confirms_says_who_they_are(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.confirm()
    with pytest.raises(InvalidResolutionError, match="who they are") as caught:
        await requirement
    assert caught.value.field_name == "by"
    requirement.confirm()
    with pytest.raises(InvalidResolutionError, match="who they are"):
        await agent(db).continue_run_async(run_id=output.run_id)


@asynchronous
async def test_all_confirm_the_same_arguments(db: SqliteDatabase) -> None:
    output, _ = await paused(db)
    await approve(db, "ann", tool_args={"amount": 5})
    with pytest.raises(RequirementConflictError, match="confirm the same or reject") as caught:
        await approve(db, "bob")
    assert caught.value.decided_by == "ann"
    assert "approved by ann" in str(caught.value) and '{"amount": 5}' in str(caught.value)
    assert "1 more must approve the same" in str(caught.value)
    (waiting,) = db.requirements()
    assert waiting.approvals[0]["decision"]["tool_args"] == {"amount": 5}
    assert waiting.approvals[0]["tool_args"] == {"amount": 5}
    assert waiting.tool_execution.tool_args == {"amount": 5}
    assert waiting.tool_execution.original_tool_args == {"amount": 500}
    await approve(db, "bob", tool_args={"amount": 5})
    answer = await agent(db).continue_run_async(run_id=output.run_id, requirements=[])
    assert answer.endswith("paid 5")


@asynchronous
async def test_one_object_serves_two_people(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.confirm(by="ann")
    await requirement
    assert requirement.draft_decision() is None
    requirement.confirm(by="bob")
    assert await agent(db).continue_run_async(run_id=output.run_id) == "paid 500"


@asynchronous
async def test_whoever_waits_waits_for_the_last_one(db: SqliteDatabase) -> None:
    _, requirement = await paused(db)
    waiting = asyncio.create_task(asyncio.wait_for(requirement, 20))
    await approve(db, "ann")
    await approve(db, "bob")
    assert (await waiting).decided_by == "ann, bob"


APPROVING = """
import asyncio, sys
from haltpoint import SqliteDatabase
from support.programs import tell

async def main():
    with SqliteDatabase(sys.argv[1]) as db:
        (requirement,) = db.requirements()
        requirement.confirm(by=sys.argv[2])
        tell("ready")
        sys.stdin.readline()
        await requirement
        tell({"decided": requirement.decision is not None})

asyncio.run(main())
"""


def test_processes_that_confirm_at_once_are_all_counted(db_file: Path, tmp_path: Path) -> None:
    with SqliteDatabase(db_file) as db:
        asyncio.run(paused(db))
        program = tmp_path / "approving.py"
        program.write_text(APPROVING)
        with (
            Program(program, str(db_file), "ann", cwd=tmp_path) as first,
            Program(program, str(db_file), "bob", cwd=tmp_path) as second,
        ):
            for process in (first, second):
                assert process.hear() == "ready"
            for process in (first, second):
                process.say("go")
            told = [process.finish().last for process in (first, second)]
        assert {"decided": True} in told
        (decided,) = db.requirements(open_only=False)
        assert {item["by"] for item in decided.approvals} == {"ann", "bob"}
        assert decided.decision == {"type": "confirm"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"approvals": 2}, "approvals needs requires_confirmation"),
        ({"external_execution": True, "approvals": 2}, "approvals needs requires_confirmation"),
        ({"requires_confirmation": True, "approvals": 0}, "at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_decoration(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        tool(**options)(lambda amount: amount)


@pytest.mark.parametrize("changed", [{}, {"tool_args": {"amount": 7}}])
@pytest.mark.parametrize("as_data", [False, True])
@asynchronous
async def test_two_people_may_say_the_same_at_once(db: SqliteDatabase, changed: dict[str, Any], as_data: bool) -> None:
    output, _ = await paused(db)
    first, second = db.requirements()[0], db.requirements()[0]
    first.confirm(by="ann", **changed)
    second.confirm(by="bob", **changed)
    said: list[Any] = [first.to_dict(), second.to_dict()] if as_data else [first, second]
    result = await agent(db).continue_run_async(run_id=output.run_id, requirements=said)
    assert str(result).endswith("paid 7" if changed else "paid 500")
    assert db.run(output.run_id).requirements[0].decided_by == "ann, bob"
    if not as_data:
        assert (first.decided_by, second.decided_by) == ("ann, bob", "ann, bob")


@pytest.mark.parametrize("other", [{"tool_args": {"amount": 7}}, {"remember": "run"}, None])
@asynchronous
async def test_they_may_not_say_different_things(db: SqliteDatabase, other: dict[str, Any] | None) -> None:
    output, _ = await paused(db)
    first, second = db.requirements()[0], db.requirements()[0]
    first.confirm(by="ann")
    second.reject(by="bob") if other is None else second.confirm(by="bob", **other)
    with pytest.raises(InvalidResolutionError, match="hold different decisions"):
        await agent(db).continue_run_async(run_id=output.run_id, requirements=[first, second])
    assert db.requirements()[0].approvals == []


async def changed_by_ann(db: SqliteDatabase) -> tuple[AgentRunOutput, RunRequirement]:
    output, waiting = await paused(db)
    await approve(db, "ann", tool_args={"amount": 7})
    return output, waiting


@asynchronous
async def test_the_next_person_is_shown_what_the_first_changed(db: SqliteDatabase) -> None:
    output, waiting = await changed_by_ann(db)
    (found,) = db.requirements()
    assert found.tool_execution.tool_args == {"amount": 7}
    assert found.tool_execution.original_tool_args == {"amount": 500}
    assert found.tool_execution.changed_by_person
    assert found.digest != waiting.digest
    assert RunRequirement.from_dict(found.to_dict()).tool_execution.tool_args == {"amount": 7}
    assert db.run(output.run_id).requirements[0].tool_execution.tool_args == {"amount": 7}


@pytest.mark.parametrize("as_data", [False, True])
@asynchronous
async def test_a_yes_to_what_is_shown_approves_that(db: SqliteDatabase, as_data: bool) -> None:
    output, _ = await changed_by_ann(db)
    (found,) = db.requirements()
    found.confirm(by="bob", expected_digest=None if as_data else found.digest)
    said: Any = found.to_dict() if as_data else found
    assert str(await agent(db).continue_run_async(run_id=output.run_id, requirements=[said])).endswith("paid 7")


@pytest.mark.parametrize("arguments", [None, {"amount": 500}])
@asynchronous
async def test_a_yes_to_what_was_shown_before_is_refused(db: SqliteDatabase, arguments: Any) -> None:
    _, waiting = await paused(db)
    (stale,) = db.requirements()
    await approve(db, "ann", tool_args={"amount": 7})
    for digest in (None, stale.digest):
        stale.confirm(by="bob", tool_args=arguments, expected_digest=digest)
        with pytest.raises((RequirementConflictError, InvalidResolutionError)):
            await stale
    assert db.requirement(waiting.id).decision is None


@asynchronous
async def test_a_no_to_it_shows_the_call_as_it_was_asked_for(db: SqliteDatabase) -> None:
    output, _ = await changed_by_ann(db)
    (found,) = db.requirements()
    found.reject("too much", by="bob", expected_digest=found.digest)
    await found
    assert db.run(output.run_id).requirements[0].tool_execution.tool_args == {"amount": 500}


def test_who_approves_twice_under_one_name_is_told_that_another_must(db: SqliteDatabase) -> None:
    def approve(requirement: RunRequirement) -> None:
        requirement.confirm(by="ann")

    with pytest.warns(RunNotCompletedWarning, match="pay needs 2 different people to approve it, and ann did: another"):
        assert agent(db).do("Work.", hitl_handler=approve) is None
    (requirement,) = db.requirements()
    with pytest.warns(RunNotCompletedWarning) as caught:
        agent(db).do("Other work.")
    assert "different people" not in str(caught[0].message)
    assert [approval["by"] for approval in requirement.approvals] == ["ann"]
