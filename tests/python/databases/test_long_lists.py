"""Lists give all there is, however much that is, and counts say how much."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.evidence import tamper
from haltpoint import (
    Agent,
    DamagedRunError,
    DamagedRunWarning,
    InMemoryDatabase,
    InvalidResolutionError,
    ModelReply,
    RequirementNotFoundError,
    RunNotFoundError,
    ScriptedModel,
    SqliteDatabase,
    StoreError,
    Task,
    ToolCall,
    tool,
)
from support.many import approve_for_session, pause_in_many_runs, pause_in_one_run

AnyDatabase = SqliteDatabase | InMemoryDatabase

MANY = 2000
IN_ONE_RUN = 300


def _open(kind: str, directory: Path) -> AnyDatabase:
    return InMemoryDatabase() if kind == "memory" else SqliteDatabase(directory / "runs.db", durability="normal")


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyDatabase]:
    """A database in which 2,000 runs wait for one decision each, and an older one for 300."""
    with _open(request.param, tmp_path_factory.mktemp("full")) as database:
        pause_in_one_run(database, IN_ONE_RUN)
        pause_in_many_runs(database, MANY)
        yield database


@pytest.fixture(params=["sqlite", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    """An empty database."""
    with _open(request.param, tmp_path) as opened:
        yield opened


def _pages(read: Callable[..., list[Any]], id_of: Callable[[Any], str], size: int) -> list[str]:
    ids: list[str] = []
    while page := read(limit=size, before=ids[-1] if ids else None):
        assert len(page) <= size
        ids += map(id_of, page)
    return ids


def test_without_a_limit_all_is_listed_and_as_much_is_counted(full: AnyDatabase) -> None:
    assert len(full.runs()) == full.count_runs() == MANY + 1
    assert len(full.runs(status="PAUSED")) == full.count_runs(status="PAUSED") == MANY + 1
    assert full.count_runs(status="COMPLETED") == 0 == len(full.runs(status="COMPLETED"))
    assert len(full.requirements()) == full.count_requirements() == MANY + IN_ONE_RUN
    assert full.count_requirements(kind="user_input") == 0


def test_pages_hold_the_same_in_the_same_order_as_the_whole_list(full: AnyDatabase) -> None:
    requirements = [item.id for item in full.requirements()]
    assert len(set(requirements)) == MANY + IN_ONE_RUN
    assert _pages(full.requirements, lambda item: item.id, 311) == requirements
    runs = [run.run_id for run in full.runs()]
    assert _pages(full.runs, lambda run: run.run_id, 311) == runs
    moments = [item.created_at for item in full.requirements()]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 2047, 2048, 2049, 2**32 - 1])
def test_a_limit_is_kept(full: AnyDatabase, limit: int) -> None:
    requirements, runs = full.requirements(limit=limit), full.runs(limit=limit)
    assert len(requirements) == min(limit, MANY + IN_ONE_RUN)
    assert len(runs) == min(limit, MANY + 1)


def test_each_filter_counts_what_it_lists(full: AnyDatabase) -> None:
    requirements, runs = full.requirements(), full.runs()
    of_run = requirements[-1].run_id
    assert full.count_requirements(run_id=of_run) == len(full.requirements(run_id=of_run)) == IN_ONE_RUN
    prefix = requirements[700].id[:1]
    assert full.count_requirements(id_prefix=prefix) == len(full.requirements(id_prefix=prefix))
    assert full.count_requirements(before=requirements[9].id) == len(requirements) - 10
    assert full.count_runs(before=runs[9].run_id) == len(runs) - 10
    assert full.count_runs(id_prefix=runs[5].run_id) == 1
    assert (
        full.count_runs(agent_name="nobody") == full.count_runs(session_id="none") == full.count_runs(user_id="x") == 0
    )


def test_the_async_forms_list_and_count_all(full: AnyDatabase) -> None:
    async def ask() -> tuple[int, ...]:
        return (
            len(await full.runs_async()),
            await full.count_runs_async(status="PAUSED"),
            len(await full.requirements_async()),
            await full.count_requirements_async(),
            await full.count_remembered_async(),
        )

    assert asyncio.run(ask()) == (MANY + 1, MANY + 1, MANY + IN_ONE_RUN, MANY + IN_ONE_RUN, 0)


def test_counting_refuses_what_listing_refuses(database: AnyDatabase) -> None:
    with pytest.raises(ValueError, match="SLEEPING"):
        database.count_runs(status="SLEEPING")
    with pytest.raises(ValueError, match='"guess" is not a kind of requirement; the kinds are: '):
        database.count_requirements(kind="guess")  # type: ignore[arg-type]
    for count in (database.count_runs, database.count_requirements, database.count_remembered):
        with pytest.raises(ValueError, match="id_prefix can't be found"):
            count(id_prefix="\ud800")
        with pytest.raises(TypeError, match="before must be a str"):
            count(before=3)  # type: ignore[arg-type]


def test_what_is_decided_counts_among_all_and_not_among_what_waits(database: AnyDatabase) -> None:
    pause_in_one_run(database, 3)
    (newest, *_) = database.requirements()
    newest.confirm(by="ann")
    newest.commit()
    assert (database.count_requirements(), database.count_requirements(open_only=False)) == (2, 3)
    assert [item.decided_by for item in database.requirements(open_only=False)] == ["ann", None, None]


def test_one_requirement_is_found_by_its_id_and_can_be_decided(full: AnyDatabase) -> None:
    oldest = full.requirements()[-1]
    found = full.requirement(oldest.id)
    assert found.to_dict() == oldest.to_dict()
    assert asyncio.run(full.requirement_async(oldest.id)).id == oldest.id


def test_a_found_requirement_is_decided_as_one_of_a_list(database: AnyDatabase) -> None:
    pause_in_one_run(database, 2)
    first, second = database.requirements()
    found = database.requirement(first.id)
    found.confirm(by="ann")
    found.commit()
    assert database.requirement(first.id).decided_by == "ann"
    assert [item.id for item in database.requirements()] == [second.id]


@pytest.mark.parametrize("wrong", ["nothing", "", "0", "x" * 1000])
def test_a_requirement_that_is_not_there_is_an_error_of_its_own(full: AnyDatabase, wrong: str) -> None:
    with pytest.raises(RequirementNotFoundError, match=r"no requirement .*open_only=False") as caught:
        full.requirement(wrong)
    assert isinstance(caught.value, InvalidResolutionError) and caught.value.requirement_id == wrong
    assert repr(pickle.loads(pickle.dumps(caught.value))) == repr(caught.value)


@pytest.mark.parametrize("wrong", ["nothing", "", "x" * 1000])
def test_a_page_behind_what_is_not_there_is_an_error(full: AnyDatabase, wrong: str) -> None:
    for ask in (full.runs, full.count_runs):
        with pytest.raises(RunNotFoundError) as no_run:
            ask(before=wrong)
        assert no_run.value.run_id == wrong
    for ask in (full.requirements, full.count_requirements, full.remembered, full.count_remembered):
        with pytest.raises(RequirementNotFoundError) as no_requirement:
            ask(before=wrong)
        assert no_requirement.value.requirement_id == wrong


def test_a_page_behind_the_last_one_is_empty(full: AnyDatabase) -> None:
    last_run, last = full.runs()[-1].run_id, full.requirements()[-1].id
    assert (full.runs(before=last_run), full.count_runs(before=last_run)) == ([], 0)
    assert (full.requirements(before=last), full.count_requirements(before=last)) == ([], 0)
    # What was never remembered is a place, too: what is older than it comes next.
    assert (full.remembered(before=last), full.count_remembered(before=last)) == ([], 0)


def test_a_page_may_begin_behind_what_the_list_itself_leaves_out(full: AnyDatabase) -> None:
    last_run, last = full.runs()[0].run_id, full.requirements()[0].id
    assert (full.runs(status="COMPLETED", before=last_run), full.count_runs(status="COMPLETED", before=last_run)) == (
        [],
        0,
    )
    assert full.requirements(kind="user_input", before=last) == []
    assert full.count_requirements(kind="user_input", before=last) == 0


def test_a_beginning_of_an_id_is_no_id(full: AnyDatabase) -> None:
    with pytest.raises(RequirementNotFoundError):
        full.requirement(full.requirements(limit=1)[0].id[:-1])


def test_an_id_that_no_text_can_be_is_refused(full: AnyDatabase) -> None:
    with pytest.raises(ValueError, match="requirement_id can't be found"):
        full.requirement("\ud800")
    with pytest.raises(TypeError, match="requirement_id must be a str"):
        full.requirement(3)  # type: ignore[arg-type]


def test_remembered_approvals_are_listed_and_counted_without_a_limit(database: AnyDatabase) -> None:
    approve_for_session(database, 150)
    standing = database.remembered()
    assert len(standing) == database.count_remembered() == database.count_remembered(session_id="shop") == 150
    ids = [item.requirement_id for item in standing]
    assert _pages(database.remembered, lambda item: item.requirement_id, 7) == ids
    assert database.count_remembered(before=ids[99]) == 50
    prefix = ids[140][:6]
    found = database.remembered(id_prefix=prefix)
    assert ids[140] in [item.requirement_id for item in found]
    assert len(found) == database.count_remembered(id_prefix=prefix)
    database.revoke(ids[3])
    assert database.count_remembered() == 149


def test_damaged_runs_are_told_of_once_each_in_a_list_of_many_parts(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with SqliteDatabase(path, durability="normal") as database:
        pause_in_one_run(database, 20)
        pause_in_many_runs(database, 500)
        pause_in_one_run(database, 20)
        damaged = [run.run_id for run in database.runs()[::100]]
        (of_damaged, *_) = database.requirements(run_id=damaged[0])
    tamper("sql", path, *(_damage(run_id) for run_id in damaged))
    with SqliteDatabase(path) as database:
        told: list[str | None] = []
        found = database.requirements(on_damaged=lambda error: told.append(error.run_id))
        assert told == damaged
        assert len(found) == 540 - 20 - (len(damaged) - 1)
        assert database.count_requirements() == 540
        with pytest.raises(DamagedRunError):
            database.requirement(of_damaged.id)
        told.clear()
        limited = database.requirements(limit=510, on_damaged=lambda error: told.append(error.run_id))
        assert [item.id for item in limited] == [item.id for item in found[:510]]
        assert told == damaged


def _damage(run_id: str) -> str:
    run = f"(SELECT run FROM runs WHERE run_id = '{run_id}')"
    return f"UPDATE entries SET hash = x'00' WHERE id >> 32 = {run} AND kind = 'run_started'"


def test_a_list_that_nothing_can_be_read_for_ends_with_the_error(database: AnyDatabase) -> None:
    pause_in_one_run(database, 2)
    database.close()
    for ask in (database.runs, database.requirements, database.remembered):
        with pytest.raises(StoreError):
            ask()


@tool(requires_confirmation=True, expires_after=0.000001)
def hurry(amount: int) -> str:
    """Pay at once."""
    return f"paid {amount}"


def _start_hurried(database: AnyDatabase, count: int) -> str:
    calls = [ToolCall("hurry", {"amount": amount}) for amount in range(count)]
    agent = Agent(ScriptedModel([ModelReply(tool_calls=calls)]), db=database, tools=[hurry], tool_call_limit=count)
    run_id: str = agent.do(Task("Hurry."), return_output=True).run_id
    return run_id


def test_all_that_is_due_expires_however_much_that_is(database: AnyDatabase) -> None:
    _start_hurried(database, 600)
    assert database.expire_due() == 600
    assert database.expire_due() == 0


def test_what_can_not_expire_keeps_nothing_behind_it_from_expiring(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with SqliteDatabase(path, durability="normal") as database:
        damaged = _start_hurried(database, 600)
    with SqliteDatabase(path, durability="normal", audit_key="a key of more than 16 bytes") as keyed:
        _start_hurried(keyed, 600)
    tamper("sql", path, _damage(damaged))
    with SqliteDatabase(path, durability="normal") as database:
        sound = _start_hurried(database, 3)
        with pytest.warns(DamagedRunWarning, match=damaged) as warned:
            assert database.expire_due() == 3
        assert len(warned) == 1
        assert all(item.is_expired for item in database.run(sound).requirements)
