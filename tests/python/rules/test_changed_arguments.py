"""A person changes the arguments while approving: checked, kept as a change, run, and told to the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InvalidResolutionError,
    RequirementConflictError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    current_tool_call,
    tool,
)
from support.programs import run_program
from support.replies import results_in, wants
from support.running import asynchronous

NOTE = "A person changed the arguments of this call before it was run, to: "

keys: list[str] = []


@tool(requires_confirmation=True)
def pay(amount: int, to: str = "Ann") -> str:
    """Pay."""
    keys.append(current_tool_call().idempotency_key)
    return f"paid {amount} to {to}"


def agent(db: SqliteDatabase, function: Callable[..., Any] = pay, seen: list[Any] | None = None) -> Agent:
    def last(request: Any) -> str:
        if seen is not None:
            seen.extend(request.messages)
        return "; ".join(map(str, results_in(request)))

    return Agent(ScriptedModel([wants("pay", amount=500), last]), db=db, tools=[function])


async def paused(db: SqliteDatabase, function: Callable[..., Any] = pay) -> tuple[AgentRunOutput, RunRequirement]:
    output = await agent(db, function).do_async("Work.", return_output=True)
    return output, output.active_requirements[0]


@asynchronous
async def test_the_changed_arguments_run_and_the_model_is_told(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.confirm(tool_args={"amount": 5, "to": "Bob"}, by="ann")
    seen: list[Any] = []
    answer = await agent(db, seen=seen).continue_run_async(run_id=output.run_id)
    assert answer == f'{NOTE}{{"amount":5,"to":"Bob"}}\n\npaid 5 to Bob'
    assert [call.args for message in seen for call in message.tool_calls] == [{"amount": 500}]


@asynchronous
async def test_what_ran_and_what_was_asked_for_are_shown(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.confirm(tool_args={"amount": 5}, by="ann")
    await agent(db).continue_run_async(run_id=output.run_id)
    found = db.run(output.run_id)
    for execution in (found.tools[0], found.requirements[0].tool_execution, requirement.tool_execution):
        assert execution.tool_args == {"amount": 5, "to": "Ann"}
        assert execution.original_tool_args == {"amount": 500}
    assert found.tools[0].result == "paid 5 to Ann"
    assert found.requirements[0].decision == {"type": "confirm", "tool_args": {"amount": 5, "to": "Ann"}}
    assert found.requirements[0].decided_by == "ann"


@asynchronous
async def test_the_arguments_are_complete_and_no_patch(db: SqliteDatabase) -> None:
    _, requirement = await paused(db)
    requirement.confirm(tool_args={"to": "Bob"})
    with pytest.raises(InvalidResolutionError, match=r"amount: Field required \(a whole number\)") as caught:
        await requirement
    assert caught.value.field_name == "amount"
    assert caught.value.requirement_id == requirement.id


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"amount": "many"}, "amount"),
        ({"amount": 5, "too": "Bob"}, "too"),
        ({}, "amount"),
        ({"amount": 5, "to": None}, "to"),
        ({"amount": "5"}, "amount"),
        ({"amount": True}, "amount"),
    ],
)
@asynchronous
async def test_arguments_that_do_not_fit_are_refused_by_name_and_nothing_is_written(
    db: SqliteDatabase, changed: dict[str, Any], field: str
) -> None:
    output, requirement = await paused(db)
    before = db.export(output.run_id)

    async def decide() -> None:
        # A name that the tool lacks is refused here already.
        requirement.confirm(tool_args=changed)
        await agent(db).continue_run_async(run_id=output.run_id)

    with pytest.raises(InvalidResolutionError) as caught:
        await decide()
    assert caught.value.field_name == field
    assert field in str(caught.value)
    assert db.export(output.run_id) == before
    requirement.confirm(tool_args={"amount": 6})
    assert "paid 6" in await agent(db).continue_run_async(run_id=output.run_id)


@pytest.mark.parametrize(
    "wrong", [5, "{}", [("amount", 5)], {"amount": object()}, {"amount": float("nan")}, {"amount": 2**64}]
)
@asynchronous
async def test_what_is_no_json_object_is_refused_at_once(db: SqliteDatabase, wrong: Any) -> None:
    _, requirement = await paused(db)
    with pytest.raises(InvalidResolutionError) as caught:
        requirement.confirm(tool_args=wrong)
    assert caught.value.field_name == "tool_args"
    assert requirement.draft_decision() is None


@asynchronous
async def test_the_idempotency_key_stays_whatever_the_arguments(db: SqliteDatabase, tmp_path: Path) -> None:
    keys.clear()
    output, requirement = await paused(db)
    db.backup(tmp_path / "copy.db")
    requirement.confirm(tool_args={"amount": 5})
    await agent(db).continue_run_async(run_id=output.run_id)
    with SqliteDatabase(tmp_path / "copy.db") as copy:
        (unchanged,) = copy.requirements()
        unchanged.confirm()
        await unchanged
        await agent(copy).continue_run_async(run_id=output.run_id, requirements=[])
    assert len(keys) == 2
    assert len(set(keys)) == 1


@asynchronous
async def test_the_same_change_twice_is_no_error_and_another_one_is(db: SqliteDatabase) -> None:
    _, requirement = await paused(db)
    (other,) = db.requirements()
    (third,) = db.requirements()
    requirement.confirm(tool_args={"amount": 5, "to": "Bob"}, by="ann")
    await requirement
    other.confirm(tool_args={"to": "Bob", "amount": 5}, by="bob")
    await other
    assert other.decided_by == "ann"
    for decide in (lambda: third.confirm(tool_args={"amount": 6}), third.confirm, third.reject):
        decide()
        with pytest.raises(RequirementConflictError):
            await third
    with pytest.raises(RequirementConflictError):
        requirement.confirm()


@asynchronous
async def test_the_last_draft_counts(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.confirm(tool_args={"amount": 5})
    requirement.reject("no")
    requirement.confirm()
    assert await agent(db).continue_run_async(run_id=output.run_id) == "paid 500 to Ann"


@asynchronous
async def test_arguments_that_are_the_same_are_no_change(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.confirm(tool_args={"amount": 500})
    assert await agent(db).continue_run_async(run_id=output.run_id) == "paid 500 to Ann"
    assert db.run(output.run_id).tools[0].changed_by_person is False


@asynchronous
async def test_a_draft_travels_as_data(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.confirm(tool_args={"amount": 5}, by="ann")
    data = json.loads(json.dumps(requirement.to_dict()))
    answer = await agent(db).continue_run_async(run_id=output.run_id, requirements=[data])
    assert answer.endswith("paid 5 to Ann")
    assert db.run(output.run_id).requirements[0].decided_by == "ann"


@asynchronous
async def test_arguments_assigned_to_the_object_are_no_decision(db: SqliteDatabase) -> None:
    output, requirement = await paused(db)
    requirement.tool_execution.tool_args["amount"] = 5
    requirement.confirm()
    with pytest.raises(InvalidResolutionError, match=r"confirm\(tool_args="):
        await agent(db).continue_run_async(run_id=output.run_id)


DECIDE = """
import asyncio, json, sys
from haltpoint import InvalidResolutionError, SqliteDatabase
from support.programs import tell

async def main():
    with SqliteDatabase(sys.argv[1]) as db:
        (requirement,) = db.requirements()
        requirement.confirm(tool_args=json.loads(sys.argv[2]), by="bob")
        try:
            await requirement
        except InvalidResolutionError as error:
            tell({"field": error.field_name, "message": str(error)})
        else:
            tell({"decision": requirement.decision, "tool_args": requirement.tool_execution.tool_args})

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"amount": "many"}, "amount"), ({"to": "Bob"}, "amount"), ({"amount": 5, "too": "Bob"}, "too")],
)
def test_without_the_tool_the_schema_in_the_journal_is_what_arguments_must_fit(
    db_file: Path, tmp_path: Path, changed: dict[str, Any], field: str
) -> None:
    with SqliteDatabase(db_file) as db:
        asyncio.run(paused(db))
    program = tmp_path / "deciding.py"
    program.write_text(DECIDE)
    told = run_program(program, str(db_file), json.dumps(changed), cwd=tmp_path).last
    assert told["field"] == field
    assert field in told["message"]
    told = run_program(program, str(db_file), json.dumps({"amount": 5}), cwd=tmp_path).last
    whole = {"amount": 5, "to": "Ann"}
    decision = {"type": "confirm", "tool_args": whole, "unchecked": True}
    assert told == {"decision": decision, "tool_args": whole}
    with SqliteDatabase(db_file) as db:
        run_id = db.runs()[0].run_id
        assert asyncio.run(agent(db).continue_run_async(run_id=run_id)).endswith("paid 5 to Ann")


@asynchronous
async def test_only_tools_that_a_person_approves_stand_in_the_journal_with_their_schema(db: SqliteDatabase) -> None:
    @tool
    def look(place: str) -> str:
        """Look."""
        return place

    output = await Agent(ScriptedModel(["finished"]), db=db, tools=[look, pay]).do_async("Work.", return_output=True)
    offered = {item["name"]: "parameters" in item for item in db.journal(output.run_id)[0]["entry"]["tools"]}
    assert offered == {"look": False, "pay": True}


def test_a_schema_never_has_anything_fetched() -> None:
    from referencing.exceptions import Unresolvable

    from haltpoint.tools.schema_check import schema_problems

    with pytest.raises(Exception, match=r"127\.0\.0\.1") as caught:
        schema_problems({"properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}}, {"a": 1})
    assert isinstance(caught.value, Unresolvable) or isinstance(caught.value.__cause__, Unresolvable)
