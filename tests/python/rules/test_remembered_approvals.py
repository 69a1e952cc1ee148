"""Approvals that answer later calls of their tool, in the same run or in the whole session; revoked, and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InMemoryDatabase,
    InvalidResolutionError,
    RequirementConflictError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    tool,
)
from support.programs import run_program
from support.replies import results_in, wants, wants_all
from support.running import asynchronous


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def agent(db: Any, *replies: Any, tools: Any = (pay,), session_id: str | None = None) -> Agent:
    script = [*replies, lambda request: str(results_in(request))]
    return Agent(ScriptedModel(script), db=db, tools=list(tools), session_id=session_id)


def thrice(db: Any, *, amounts: tuple[int, int, int] = (5, 5, 7), **options: Any) -> Agent:
    return agent(db, *(wants("pay", amount=amount) for amount in amounts), **options)


async def confirmed(payer: Agent, **options: Any) -> AgentRunOutput:
    """Start a run and confirm the first thing that it waits for."""
    output = await payer.do_async("Work.", return_output=True)
    output.requirements[-1].confirm(by="ann", **options)
    return await payer.continue_run_async(run_id=output.run_id, return_output=True)


@asynchronous
async def test_later_calls_of_the_run_run_without_asking(db: SqliteDatabase) -> None:
    output = await confirmed(thrice(db), remember="run")
    assert output.is_complete
    assert output.output == "['paid 5', 'paid 5', 'paid 7']"
    first, second, third = output.requirements
    assert first.remembered_from is None
    assert first.decision == {"type": "confirm", "remember": {"scope": "run"}}
    for repeated in (second, third):
        assert repeated.remembered_from == {"requirement_id": first.id, "run_id": output.run_id, "by": "ann"}
        assert (repeated.decided_by, repeated.decision) == ("ann", {"type": "confirm"})
    assert db.verify(output.run_id).ok


@asynchronous
async def test_with_arguments_only_the_same_ones_are_meant(db: SqliteDatabase) -> None:
    output = await confirmed(thrice(db), remember="run", remember_args=True)
    assert output.is_paused
    (waiting,) = output.active_requirements
    assert waiting.tool_execution.tool_args == {"amount": 7}
    assert [item.remembered_from is not None for item in output.requirements] == [False, True, False]


@asynchronous
async def test_another_call_of_the_same_reply_is_still_asked_about(db: SqliteDatabase) -> None:
    payer = agent(db, wants_all(("pay", {"amount": 5}), ("pay", {"amount": 5})))
    output = await payer.do_async("Work.", return_output=True)
    first, second = output.requirements
    first.confirm(remember="run", by="ann")
    output = await payer.continue_run_async(run_id=output.run_id, return_output=True)
    assert [item.id for item in output.active_requirements] == [second.id]


@asynchronous
async def test_a_run_remembers_nothing_of_another_one(db: SqliteDatabase) -> None:
    await confirmed(thrice(db), remember="run")
    output = await thrice(db).do_async("Work.", return_output=True)
    assert output.is_paused


@pytest.mark.parametrize("kept_in", [SqliteDatabase, InMemoryDatabase])
@asynchronous
async def test_a_session_remembers_in_all_of_its_runs(kept_in: Any, tmp_path: Any) -> None:
    db = kept_in(tmp_path / "runs.db") if kept_in is SqliteDatabase else kept_in()
    with db:
        first = await confirmed(thrice(db, session_id="shop"), remember="session")
        second = await thrice(db, session_id="shop").do_async("Work.", return_output=True)
        assert second.is_complete
        origin = {"requirement_id": first.requirements[0].id, "run_id": first.run_id, "by": "ann"}
        assert [item.remembered_from for item in second.requirements] == [origin] * 3
        for stranger in ("office", None):
            other = await thrice(db, session_id=stranger).do_async("Work.", return_output=True)
            assert other.is_paused, stranger


@asynchronous
async def test_a_run_without_a_session_has_none_to_remember_for(db: SqliteDatabase) -> None:
    output = await thrice(db).do_async("Work.", return_output=True)
    output.requirements[0].confirm(remember="session", by="ann")
    with pytest.raises(InvalidResolutionError, match="its run belongs to no session") as caught:
        await output.requirements[0]
    assert (caught.value.run_id, caught.value.requirement_id) == (output.run_id, output.requirements[0].id)
    assert db.requirements()[0].decision is None


@asynchronous
async def test_one_persons_approval_does_not_count_once_two_must_confirm(db: SqliteDatabase) -> None:
    first = await confirmed(agent(db, wants("pay", amount=5), session_id="shop"), remember="session")
    assert first.is_complete

    def pay_with_care(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    unchanged = tool(requires_confirmation=True, name="pay")(pay_with_care)
    assert (await agent(db, wants("pay", amount=5), tools=[unchanged], session_id="shop").do_async("Work.")) is not None
    careful = tool(requires_confirmation=True, approvals=2, name="pay")(pay_with_care)
    again = await agent(db, wants("pay", amount=5), tools=[careful], session_id="shop").do_async(
        "Work.", return_output=True
    )
    assert again.is_paused
    assert again.active_requirements[0].approvals == []


@asynchronous
async def test_a_tool_that_always_asks_is_never_remembered(db: SqliteDatabase) -> None:
    careful = tool(requires_confirmation=True, always_ask=True, name="pay")(lambda amount: f"paid {amount}")
    payer = thrice(db, tools=[careful])
    output = await payer.do_async("Work.", return_output=True)
    (requirement,) = output.requirements
    assert requirement.always_ask
    with pytest.raises(InvalidResolutionError, match="always_ask=True") as caught:
        requirement.confirm(remember="run", by="ann")
    assert caught.value.field_name == "remember"
    with pytest.raises(InvalidResolutionError, match="always_ask=True"):
        await _forged(requirement, {"type": "confirm", "remember": {"scope": "run"}})
    assert (await confirmed(payer)).is_paused


async def _forged(requirement: RunRequirement, decision: dict[str, Any]) -> None:
    """Commit what the object itself would refuse."""
    data = requirement.to_dict()
    data |= {"always_ask": False}
    copy = RunRequirement.from_dict(data, waiter=requirement._waiter)  # pyright: ignore[reportPrivateUsage]
    copy.confirm(remember=decision["remember"]["scope"], by="ann")
    await copy


@asynchronous
async def test_a_tool_that_changed_is_asked_about_again(db: SqliteDatabase) -> None:
    await confirmed(thrice(db, session_id="shop"), remember="session")

    @tool(requires_confirmation=True, name="pay")
    def changed(amount: int, to: str = "Ann") -> str:
        return f"paid {amount} to {to}"

    output = await thrice(db, tools=[changed], session_id="shop").do_async("Work.", return_output=True)
    assert output.is_paused


@asynchronous
async def test_a_rule_that_lets_a_call_through_asks_nobody(db: SqliteDatabase) -> None:
    choosy = tool(requires_confirmation=lambda amount: amount > 6, name="pay")(lambda amount: f"paid {amount}")
    payer = agent(db, *(wants("pay", amount=amount) for amount in (7, 5, 8)), tools=[choosy])
    output = await confirmed(payer, remember="run")
    assert output.is_complete
    assert [item.tool_execution.tool_args["amount"] for item in output.requirements] == [7, 8]


@asynchronous
async def test_an_approval_of_two_people_answers_for_both(db: SqliteDatabase) -> None:
    shared = tool(requires_confirmation=True, approvals=2, name="pay")(lambda amount: f"paid {amount}")
    payer = thrice(db, tools=[shared])
    output = await payer.do_async("Work.", return_output=True)
    (requirement,) = output.requirements
    requirement.confirm(remember="run", by="ann")
    await requirement
    assert db.remembered() == []
    requirement.confirm(by="bob")
    with pytest.raises(RequirementConflictError):
        await requirement
    requirement.drop_draft()
    requirement.confirm(remember="run", by="bob")
    await requirement
    assert len(db.remembered()) == 1
    output = await payer.continue_run_async(run_id=output.run_id, return_output=True)
    assert output.is_complete
    assert [item.decided_by for item in output.requirements] == ["ann, bob"] * 3


@asynchronous
async def test_neither_a_plain_confirmation_nor_a_rejection_is_remembered(db: SqliteDatabase) -> None:
    assert (await confirmed(thrice(db))).is_paused
    payer = thrice(db)
    output = await payer.do_async("Work.", return_output=True)
    output.requirements[0].confirm(remember="run")
    output.requirements[0].reject("no", by="ann")
    output = await payer.continue_run_async(run_id=output.run_id, return_output=True)
    assert output.is_paused
    assert output.requirements[0].decision == {"type": "reject", "note": "no"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"remember": "for ever"}, 'must be "run" or "session"'),
        ({"remember": True}, 'must be "run" or "session"'),
        ({"remember_args": True}, 'needs remember="run"'),
        ({"remember": "run", "tool_args": {"amount": 1}}, "changed arguments"),
    ],
)
@asynchronous
async def test_what_cannot_be_remembered_is_refused_at_once(
    db: SqliteDatabase, options: dict[str, Any], problem: str
) -> None:
    output = await thrice(db).do_async("Work.", return_output=True)
    with pytest.raises(InvalidResolutionError, match=problem) as caught:
        output.requirements[0].confirm(**options)
    assert caught.value.field_name == "remember"
    assert not output.requirements[0].is_resolved


@asynchronous
async def test_the_arguments_that_were_shown_are_no_change(db: SqliteDatabase) -> None:
    output = await confirmed(thrice(db), remember="run", tool_args={"amount": 5})
    assert output.is_complete


@asynchronous
async def test_what_stands_is_listed_newest_first_until_it_is_revoked(db: SqliteDatabase) -> None:
    first = await confirmed(thrice(db, session_id="shop"), remember="session", remember_args=True)
    for_run = await confirmed(thrice(db, session_id="office", amounts=(5, 7, 7)), remember="run", remember_args=True)
    newest, oldest = await db.remembered_async()
    assert oldest.to_dict() == {
        "requirement_id": first.requirements[0].id,
        "run_id": first.run_id,
        "session_id": "shop",
        "scope": "session",
        "tool_name": "pay",
        "tool_args": {"amount": 5},
        "by": "ann",
        "at": first.requirements[0].decided_at and first.requirements[0].decided_at.isoformat(),
        "sensitive": [],
    }
    assert (newest.run_id, newest.scope) == (for_run.run_id, "run")
    assert db.remembered(session_id="office") == [newest]
    assert db.remembered(run_id=first.run_id) == [oldest]
    assert db.remembered(limit=1) == [newest]
    assert await db.revoke_async(newest.requirement_id, by="cid")
    assert db.remembered() == [oldest]
    with pytest.raises(ValueError, match="limit must be from 1"):
        db.remembered(limit=0)


@asynchronous
async def test_after_it_is_revoked_a_call_is_asked_about_again(db: SqliteDatabase) -> None:
    first = await confirmed(thrice(db, session_id="shop"), remember="session")
    assert first.is_complete
    origin = first.requirements[0].id
    assert db.revoke(origin, by="cid")
    output = await thrice(db, session_id="shop").do_async("Work.", return_output=True)
    assert output.is_paused
    assert not db.revoke(origin, by="dan")
    assert db.journal(first.run_id)[-1]["kind"] == "approval_revoked"
    assert [entry["kind"] for entry in db.journal(first.run_id)].count("approval_revoked") == 1
    shown = db.run(first.run_id).requirements[0]
    assert shown.revoked is not None
    assert shown.revoked["by"] == "cid"
    assert db.verify(first.run_id).ok
    assert RunRequirement.from_dict(shown.to_dict()).to_dict() == shown.to_dict()


@asynchronous
async def test_a_run_notices_a_revocation_while_it_runs(db: SqliteDatabase) -> None:
    def revoking(request: Any) -> Any:
        (standing,) = db.remembered()
        db.revoke(standing.requirement_id, by="cid")
        return wants("pay", amount=5)

    output = await confirmed(agent(db, wants("pay", amount=5), revoking), remember="run")
    assert output.is_paused
    assert output.active_requirements[0].remembered_from is None


@asynchronous
async def test_there_must_be_something_to_revoke(db: SqliteDatabase) -> None:
    output = await confirmed(thrice(db), remember="run")
    first, second, _ = output.requirements
    with pytest.raises(InvalidResolutionError, match="no requirement nothing"):
        db.revoke("nothing")
    with pytest.raises(InvalidResolutionError, match=f"by memory of requirement {first.id}"):
        db.revoke(second.id)
    with pytest.raises(InvalidResolutionError, match="no requirement"):
        db.revoke(first.id[:8])
    plain = await thrice(db).do_async("Work.", return_output=True)
    with pytest.raises(InvalidResolutionError, match="has no remembered approval") as caught:
        db.revoke(plain.requirements[0].id)
    assert caught.value.requirement_id == plain.requirements[0].id


@asynchronous
async def test_the_audit_says_where_an_approval_comes_from_and_who_revoked_it(db: SqliteDatabase) -> None:
    output = await confirmed(thrice(db, session_id="shop"), remember="session")
    first = output.requirements[0]
    db.revoke(first.id, by="cid")
    given, second, third, revoked = db.audit(output.run_id)
    assert (given.action, given.by, given.remembered_from) == ("confirmed", "ann", None)
    for repeated in (second, third):
        assert (repeated.action, repeated.by) == ("confirmed", "ann")
        assert repeated.remembered_from == {"requirement_id": first.id, "run_id": output.run_id, "by": "ann"}
    assert (revoked.action, revoked.by, revoked.requirement_id) == ("approval_revoked", "cid", first.id)
    assert revoked.tool_args == {"amount": 5}


@asynchronous
async def test_a_forged_index_answers_no_call(db_file: Path, tmp_path: Path) -> None:
    with SqliteDatabase(db_file) as db:
        plain = await confirmed(agent(db, wants("pay", amount=5), session_id="shop"))
        assert plain.is_complete
        given = await confirmed(agent(db, wants("pay", amount=5), session_id="office"), remember="session")
        assert given.is_complete
    forging = tmp_path / "forging.py"
    forging.write_text(FORGING)
    assert run_program(forging, str(db_file), cwd=tmp_path).last == 2
    with SqliteDatabase(db_file) as db:
        output = await thrice(db, session_id="shop").do_async("Work.", return_output=True)
        assert output.is_paused
        assert not db.verify(plain.run_id).ok


FORGING = """
import sqlite3, sys
from support.programs import tell

with sqlite3.connect(sys.argv[1]) as file:
    file.execute("UPDATE remembered SET session_id = 'shop'")
    file.execute("INSERT INTO remembered SELECT q.place, q.run, 'shop', m.key, NULL FROM requirements q, remembered m "
                 "WHERE q.place NOT IN (SELECT requirement FROM remembered)")
    tell(file.execute("SELECT count(*) FROM remembered").fetchone()[0])
"""


APPROVING = """
import asyncio, sys
from haltpoint import SqliteDatabase
from support.programs import tell

async def main():
    with SqliteDatabase(sys.argv[1]) as db:
        (requirement,) = db.requirements()
        requirement.confirm(remember="session", by="ann")
        await requirement
        tell(requirement.id)

asyncio.run(main())
"""

PAINTING = """
import asyncio, sys
from haltpoint import Agent, SqliteDatabase
from support.programs import tell
from support.workshop import model, paint

async def main():
    with SqliteDatabase(sys.argv[1], session_id="shop") as db:
        agent = Agent(model("two colors"), db=db, tools=[paint])
        output = await agent.do_async("Paint.", return_output=True)
        tell({"status": output.status.value, "from": [item.remembered_from for item in output.requirements]})

asyncio.run(main())
"""


def test_what_one_process_approves_another_one_remembers(db_file: Path, tmp_path: Path) -> None:
    painting, approving = tmp_path / "painting.py", tmp_path / "approving.py"
    painting.write_text(PAINTING)
    approving.write_text(APPROVING)
    assert run_program(painting, str(db_file), cwd=tmp_path).last == {"status": "PAUSED", "from": [None]}
    origin = run_program(approving, str(db_file), cwd=tmp_path).last
    told = run_program(painting, str(db_file), cwd=tmp_path).last
    assert told["status"] == "COMPLETED"
    assert [item["requirement_id"] for item in told["from"]] == [origin] * 2
    with SqliteDatabase(db_file) as db:
        assert db.revoke(origin, by="cid")
    assert run_program(painting, str(db_file), cwd=tmp_path).last["status"] == "PAUSED"


@asynchronous
async def test_a_repeated_approval_counts_only_under_the_same_audit_key(db_file: Path) -> None:
    with SqliteDatabase(db_file, audit_key="the key of the first one") as db:
        assert (await confirmed(thrice(db, session_id="shop"), remember="session")).is_complete
    with SqliteDatabase(db_file, audit_key="the key of another one") as db:
        assert (await thrice(db, session_id="shop").do_async("Work.", return_output=True)).is_paused
    with SqliteDatabase(db_file, audit_key="the key of the first one") as db:
        assert (await thrice(db, session_id="shop").do_async("Work.", return_output=True)).is_complete


def test_a_draft_that_is_remembered_survives_as_data() -> None:
    data = {
        "id": "q",
        "run_id": "r",
        "kind": "confirmation",
        "tool_execution": {"tool_call_id": "c", "tool_name": "pay", "tool_args": {}, "requires_confirmation": True},
    }
    requirement = RunRequirement.from_dict(data)
    requirement.confirm(remember="session", remember_args=True, by="ann")
    copy = RunRequirement.from_dict(requirement.to_dict())
    said = {"type": "confirm", "remember": {"scope": "session", "with_arguments": True}}
    assert copy.draft_decision() == requirement.draft_decision() == said
    assert (copy.always_ask, copy.remembered_from, copy.revoked) == (False, None, None)


@pytest.mark.parametrize("options", [{}, {"external_execution": True}])
def test_always_asking_needs_somebody_to_ask(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="always_ask needs requires_confirmation"):
        tool(always_ask=True, **options)(lambda amount: amount)


@asynchronous
async def test_a_call_whose_rule_fails_is_not_answered_by_an_earlier_approval(db: SqliteDatabase) -> None:
    calls = 0

    def rule(amount: int) -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise LookupError("no rates")
        return True

    pay_by_rule = tool(name="pay", requires_confirmation=rule)(lambda amount: f"paid {amount}")
    output = await confirmed(thrice(db, tools=(pay_by_rule,)), remember="run")
    (waiting,) = output.active_requirements
    assert waiting.remembered_from is None
    assert waiting.details is not None
    assert "no rates" in str(waiting.details)
    waiting.confirm(by="bob")
    after = await thrice(db, tools=(pay_by_rule,)).continue_run_async(run_id=output.run_id, return_output=True)
    assert after.is_complete
    assert [item.remembered_from is not None for item in after.requirements] == [False, False, True]
