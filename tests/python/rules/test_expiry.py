"""Nobody decides in time: enforced by whoever looks next, written down as that, and never as a person's rejection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    HaltpointError,
    InMemoryDatabase,
    RequirementExpiredError,
    RunRequirement,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    tool,
)
from haltpoint.runtime.failures import failure_of, is_failed_run
from support.programs import run_program
from support.replies import results_in, wants, wants_all
from support.running import asynchronous

UNANSWERED = "Nobody answered in time; this call was not run."

# Over before anything else happens, and longer than any test lasts.
AT_ONCE = 0.000_001
AN_HOUR = 3600


def pay_within(seconds: float, on_expiry: Any = "reject", **options: Any) -> Callable[..., Any]:
    options = options or {"requires_confirmation": True}

    @tool(expires_after=seconds, on_expiry=on_expiry, **options)
    def pay(amount: int, to: str = "Ann") -> str:
        """Pay."""
        return f"paid {amount}"

    return pay


def agent(db: Any, function: Callable[..., Any]) -> Agent:
    def last(request: Any) -> str:
        return "; ".join(map(str, results_in(request)))

    return Agent(ScriptedModel([wants("pay", amount=5), last]), db=db, tools=[function])


async def paused(db: Any, function: Callable[..., Any]) -> tuple[AgentRunOutput, RunRequirement]:
    output = await agent(db, function).do_async("Work.", return_output=True)
    return output, output.requirements[0]


def kinds(db: SqliteDatabase, run_id: str) -> list[str]:
    return [entry["kind"] for entry in db.journal(run_id)]


@asynchronous
async def test_a_requirement_says_until_when_it_can_be_decided(db: SqliteDatabase) -> None:
    _, requirement = await paused(db, pay_within(AN_HOUR))
    assert requirement.expires_at == requirement.created_at + timedelta(seconds=AN_HOUR)
    assert requirement.expires_at.tzinfo is not None
    assert not requirement.is_expired
    assert requirement.expired_at is None


@asynchronous
async def test_without_the_option_a_requirement_waits_for_ever(db: SqliteDatabase) -> None:
    @tool(requires_confirmation=True)
    def pay(amount: int) -> str:
        """Pay."""
        return ""

    output, requirement = await paused(db, pay)
    assert requirement.expires_at is None
    assert db.expire_due() == 0
    assert "requirement_expired" not in kinds(db, output.run_id)


@asynchronous
async def test_continuing_goes_on_without_the_call_and_tells_the_model(db: SqliteDatabase) -> None:
    output, _ = await paused(db, pay_within(AT_ONCE))
    answer = await agent(db, pay_within(AT_ONCE)).continue_run_async(run_id=output.run_id)
    assert answer == UNANSWERED
    assert kinds(db, output.run_id).count("requirement_expired") == 1
    assert "requirement_decided" not in kinds(db, output.run_id)


LOOKS: dict[str, Callable[[SqliteDatabase, str], Any]] = {
    "run": lambda db, run_id: db.run(run_id),
    "requirements": lambda db, run_id: db.requirements(),
    "requirements of the run": lambda db, run_id: db.requirements(run_id=run_id, open_only=False),
    "runs": lambda db, run_id: db.runs(),
    "expire_due": lambda db, run_id: db.expire_due(),
    "expire_due of the run": lambda db, run_id: db.expire_due(run_id),
}


@pytest.mark.parametrize("look", LOOKS)
@asynchronous
async def test_whoever_looks_writes_it_down_once(db: SqliteDatabase, look: str) -> None:
    output, _ = await paused(db, pay_within(AT_ONCE))
    assert "requirement_expired" not in kinds(db, output.run_id)
    LOOKS[look](db, output.run_id)
    LOOKS[look](db, output.run_id)
    assert kinds(db, output.run_id)[-1] == "requirement_expired"
    assert kinds(db, output.run_id).count("requirement_expired") == 1
    assert db.requirements() == []
    (expired,) = db.requirements(open_only=False)
    assert expired.is_expired
    assert expired.is_resolved
    assert expired.expired_at is not None
    assert expired.expires_at is not None
    assert expired.expired_at >= expired.expires_at
    assert (expired.decision, expired.decided_by, expired.decided_at, expired.confirmation) == (None,) * 4


@asynchronous
async def test_what_is_not_due_is_left_alone_by_all_who_look(db: SqliteDatabase) -> None:
    output, _ = await paused(db, pay_within(AN_HOUR))
    for look in LOOKS.values():
        look(db, output.run_id)
    assert kinds(db, output.run_id)[-1] == "run_paused"
    assert len(db.requirements()) == 1


DECISIONS: dict[str, Callable[[RunRequirement], None]] = {
    "confirm": lambda requirement: requirement.confirm(by="ann"),
    "change": lambda requirement: requirement.confirm(tool_args={"amount": 6}),
    "reject": lambda requirement: requirement.reject("no", by="ann"),
}


@pytest.mark.parametrize("decision", DECISIONS)
@asynchronous
async def test_a_decision_that_comes_too_late_is_refused_and_the_expiry_is_written(
    db: SqliteDatabase, decision: str
) -> None:
    output, requirement = await paused(db, pay_within(AT_ONCE))
    DECISIONS[decision](requirement)
    with pytest.raises(RequirementExpiredError) as caught:
        await requirement
    assert caught.value.requirement_id == requirement.id
    assert caught.value.run_id == output.run_id
    assert caught.value.expired_at == requirement.expires_at
    assert isinstance(caught.value, HaltpointError)
    assert isinstance(caught.value, ValueError)
    assert kinds(db, output.run_id)[-1] == "requirement_expired"
    assert requirement.is_expired
    assert requirement.confirmation is None
    with pytest.raises(RequirementExpiredError):
        DECISIONS[decision](requirement)


@asynchronous
async def test_a_draft_that_is_too_late_is_refused_once_and_the_run_then_goes_on(db: SqliteDatabase) -> None:
    function = pay_within(AT_ONCE)
    output, requirement = await paused(db, function)
    requirement.confirm()
    with pytest.raises(RequirementExpiredError):
        await agent(db, function).continue_run_async(run_id=output.run_id)
    assert await agent(db, function).continue_run_async(run_id=output.run_id) == UNANSWERED


@pytest.mark.parametrize(
    "options",
    [
        {"requires_confirmation": True},
        {"requires_user_input": True, "user_input_fields": ["to"]},
        {"external_execution": True},
    ],
)
@asynchronous
async def test_all_that_a_tool_can_wait_for_expires(db: SqliteDatabase, options: dict[str, Any]) -> None:
    function = pay_within(AT_ONCE, **options)
    output, _ = await paused(db, function)
    assert await agent(db, function).continue_run_async(run_id=output.run_id) == UNANSWERED


@asynchronous
async def test_an_answer_in_time_counts(db: SqliteDatabase) -> None:
    function = pay_within(AN_HOUR, "fail")
    output, requirement = await paused(db, function)
    requirement.confirm()
    assert await agent(db, function).continue_run_async(run_id=output.run_id) == "paid 5"


@asynchronous
async def test_the_run_fails_where_the_tool_says_so(db: SqliteDatabase) -> None:
    function = pay_within(AT_ONCE, "fail")
    output, requirement = await paused(db, function)
    with pytest.raises(RequirementExpiredError, match=requirement.id) as caught:
        await agent(db, function).continue_run_async(run_id=output.run_id)
    assert caught.value.run_id == output.run_id
    failed = db.run(output.run_id)
    assert failed.status is RunStatus.error
    assert failed.error_details is not None
    assert "nobody answered requirement" in failed.error_details
    assert await agent(db, function).continue_run_async(run_id=output.run_id) == UNANSWERED


@asynchronous
async def test_the_run_is_cancelled_where_the_tool_says_so(db: SqliteDatabase) -> None:
    function = pay_within(AT_ONCE, "cancel")
    output, _ = await paused(db, function)
    cancelled = await agent(db, function).continue_run_async(run_id=output.run_id, return_output=True)
    assert cancelled.is_cancelled
    assert await agent(db, function).continue_run_async(run_id=output.run_id) == UNANSWERED


@pytest.mark.parametrize(("on_expiry", "status"), [("fail", RunStatus.error), ("cancel", RunStatus.cancelled)])
@asynchronous
async def test_a_run_that_nobody_drives_is_ended_by_whoever_looks(
    db: SqliteDatabase, on_expiry: str, status: RunStatus
) -> None:
    output, _ = await paused(db, pay_within(AT_ONCE, on_expiry))
    assert db.run(output.run_id).status is status
    assert db.check() == []


@asynchronous
async def test_the_others_that_a_run_waits_for_are_still_open(db: SqliteDatabase) -> None:
    @tool(requires_confirmation=True)
    def look(amount: int) -> str:
        """Look."""
        return f"looked {amount}"

    tools = [pay_within(AT_ONCE), look]
    model = ScriptedModel(
        [wants_all(("pay", {"amount": 1}), ("look", {"amount": 2})), lambda request: str(results_in(request))]
    )
    output = await Agent(model, db=db, tools=tools).do_async("Work.", return_output=True)
    again = await Agent(model, db=db, tools=tools).continue_run_async(run_id=output.run_id, return_output=True)
    (open_one,) = again.active_requirements
    assert open_one.tool_execution.tool_name == "look"
    open_one.confirm()
    answer = await Agent(model, db=db, tools=tools).continue_run_async(run_id=output.run_id)
    assert answer == str([UNANSWERED, "looked 2"])


@asynchronous
async def test_waiting_ends_when_the_time_is_over(db: SqliteDatabase) -> None:
    output, requirement = await paused(db, pay_within(0.05))
    before = datetime.now(timezone.utc)
    assert await requirement is requirement
    assert requirement.is_expired
    assert requirement.expires_at is not None
    assert datetime.now(timezone.utc) >= requirement.expires_at
    assert before < requirement.expires_at
    assert kinds(db, output.run_id)[-1] == "requirement_expired"


@asynchronous
async def test_processes_that_wait_for_the_same_both_hear_and_write_it_once(db_file: Path, tmp_path: Path) -> None:
    with SqliteDatabase(db_file) as db:
        output, requirement = await paused(db, pay_within(1.0))
        program = tmp_path / "waiting.py"
        program.write_text(
            "import asyncio, sys\nfrom haltpoint import SqliteDatabase\nfrom support.programs import tell\n"
            "async def main():\n"
            "    with SqliteDatabase(sys.argv[1]) as db:\n"
            "        (requirement,) = db.requirements(open_only=False)\n"
            "        tell({'expired': (await requirement).is_expired})\n"
            "asyncio.run(main())\n"
        )
        elsewhere = asyncio.to_thread(run_program, program, str(db_file), cwd=tmp_path)
        here, finished = await asyncio.gather(asyncio.wait_for(requirement, 20), elsewhere)
        assert here.is_expired
        assert finished.last == {"expired": True}
        assert kinds(db, output.run_id).count("requirement_expired") == 1


@asynchronous
async def test_many_who_look_at_once_write_it_once(db: SqliteDatabase) -> None:
    output, requirement = await paused(db, pay_within(AT_ONCE))
    await asyncio.gather(*(db.expire_due_async() for _ in range(8)), db.run_async(output.run_id))
    assert kinds(db, output.run_id).count("requirement_expired") == 1
    assert [item.id for item in db.requirements(run_id=output.run_id, open_only=False)] == [requirement.id]


@asynchronous
async def test_a_handler_is_not_asked_about_what_expired(db: SqliteDatabase) -> None:
    asked: list[str] = []
    function = pay_within(AT_ONCE)
    output, _ = await paused(db, function)
    answer = await agent(db, function).continue_run_async(
        run_id=output.run_id, hitl_handler=lambda requirement: asked.append(requirement.id)
    )
    assert answer == UNANSWERED
    assert asked == []


@asynchronous
async def test_runs_in_memory_expire_too() -> None:
    with InMemoryDatabase() as db:
        output, _ = await paused(db, pay_within(AT_ONCE))
        assert db.expire_due() == 1
        assert db.run(output.run_id).requirements[0].is_expired


@asynchronous
async def test_an_expired_requirement_survives_as_data(db: SqliteDatabase) -> None:
    await paused(db, pay_within(AT_ONCE))
    db.expire_due()
    (expired,) = db.requirements(open_only=False)
    copy = RunRequirement.from_dict(expired.to_dict())
    assert (copy.expires_at, copy.expired_at) == (expired.expires_at, expired.expired_at)
    with pytest.raises(RequirementExpiredError):
        copy.confirm()


@asynchronous
async def test_the_audit_names_nobody(db: SqliteDatabase) -> None:
    output, _ = await paused(db, pay_within(AT_ONCE))
    db.expire_due()
    (record,) = db.audit(output.run_id)
    assert (record.action, record.by, record.reason) == ("expired", None, "nobody decided in time")
    assert record.tool_args == {"amount": 5, "to": "Ann"}


@asynchronous
async def test_a_cancellation_because_nobody_answered_names_nobody_and_says_why(db: SqliteDatabase) -> None:
    output, requirement = await paused(db, pay_within(AT_ONCE, "cancel"))
    db.expire_due()
    _, record = db.audit(output.run_id)
    assert (record.action, record.by) == ("cancel_requested", None)
    assert record.reason is not None
    assert record.reason.startswith(f"nobody answered requirement {requirement.id} of tool call ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"expires_after": 5}, "waits for nobody"),
        ({"requires_confirmation": True, "expires_after": 0}, "above 0"),
        ({"requires_confirmation": True, "expires_after": float("inf")}, "finite"),
        ({"requires_confirmation": True, "expires_after": 3_155_760_001}, "at most 3155760000 seconds.*100 years"),
        ({"requires_confirmation": True, "expires_after": 5, "on_expiry": "confirm"}, "on_expiry must be one of"),
        ({"requires_confirmation": True, "on_expiry": "fail"}, "needs expires_after"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_decoration(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        tool(**options)(lambda amount: amount)


@pytest.mark.parametrize("seconds", ["5", True, timedelta(seconds=5)])
def test_a_time_that_is_no_number_is_refused_at_decoration(seconds: Any) -> None:
    with pytest.raises(TypeError, match="expires_after must be a number of seconds"):
        tool(requires_confirmation=True, expires_after=seconds)(lambda amount: amount)


@asynchronous
async def test_whoever_looks_without_the_audit_key_leaves_the_run_as_it_is(db_file: Path) -> None:
    key = "a key of sixteen bytes or more"
    with SqliteDatabase(db_file, audit_key=key) as keyed:
        output, _ = await paused(keyed, pay_within(AT_ONCE))
    with SqliteDatabase(db_file) as plain:
        assert plain.expire_due() == 0
        assert not plain.run(output.run_id).requirements[0].is_expired
        assert len(plain.requirements()) == 1
    with SqliteDatabase(db_file, audit_key=key) as keyed:
        assert keyed.run(output.run_id).requirements[0].is_expired
        assert keyed.verify(output.run_id).ok


EDIT = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("UPDATE requirements SET expires_at = 1")
"""


@asynchronous
async def test_a_time_that_somebody_put_into_the_index_ends_nothing(db_file: Path, tmp_path: Path) -> None:
    with SqliteDatabase(db_file) as db:
        output, _ = await paused(db, pay_within(AN_HOUR, "fail"))
        program = tmp_path / "editing.py"
        program.write_text(EDIT)
        assert (await asyncio.to_thread(run_program, program, str(db_file), cwd=tmp_path)).code == 0
        assert db.expire_due() == 0
        assert db.run(output.run_id).is_paused
        assert not db.verify(output.run_id).ok


@asynchronous
async def test_in_return_false_mode_a_run_that_ended_because_nobody_answered_gives_false(db: SqliteDatabase) -> None:
    function = pay_within(AT_ONCE, "fail")
    output, _ = await paused(db, function)
    quiet = Agent(ScriptedModel(["unused"]), db=db, tools=[function], mode="return_false")
    assert await quiet.continue_run_async(run_id=output.run_id) is False
    ended = quiet.get_run_output()
    assert ended is not None and ended.is_error


@asynchronous
async def test_in_return_false_mode_a_decision_that_comes_too_late_is_still_an_error(db: SqliteDatabase) -> None:
    function = pay_within(AT_ONCE)
    output, requirement = await paused(db, function)
    quiet = Agent(ScriptedModel(["unused"]), db=db, tools=[function], mode="return_false")
    late = {**requirement.to_dict(), "confirmation": True}
    with pytest.raises(RequirementExpiredError) as caught:
        await quiet.continue_run_async(run_id=output.run_id, requirements=[late])
    assert caught.value.requirement_id == requirement.id


@pytest.mark.parametrize("kind", ["model", "tool_call_limit", "in_doubt", "set_aside", "expired", "invalid_output"])
def test_whatever_a_run_ends_with_counts_as_a_failed_run(kind: str) -> None:
    class Ended:
        failure = (kind, "ended", None, None)
        run_id = "r"

    assert is_failed_run(failure_of(Ended(), None, 1))  # type: ignore[arg-type]


@pytest.mark.parametrize("on_expiry", ["reject", "fail", "cancel"])
@pytest.mark.parametrize("way", ["object", "data", "held"])
@asynchronous
async def test_a_decision_that_comes_too_late_is_an_error_whatever_happens_then(
    db: SqliteDatabase, on_expiry: str, way: str
) -> None:
    function = pay_within(0.2, on_expiry)
    output, requirement = await paused(db, function)
    requirement.confirm(by="ann")
    data = {**requirement.to_dict()}
    assert requirement.expires_at is not None
    # By the clock alone: whoever looked at the database would write it down.
    await asyncio.sleep(max(0.0, (requirement.expires_at - datetime.now(timezone.utc)).total_seconds()) + 0.02)
    passed: dict[str, Any] = {} if way == "held" else {"requirements": [requirement if way == "object" else data]}
    with pytest.raises(RequirementExpiredError) as caught:
        await agent(db, function).continue_run_async(run_id=output.run_id, **passed)
    assert caught.value.requirement_id == requirement.id
    ended = {"reject": RunStatus.paused, "fail": RunStatus.error, "cancel": RunStatus.cancelled}
    assert db.run(output.run_id).status == ended[on_expiry]
