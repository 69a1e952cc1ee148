"""Runs move from one database to another: whole, once, and never to be driven in two at once."""

from __future__ import annotations

import asyncio
import json
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AuditKeyError,
    InMemoryDatabase,
    ModelReply,
    PostgresDatabase,
    RunBusyError,
    RunMovedError,
    RunRequirement,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    StoreError,
    ToolCall,
    UnfinishedRunError,
    exceptions,
    tool,
)
from haltpoint.db import Database
from support.command import CommandLine
from support.databases import is_server, named

_KINDS = ["file", "other"]


def _name(kind: str, place: str, directory: Path) -> Path | str:
    """A file, or where the tests run on a server, a database on it."""
    path = directory / f"{place}.db"
    return path if kind == "file" else named(path)


def _open(name: Path | str, **settings: Any) -> SqliteDatabase | PostgresDatabase:
    return PostgresDatabase(name, **settings) if isinstance(name, str) else SqliteDatabase(name, **settings)


# Without a server the other kind is a file, too: then each pair is one.
_PAIRS = (
    [("file", "file"), ("file", "other"), ("other", "file"), ("other", "other")] if is_server() else [("file",) * 2]
)


@pytest.fixture(params=_PAIRS, ids="-to-".join)
def names(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path | str, Path | str]:
    source, target = request.param
    return _name(source, "source", tmp_path), _name(target, "target", tmp_path)


@pytest.fixture
def pair(names: tuple[Path | str, Path | str]) -> Iterator[tuple[Database, Database]]:
    with ExitStack() as stack:
        yield stack.enter_context(_open(names[0])), stack.enter_context(_open(names[1]))


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def _agent(database: Database, *replies: Any) -> Agent:
    return Agent(
        ScriptedModel(list(replies)), db=database, tools=[pay], name="clerk", session_id="monday", user_id="ann"
    )


_CALLS = ModelReply(tool_calls=[ToolCall("pay", {"amount": 5}), ToolCall("pay", {"amount": 7})])


def _paused(database: Database) -> str:
    run_id: str = _agent(database, _CALLS, "done").do("Pay", return_output=True).run_id
    return run_id


def _confirm(database: Database, run_id: str, place: int = 0, **terms: Any) -> None:
    requirement = database.requirements(run_id=run_id)[place]
    requirement.confirm(by="ann", **terms)
    requirement.commit()


def _finished(database: Database) -> str:
    run_id = _paused(database)
    for _ in range(2):
        _confirm(database, run_id)
    assert _agent(database, "", "done").continue_run(run_id=run_id) == "done"
    return run_id


def _kinds(database: Database, run_id: str) -> list[str]:
    return [entry["kind"] for entry in database.journal(run_id)]


def test_a_paused_run_moves_there_and_back_and_is_continued(pair: tuple[Database, Database]) -> None:
    source, target = pair
    run_id = _paused(source)
    before = source.run(run_id)
    _confirm(source, run_id)
    report = source.move_to(target, by="ada")
    assert (report.done, report.before, report.refused) == ((run_id,), (), ())
    assert source.move_to(target).before == (run_id,)

    gone, there = source.run(run_id), target.run(run_id)
    assert (gone.status, there.status) == (RunStatus.moved, RunStatus.paused)
    assert (there.session_id, there.user_id, there.agent_name) == ("monday", "ann", "clerk")
    assert there.created_at == before.created_at
    assert source.requirements() == []
    assert len(target.requirements()) == 1
    assert source.verify(run_id).ok
    assert target.verify(run_id).ok

    assert [(one.action, one.by) for one in source.audit(run_id)] == [("confirmed", "ann"), ("moved", "ada")]
    *_, moved, arrived = target.audit(run_id)
    assert [(one.action, one.by) for one in (moved, arrived)] == [("moved", "ada"), ("arrived", "ada")]
    assert ((moved.reason or "")[:3], (arrived.reason or "")[:5]) == ("to ", "from ")

    _confirm(target, run_id)
    assert target.move_to(source).done == (run_id,)
    assert target.run(run_id).status is RunStatus.moved
    assert source.verify(run_id).ok
    assert _agent(source, "", "done").continue_run(run_id=run_id) == "done"
    assert source.run(run_id).status is RunStatus.completed
    assert [kind for kind in _kinds(source, run_id) if kind in ("run_moved", "run_arrived")] == [
        *("run_moved", "run_arrived") * 2
    ]
    assert source.check() == target.check() == []


def test_what_is_done_where_it_was_says_where_it_went(pair: tuple[Database, Database]) -> None:
    source, target = pair
    run_id = _paused(source)
    (requirement, _) = source.requirements(run_id=run_id)
    source.move_to(target)

    async def decide() -> None:
        requirement.confirm(by="ann")
        await requirement

    for attempt in [
        lambda: _agent(source, "", "done").continue_run(run_id=run_id),
        lambda: asyncio.run(decide()),
        lambda: source.cancel(run_id),
        lambda: source.requeue(run_id),
    ]:
        with pytest.raises(RunMovedError, match="was moved to") as raised:
            attempt()
        assert raised.value.run_id == run_id
        assert raised.value.moved_to == target.label
        assert pickle.loads(pickle.dumps(raised.value)).moved_to == target.label
    assert "s3cret" not in target.label


def test_all_kinds_of_runs_move_as_they_are(pair: tuple[Database, Database]) -> None:
    source, target = pair
    done, erased, cancelled, queued = _finished(source), _finished(source), _paused(source), None
    source.erase(run_id=erased, by="dpo")
    source.cancel(cancelled)
    queued = _agent(source, "x").submit("Wait")
    expected = {run.run_id: run.status for run in source.runs()}
    report = source.move_to(target)
    assert report.refused == ()
    assert set(report.done) == {done, erased, cancelled, queued} == set(expected)
    assert {run.run_id: run.status for run in target.runs()} == expected
    assert {run.status for run in source.runs()} == {RunStatus.moved}
    assert source.check() == target.check() == []
    with pytest.raises(exceptions.RunErasedError):
        target.export(erased)
    assert source.export(done).splitlines()[1:-1] == target.export(done).splitlines()[1:-2]


def test_only_chosen_runs_move(pair: tuple[Database, Database]) -> None:
    source, target = pair
    first, second = _paused(source), _paused(source)
    done = _finished(source)
    assert source.move_to(target, status=RunStatus.completed).done == (done,)
    assert source.move_to(target, run_ids=first).done == (first,)
    assert source.run(second).is_paused
    with pytest.raises(ValueError, match="one of status and run_ids"):
        source.move_to(target, status="PAUSED", run_ids=first)
    with pytest.raises(ValueError, match="both databases are"):
        source.move_to(source)
    (missing,) = source.move_to(target, run_ids="none").refused
    assert isinstance(missing, exceptions.RunNotFoundError)


def test_driven_runs_stay_and_the_others_move(pair: tuple[Database, Database], names: tuple[Any, Any]) -> None:
    source, target = pair
    waiting = _paused(source)

    async def play() -> tuple[str, Any]:
        begun, go_on = asyncio.Event(), asyncio.Event()

        @tool
        async def hold() -> str:
            """Hold."""
            begun.set()
            await go_on.wait()
            return "held"

        agent = Agent(
            ScriptedModel([ModelReply(tool_calls=[ToolCall("hold", {})]), "done"]), db=source, tools=[hold], name="slow"
        )
        running = asyncio.ensure_future(agent.do_async("Hold", return_output=True))
        await begun.wait()
        report = await source.move_to_async(target)
        go_on.set()
        return (await running).run_id, report

    driven, report = asyncio.run(play())
    assert report.done == (waiting,)
    (busy,) = report.refused
    assert isinstance(busy, RunBusyError)
    assert busy.run_id == driven
    assert source.run(driven).status is RunStatus.completed


def test_remembered_approvals_answer_where_the_run_went(pair: tuple[Database, Database]) -> None:
    source, target = pair
    run_id = _paused(source)
    _confirm(source, run_id, remember="session")
    _confirm(source, run_id)
    assert len(source.remembered()) == 1
    source.move_to(target)
    assert source.remembered() == []
    assert source.count_remembered() == 0
    (approval,) = target.remembered()
    assert approval.run_id == run_id
    # A new call of the session is answered there, and not here.
    assert _agent(target, _CALLS, "done").do("Pay again") == "done"
    with pytest.warns(exceptions.RunNotCompletedWarning):
        assert _agent(source, _CALLS, "done").do("Pay again") is None


def test_copies_are_whole_and_of_finished_runs_only(pair: tuple[Database, Database]) -> None:
    source, target = pair
    done, paused = _finished(source), _paused(source)
    report = source.copy_to(target)
    assert report.done == (done,)
    (refused,) = report.refused
    assert isinstance(refused, UnfinishedRunError)
    assert refused.run_id == paused
    assert source.copy_to(target, status="COMPLETED").before == (done,)
    assert source.export(done) == target.export(done)
    assert target.verify(done, source.verify(done).head).ok
    assert source.run(done).status is RunStatus.completed


def test_a_keyed_run_needs_its_key_on_both_sides(tmp_path: Path, names: tuple[Any, Any]) -> None:
    key = b"a key of sixteen"
    with _open(names[0], audit_key=key) as source, _open(names[1]) as plain:
        run_id = _paused(source)
        (refused,) = source.move_to(plain).refused
        assert isinstance(refused, AuditKeyError)
        assert source.run(run_id).is_paused
    with _open(names[0], audit_key=key) as source, _open(names[1], audit_key=key) as target:
        assert source.move_to(target).done == (run_id,)
        assert target.verify(run_id).ok
        assert target.verify(run_id).keyed


def test_memory_moves_to_a_file_and_takes_copies_only(tmp_path: Path) -> None:
    with InMemoryDatabase() as memory, SqliteDatabase(tmp_path / "runs.db") as file:
        run_id, done = _paused(memory), _finished(file)
        assert memory.move_to(file).done == (run_id,)
        with pytest.raises(ValueError, match="in memory"):
            file.move_to(memory)
        assert file.copy_to(memory, run_ids=done).done == (done,)
        assert memory.verify(done).ok
        for _ in range(2):
            _confirm(file, run_id)
        assert _agent(file, "", "done").continue_run(run_id=run_id) == "done"


@pytest.mark.parametrize("force", [False, True])
def test_what_is_left_of_a_moved_run_can_be_erased(pair: tuple[Database, Database], force: bool) -> None:
    source, target = pair
    run_id = _paused(source)
    source.move_to(target)
    assert source.erase(user_id="ann", by="dpo", force=force) == [run_id]
    assert source.verify(run_id).ok
    assert target.run(run_id).is_paused
    assert target.verify(run_id).ok
    # What came of it is not brought back into what was erased.
    assert len(target.move_to(source).refused) == 1
    assert target.run(run_id).is_paused


def _rows(path: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_events_that_nobody_got_come_along_once(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    with SqliteDatabase(source):
        pass
    _rows(source, "INSERT INTO subscriptions (name, position, claimed_by, claimed_until) VALUES ('hook', 0, '', 0)")
    with SqliteDatabase(source) as database:
        run_id, stays = _paused(database), _paused(database)
        kinds = _kinds(database, run_id)
    # The first two are delivered.
    _rows(source, "UPDATE subscriptions SET position = 2")
    with SqliteDatabase(source) as database, SqliteDatabase(target) as other:
        assert database.move_to(other, run_ids=run_id).done == (run_id,)
        assert database.move_to(other, run_ids=run_id).before == (run_id,)
        assert stays in [run.run_id for run in database.runs()]
    assert _rows(target, "SELECT name, position FROM subscriptions") == [("hook", 0)]
    left = [seq for (seq,) in _rows(target, "SELECT entry & 4294967295 FROM outbox ORDER BY place")]
    # What came after those two, with the entries that say that it moved.
    assert left == list(range(3, len(kinds) + 3))
    assert {run for (run,) in _rows(source, "SELECT DISTINCT entry >> 32 FROM outbox")} == {2}


def test_a_tampered_run_stays_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "source.db"
    with SqliteDatabase(path) as source:
        good, bad = _paused(source), _paused(source)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE entries SET payload = replace(payload, 'amount', 'amounts') WHERE kind = 'model_replied' "
            "AND id >> 32 = (SELECT run FROM runs WHERE run_id = ?)",
            [bad],
        )
    connection.close()
    with SqliteDatabase(path) as source, SqliteDatabase(tmp_path / "target.db") as target:
        report = source.move_to(target)
        assert report.done == (good,)
        assert [error.run_id for error in report.refused] == [bad]
        assert "not those that were written" in str(report.refused[0])
        assert [run.run_id for run in target.runs()] == [good]


def test_a_copy_that_is_changed_before_it_is_opened_is_found(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    with SqliteDatabase(source) as database:
        run_id = _paused(database)
    killed = CommandLine(source)("move", str(source), str(target), env={"HALTPOINT_FAULT": "after_import:1"})
    assert killed.code == -9
    with sqlite3.connect(target) as connection:
        connection.execute("UPDATE entries SET payload = replace(payload, '5', '6') WHERE kind = 'model_replied'")
    connection.close()
    printed = CommandLine(source)("move", str(source), str(target), "--json")
    assert printed.code == 1
    (refused,) = json.loads(printed.out)["refused"]
    assert refused["run_id"] == run_id
    with SqliteDatabase(target) as database:
        assert [run.status for run in database.runs()] == [RunStatus.moved]


def test_another_run_of_the_same_id_is_refused(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    with SqliteDatabase(source) as database:
        run_id = _paused(database)
        database.backup(target)
        _confirm(database, run_id)
    with SqliteDatabase(target) as database:
        _confirm(database, run_id, 1)
    with SqliteDatabase(source) as database, SqliteDatabase(target) as other:
        (refused,) = database.move_to(other).refused
        assert type(refused) is StoreError
        assert "another journal" in str(refused)
        assert database.run(run_id).is_paused
        assert other.run(run_id).is_paused


_POINTS = [
    *(
        f"{moment}_commit:{kind}"
        for kind in ("lease_acquired", "run_moved", "run_arrived")
        for moment in ("before", "after")
    ),
    "before_import",
    "after_import",
]


@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize("point", _POINTS)
def test_a_move_that_is_killed_goes_on(point: str, passing: int, names: tuple[Any, Any], tmp_path: Path) -> None:
    with _open(names[0]) as source:
        runs = [_paused(source), _paused(source)]
        for run_id in runs:
            _confirm(source, run_id)
    with _open(names[1]):
        pass
    command = ["move", str(names[0]), str(names[1]), "--json"]
    cli = CommandLine(tmp_path / "unused.db")
    assert cli(*command, env={"HALTPOINT_FAULT": f"{point}:{passing}"}).code == -9
    with _open(names[0]) as source, _open(names[1]) as target:
        drivable = [run.run_id for one in (source, target) for run in one.runs() if run.status is RunStatus.paused]
        assert len(drivable) == len(set(drivable))
    printed = cli(*command)
    assert printed.code == 0, printed.err
    assert sorted([*printed.record["done"], *printed.record["before"]]) == sorted(runs)
    with _open(names[0]) as source, _open(names[1]) as target:
        assert source.check() == target.check() == []
        assert {run.status for run in source.runs()} == {RunStatus.moved}
        for run_id in runs:
            _confirm(target, run_id)
            assert _agent(target, "", "done").continue_run(run_id=run_id) == "done"
            assert _kinds(target, run_id).count("run_arrived") == 1


def test_a_decision_that_comes_while_the_run_moves_is_in_one_of_the_two(names: tuple[Any, Any], tmp_path: Path) -> None:
    """Whoever decides either has it in the journal that moves, or is told where the run went."""
    with _open(names[0]) as source, _open(names[1]) as target:
        for _ in range(8):
            run_id = _paused(source)
            requirement: RunRequirement = source.requirements(run_id=run_id)[0]

            async def play(requirement: RunRequirement = requirement, run_id: str = run_id) -> bool:
                requirement.confirm(by="ann")

                async def decide() -> bool:
                    try:
                        await requirement
                    except RunMovedError:
                        return False
                    return True

                moved, decided = await asyncio.gather(source.move_to_async(target, run_ids=run_id), decide())
                assert moved.done == (run_id,), moved
                return decided

            was_decided = asyncio.run(play())
            assert len(target.requirements(run_id=run_id)) == (1 if was_decided else 2)
            assert target.verify(run_id).ok


def test_the_command_reports_and_its_exit_code_says_so(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    with SqliteDatabase(source) as database:
        done, paused = _finished(database), _paused(database)
    cli = CommandLine(source)
    copied = cli("copy", str(source), str(target), "--json")
    assert copied.code == 1
    assert json.loads(copied.out)["done"] == [done]
    assert [one["error"] for one in json.loads(copied.out)["refused"]] == ["UnfinishedRunError"]
    moved = cli("move", str(source), str(target), "--run", paused[:20], "--by", "ada")
    assert (moved.code, moved.out) == (0, "Moved 1 run.\n")
    gone = cli("--db", str(source), "cancel", paused)
    assert gone.code == 3
    assert str(target) in gone.err
    shown = cli("--db", str(source), "show", paused)
    assert f"ada moves the run to {target}" in shown.out
    assert json.loads(cli("--db", str(target), "runs", "--json").out.splitlines()[0])["status"] == "PAUSED"
