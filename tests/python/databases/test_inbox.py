"""The database as an inbox: what waits for people is found and decided without any agent's code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    InMemoryDatabase,
    InvalidResolutionError,
    ModelReply,
    RequirementConflictError,
    RunNotFoundError,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    Task,
    ToolCall,
    tool,
)

AnyDatabase = SqliteDatabase | InMemoryDatabase


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


@tool(requires_user_input=True, user_input_fields=["city"])
def book(nights: int, city: str) -> str:
    """Book a room."""
    return f"{nights} nights in {city}"


@tool(external_execution=True)
def measure(what: str) -> str:
    """Measure something elsewhere."""
    return what


@pytest.fixture(params=["sqlite", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    if request.param == "memory":
        return InMemoryDatabase()
    return SqliteDatabase(tmp_path / "runs.db")


def _start(database: AnyDatabase, *calls: ToolCall, **identity: Any) -> str:
    replies = [ModelReply(tool_calls=list(calls)), "done"] if calls else ["done"]
    agent = Agent(ScriptedModel(replies), db=database, tools=[pay, book, measure], **identity)
    run_id: str = agent.do(Task("Work"), return_output=True).run_id
    return run_id


def _continue(database: AnyDatabase, run_id: str) -> Any:
    agent = Agent(ScriptedModel(["unused", "done"]), db=database, tools=[pay, book, measure])
    return agent.continue_run(run_id=run_id, return_output=True)


PAY = ToolCall("pay", {"amount": 5})


def test_runs_are_listed_newest_first_and_page_by_page(database: AnyDatabase) -> None:
    started = [_start(database) for _ in range(5)]
    newest = database.runs(limit=2)
    rest = database.runs(before=newest[-1].run_id)
    assert [run.run_id for run in [*newest, *rest]] == started[::-1]


def test_runs_are_found_by_status_agent_session_and_user(database: AnyDatabase) -> None:
    paused = _start(database, PAY, name="cashier", session_id="s1", user_id="ann")
    done = _start(database, name="clerk", session_id="s1", user_id="bob")
    found = {
        "paused": [run.run_id for run in database.runs(status="PAUSED")],
        "completed": [run.run_id for run in database.runs(status=RunStatus.completed)],
        "cashier": [run.run_id for run in database.runs(agent_name="cashier")],
        "session": [run.run_id for run in database.runs(session_id="s1")],
        "bob": [run.run_id for run in database.runs(user_id="bob", session_id="s1")],
        "nobody": database.runs(user_id="eve"),
    }
    assert found == {
        "paused": [paused],
        "completed": [done],
        "cashier": [paused],
        "session": [done, paused],
        "bob": [done],
        "nobody": [],
    }


def test_runs_and_requirements_are_found_by_the_beginning_of_their_id(database: AnyDatabase) -> None:
    started = [_start(database, PAY) for _ in range(3)]
    opened = [item.id for item in database.requirements()]
    assert [run.run_id for run in database.runs(id_prefix=started[1])] == [started[1]]
    assert [item.id for item in database.requirements(id_prefix=opened[2][:30])] == [opened[2]]
    assert len(database.runs(id_prefix=started[0][:4])) == 3
    assert database.runs(id_prefix="*") == database.requirements(id_prefix="%") == []
    assert len(database.requirements(id_prefix="")) == 3


def test_each_commit_changes_the_data_version_and_looking_does_not(database: AnyDatabase) -> None:
    before = database.data_version()
    run_id = _start(database, PAY)
    after = database.data_version()
    database.run(run_id)
    assert before != after == database.data_version()


def test_who_cancelled_stands_in_the_journal(database: AnyDatabase) -> None:
    run_id = _start(database, PAY)
    assert database.cancel(run_id, by="ann")
    (asked,) = (entry["entry"] for entry in database.journal(run_id) if entry["kind"] == "cancel_requested")
    assert asked["by"] == "ann"


def test_a_listed_run_tells_everything_when_asked(database: AnyDatabase) -> None:
    run_id = _start(database, PAY, name="cashier")
    (listed,) = database.runs()
    looked_up = database.run(run_id)
    assert listed.agent_name == "cashier"
    assert listed.is_paused
    assert listed.pause_reason == "confirmation"
    assert listed.to_dict() == looked_up.to_dict()


@pytest.mark.parametrize("limit", [0, -1, 2**32, 2**70])
def test_a_limit_that_is_no_number_of_items_is_refused_by_name(database: AnyDatabase, limit: int) -> None:
    for ask in (database.runs, database.requirements, database.remembered):
        with pytest.raises(ValueError, match=f"limit must be from 1 to 4294967295, got {limit}"):
            ask(limit=limit)
    assert database.runs(limit=2**32 - 1) == database.requirements(limit=2**32 - 1) == []


@pytest.mark.parametrize("limit", [True, "5", 2.0])
def test_a_limit_that_is_no_int_is_refused_by_name(database: AnyDatabase, limit: Any) -> None:
    for ask in (database.runs, database.requirements, database.remembered):
        with pytest.raises(TypeError, match=f"limit must be an int or None, got {limit!r}"):
            ask(limit=limit)


@pytest.mark.parametrize("open_only", ["no", 0, None])
def test_a_word_in_the_place_of_yes_or_no_is_refused(database: AnyDatabase, open_only: Any) -> None:
    for ask in (database.requirements, database.count_requirements):
        with pytest.raises(TypeError, match=f"open_only must be True or False, got {open_only!r}"):
            ask(open_only=open_only)


def test_an_unknown_status_or_limit_is_refused(database: AnyDatabase) -> None:
    with pytest.raises(ValueError, match=r"'SLEEPING' is not a status of a run; the statuses are: .*PAUSED"):
        database.runs(status="SLEEPING")
    with pytest.raises(ValueError, match="limit"):
        database.requirements(limit=0)


def test_open_requirements_of_all_runs_are_listed_newest_first(database: AnyDatabase) -> None:
    first = _start(database, PAY, ToolCall("measure", {"what": "heat"}))
    second = _start(database, ToolCall("book", {"nights": 2}))
    found = [(item.run_id, item.kind) for item in database.requirements()]
    assert found == [(second, "user_input"), (first, "external_tool"), (first, "confirmation")]
    assert [item.kind for item in database.requirements(run_id=first, kind="confirmation")] == ["confirmation"]
    newest = database.requirements(limit=1)
    assert len(database.requirements(before=newest[0].id)) == 2


def test_a_requirement_decided_in_the_inbox_lets_the_run_go_on(database: AnyDatabase) -> None:
    run_id = _start(database, PAY)
    (requirement,) = database.requirements()
    requirement.confirm(by="ann")
    requirement.commit()
    assert database.requirements() == []
    (decided,) = database.requirements(open_only=False)
    assert (decided.decided_by, decided.confirmation) == ("ann", True)
    assert decided.decided_at is not None
    output = _continue(database, run_id)
    assert [message.content for message in output.messages if message.role == "tool"] == ["paid 5"]


def test_fields_are_answered_and_results_are_set_with_the_name_of_who_did_it(database: AnyDatabase) -> None:
    run_id = _start(database, ToolCall("book", {"nights": 2}), ToolCall("measure", {"what": "heat"}))
    by_kind = {item.kind: item for item in database.requirements()}
    by_kind["user_input"].answer({"city": "Oslo"}, by="bob")
    by_kind["external_tool"].set_external_execution_result("21 degrees", by="probe 7")
    for requirement in by_kind.values():
        requirement.commit()
    output = _continue(database, run_id)
    assert [item.decided_by for item in output.requirements] == ["bob", "probe 7"]
    assert [item.result for item in output.tools] == ["2 nights in Oslo", "21 degrees"]


def test_answering_a_field_that_was_not_asked_for_is_refused(database: AnyDatabase) -> None:
    _start(database, ToolCall("book", {"nights": 2}))
    (requirement,) = database.requirements()
    with pytest.raises(InvalidResolutionError, match="town"):
        requirement.answer({"town": "Oslo"})


def test_two_people_who_decide_differently_hear_of_each_other(database: AnyDatabase) -> None:
    _start(database, PAY)
    (anns,) = database.requirements()
    (bobs,) = database.requirements()
    anns.reject("too much", by="ann")
    anns.commit()
    bobs.confirm(by="bob")
    with pytest.raises(RequirementConflictError) as caught:
        bobs.commit()
    assert caught.value.decided_by == "ann"
    assert caught.value.decision == {"type": "reject", "note": "too much"}


def test_committing_without_a_decision_says_what_to_do(database: AnyDatabase) -> None:
    _start(database, PAY)
    (requirement,) = database.requirements()
    with pytest.raises(ValueError, match="confirm"):
        requirement.commit()


def test_requirements_of_a_cancelled_run_do_not_wait_for_anybody(database: AnyDatabase) -> None:
    run_id = _start(database, PAY)
    assert database.cancel(run_id)
    assert database.requirements() == []
    assert len(database.requirements(open_only=False)) == 1


def test_the_journal_is_readable_without_agent_code(database: AnyDatabase) -> None:
    run_id = _start(database, PAY)
    kinds = [entry["kind"] for entry in database.journal(run_id)]
    assert kinds == ["run_started", "model_replied", "requirement_opened", "run_paused"]


def test_the_async_forms_give_the_same(database: AnyDatabase) -> None:
    run_id = _start(database, PAY)

    async def ask() -> tuple[Any, ...]:
        return (
            (await database.run_async(run_id)).run_id,
            [run.run_id for run in await database.runs_async(status="PAUSED")],
            [item.run_id for item in await database.requirements_async(kind="confirmation")],
            len(await database.journal_async(run_id)),
        )

    assert asyncio.run(ask()) == (run_id, [run_id], [run_id], 4)


def test_an_unknown_run_is_not_found(database: AnyDatabase) -> None:
    with pytest.raises(RunNotFoundError):
        database.run("nothing")
    with pytest.raises(RunNotFoundError):
        database.journal("nothing")


@pytest.mark.parametrize("name", ["agent_name", "session_id", "user_id", "id_prefix", "before"])
def test_a_run_is_not_looked_for_by_what_no_text_can_be(database: AnyDatabase, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} can't be found: .* lone surrogate"):
        database.runs(**{name: "\ud800"})
    wrong: Any = 3
    with pytest.raises(TypeError, match=f"{name} must be a str or None, got 3"):
        database.runs(**{name: wrong})


@pytest.mark.parametrize("name", ["run_id", "id_prefix", "before"])
def test_a_requirement_is_not_looked_for_by_what_no_text_can_be(database: AnyDatabase, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} can't be found: .* lone surrogate"):
        database.requirements(**{name: "\ud800"})
