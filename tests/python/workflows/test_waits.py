"""Workflows that wait for a time: no process lives meanwhile, and a worker goes on in time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InMemoryDatabase,
    InvalidResolutionError,
    PostgresDatabase,
    RunNotCompletedWarning,
    RunRequirement,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    UnresolvedRequirementsError,
    sleep,
    sleep_until,
    workflow,
)
from support.command import COMMAND, CommandLine, Followed
from support.databases import named, opened
from support.inbox import Inbox
from support.running import asynchronous

from . import cases, naps

_FOLDER = Path(__file__).parents[1]

_Database = SqliteDatabase | PostgresDatabase


@pytest.fixture
def effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where effects are noted."""
    path = tmp_path / "effects"
    path.touch()
    monkeypatch.setenv(cases.EFFECTS, str(path))
    return path


@pytest.fixture
def db(tmp_path: Path) -> Iterator[_Database]:
    """A database that other processes can open."""
    with opened(tmp_path / "runs.db") as database:
        yield database


def _worker(tmp_path: Path) -> Followed:
    """A worker in a process of its own, once it looks for runs."""
    path = os.pathsep.join([str(_FOLDER), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "HALTPOINT_DB": str(named(tmp_path / "runs.db"))}
    worker = Followed([str(COMMAND), "worker", "workflows.naps:NAPS", "--json"], environment)
    assert worker.record()["kind"] == "started"
    return worker


def _acts(effects: Path) -> list[str]:
    return effects.read_text().split()


def _until(worker: Followed, kind: str) -> Any:
    """Wait until the worker says that."""
    while (said := worker.record())["kind"] != kind:
        pass
    return said


def _wait(output: AgentRunOutput[Any]) -> RunRequirement:
    (found,) = [item for item in output.requirements if item.kind == "wait" and not item.is_resolved]
    return found


def _lateness(db: _Database, run_id: str) -> float:
    """How long after its time the last wait of a run ended, in seconds."""
    expired = [item for item in db.journal(run_id) if item["kind"] == "requirement_expired"][-1]
    requirement = db.requirement(expired["entry"]["requirement_id"])
    assert requirement.expires_at is not None
    return float(expired["at"] / 1e6 - requirement.expires_at.timestamp())


@asynchronous
async def test_a_run_that_sleeps_asks_nobody(db: _Database, effects: Path) -> None:
    output = await naps.nap.start(naps.LONG, db=db, return_output=True)
    assert (output.status, output.pause_reason, output.active_requirements) == (RunStatus.paused, "wait", [])
    wait = _wait(output)
    assert wait.expires_at == wait.created_at + timedelta(seconds=naps.LONG) == output.sleeps_until
    assert (db.requirements(), db.count_requirements()) == ([], 0)
    assert db.requirements(run_id=output.run_id, open_only=False) == []
    assert [item.id for item in db.requirements(kind="wait")] == [wait.id]
    assert db.count_requirements(kind="wait") == 1
    assert db.requirement(wait.id).kind == "wait"
    assert db.verify(output.run_id).ok


@asynchronous
async def test_continuing_too_early_returns_the_paused_run(db: _Database, effects: Path) -> None:
    output = await naps.nap.start(naps.LONG, db=db, return_output=True)
    before = db.journal(output.run_id)
    again = await naps.nap.continue_run_async(output.run_id, db=db, return_output=True)
    assert (again.status, again.sleeps_until) == (RunStatus.paused, output.sleeps_until)
    with pytest.warns(RunNotCompletedWarning, match="it sleeps until 20"):
        assert await naps.nap.continue_run_async(output.run_id, db=db) is None
    assert db.journal(output.run_id) == before


@asynchronous
async def test_who_waits_for_the_run_waits_for_the_end_of_its_sleep(effects: Path) -> None:
    db = InMemoryDatabase()
    output = await naps.nap.start(0.2, db=db, return_output=True)
    assert await naps.nap.wait_and_continue_async(output.run_id, db=db) == "after"
    assert _acts(effects) == ["before", "after"]


@asynchronous
async def test_times_that_have_come_are_not_waited_for(db: _Database) -> None:
    output = await naps.past.start(db=db, return_output=True)
    assert (output.output, output.requirements) == ("here", [])


@asynchronous
async def test_a_sleep_that_can_mean_nothing_is_refused() -> None:
    @workflow
    async def wrong(kind: str) -> str:
        try:
            if kind == "naive":
                await sleep_until(datetime(2030, 1, 1))
            await sleep(float(kind))
        except ValueError as error:
            return str(error)
        return "slept"

    assert "time must be a datetime with a timezone" in (await wrong.start("naive") or "")
    for kind in ("nan", "inf", "1e12"):
        assert "at most 100 years" in (await wrong.start(kind) or "")
    with pytest.raises(RuntimeError, match=r"sleep\(...\) is for the body of a workflow"):
        await sleep(1)


@pytest.mark.parametrize(
    ("time", "error", "message"),
    [
        (datetime.max.replace(tzinfo=timezone.utc), ValueError, "must be at most 100 years from now"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), ValueError, "must be at most 100 years from now"),
        ("2030-01-01T00:00:00Z", TypeError, "must be a datetime with a timezone"),
    ],
)
@asynchronous
async def test_a_time_that_nobody_can_wait_for_is_refused_before_anything_is_written(
    db: _Database, time: Any, error: type[Exception], message: str
) -> None:
    @workflow(name="far")
    async def far() -> str:
        with pytest.raises(error, match=f"time {message}"):
            await sleep_until(time)
        return "awake"

    assert await far.start(db=db) == "awake"
    with pytest.raises(error, match=f"not_before {message}"):
        far.submit(db=db, not_before=time)
    assert len(db.runs()) == 1


@asynchronous
async def test_the_earliest_time_has_come() -> None:
    @workflow(name="early")
    async def early() -> str:
        await sleep_until(datetime.min.replace(tzinfo=timezone(timedelta(hours=14))))
        return "awake"

    assert await early.start(db=InMemoryDatabase()) == "awake"


@pytest.mark.parametrize("seconds", ["1", True, timedelta(seconds=1), None])
@asynchronous
async def test_what_is_no_number_of_seconds_is_refused(seconds: Any) -> None:
    @workflow(name="odd")
    async def odd() -> str:
        with pytest.raises(ValueError, match=r"sleep\(seconds\) takes a finite number of seconds"):
            await sleep(seconds)
        return "awake"

    assert await odd.start(db=InMemoryDatabase()) == "awake"


def test_a_worker_wakes_what_is_due_in_time(db: _Database, tmp_path: Path, effects: Path) -> None:
    with _worker(tmp_path) as worker:
        sleeper = naps.nap.submit(naps.LONG, db=db)
        run_id = naps.nap.submit(1.3, db=db)
        assert _until(worker, "completed")["run_id"] == run_id
    assert 0 <= _lateness(db, run_id) < 0.5
    assert (db.run(run_id).output, db.run(sleeper).status) == ("after", RunStatus.paused)
    assert sorted(_acts(effects)) == ["after", "before", "before"]
    assert db.verify(run_id).ok


def test_a_worker_that_was_killed_while_a_run_slept_leaves_it_to_the_next(
    db: _Database, tmp_path: Path, effects: Path
) -> None:
    with _worker(tmp_path) as worker:
        run_id = naps.nap.submit(2.0, db=db)
        _until(worker, "paused")
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
    assert db.run(run_id).sleeps_until is not None
    with _worker(tmp_path) as worker:
        _until(worker, "completed")
    assert _acts(effects) == ["before", "after"]


def test_no_branch_waits_for_the_time_of_another_one(db: _Database, tmp_path: Path, effects: Path) -> None:
    with _worker(tmp_path) as worker:
        run_id = naps.doze.submit(0.3, db=db)
        _until(worker, "paused")
        assert db.run(run_id).pause_reason == "confirmation"
        # The first time comes while the question is open.
        _until(worker, "paused")
        assert _acts(effects) == ["short"]
        (question,) = db.requirements(run_id=run_id)
        question.confirm(by="ann")
        question.commit()
        # The answer counts while the second one sleeps.
        _until(worker, "paused")
        assert _acts(effects) == ["short", "agreed"]
        wait = _wait(db.run(run_id))
        wait.confirm(by="ann")
        wait.commit()
        _until(worker, "completed")
    assert naps.doze.continue_run(run_id, db=db) == ["short", "long", "agreed"]
    assert db.verify(run_id).ok


@asynchronous
async def test_who_waits_for_the_run_goes_on_with_each_time_and_each_answer(db: _Database, effects: Path) -> None:
    output = await naps.doze.start(0.2, db=db, return_output=True)
    with pytest.raises(UnresolvedRequirementsError):
        await naps.doze.continue_run_async(output.run_id, db=db, return_output=True)
    await _wait_for_time(output)
    output = await naps.doze.continue_run_async(output.run_id, db=db, return_output=True)
    assert (output.status, _acts(effects)) == (RunStatus.paused, ["short"])
    output.active_requirements[0].reject(by="ann")
    output = await naps.doze.continue_run_async(output.run_id, db=db, return_output=True)
    assert (output.status, output.pause_reason) == (RunStatus.paused, "wait")
    assert _acts(effects) == ["short", "refused"]
    _wait(output).confirm(by="ann")
    assert await naps.doze.continue_run_async(output.run_id, db=db) == ["short", "long", "refused"]


async def _wait_for_time(output: AgentRunOutput[Any]) -> None:
    first, _ = [item for item in output.requirements if item.kind == "wait"]
    await first
    assert first.is_expired


@asynchronous
async def test_a_person_ends_a_wait_and_says_no_more(db: _Database, effects: Path) -> None:
    output = await naps.nap.start(naps.LONG, db=db, return_output=True)
    wait = _wait(output)
    with pytest.raises(InvalidResolutionError, match="nothing but time"):
        wait.reject("no")
    wait.confirm(remember="run", by="ann")
    with pytest.raises(InvalidResolutionError, match="a wait has no arguments to change, and there is nothing to"):
        await wait
    wait.confirm(by="ann")
    await wait
    assert await naps.nap.continue_run_async(output.run_id, db=db) == "after"
    (record,) = db.audit(output.run_id)
    assert (record.action, record.by) == ("confirmed", "ann")


@asynchronous
async def test_a_run_that_sleeps_is_cancelled_and_sleeps_on_when_it_is_continued(db: _Database, effects: Path) -> None:
    output = await naps.nap.start(naps.LONG, db=db, return_output=True)
    assert db.cancel(output.run_id, by="ann")
    assert (db.run(output.run_id).status, db.run(output.run_id).sleeps_until) == (RunStatus.cancelled, None)
    output = await naps.nap.continue_run_async(output.run_id, db=db, return_output=True)
    assert (output.status, output.pause_reason) == (RunStatus.paused, "wait")
    assert _acts(effects) == ["before"]


@pytest.fixture
def sleeper(db: _Database, effects: Path) -> str:
    """A run that sleeps."""
    return naps.nap.start_sync(naps.LONG, db=db, return_output=True).run_id


def test_the_command_line_shows_and_wakes_a_run_that_sleeps(db: _Database, tmp_path: Path, sleeper: str) -> None:
    cli = CommandLine(tmp_path / "runs.db")
    assert cli("inbox").out == ""
    assert [record["kind"] for record in cli("inbox", "--kind", "wait", "--json").records] == ["wait"]
    (record,) = cli("runs", "--json").records
    until = db.run(sleeper).sleeps_until
    assert until is not None
    assert (record["open_requirements"], record["sleeps_until"]) == ([], until.isoformat())
    assert "sleeps until 20" in cli.shown("runs")
    assert "sleeps until 20" in cli.shown("show", sleeper)
    assert "sleep until 20" in cli("show", sleeper).out
    refused = cli("reject", sleeper)
    assert "decide on it with haltpoint approve" in refused.err
    woken = cli("approve", sleeper, "--by", "ann", "--json").record
    assert (woken["requirement"]["kind"], woken["requirement"]["decided_by"]) == ("wait", "ann")
    assert "ann ends sleep" in cli("show", sleeper).out


def test_the_page_shows_and_wakes_a_run_that_sleeps(tmp_path: Path, sleeper: str) -> None:
    with Inbox(CommandLine(tmp_path / "runs.db")) as inbox:
        assert inbox.get("/api/requirements").json["items"] == []
        (run,) = inbox.get("/api/runs").json["items"]
        assert run["sleeps_until"] is not None
        (wait,) = inbox.get("/api/requirements?kind=wait").json["items"]
        page = inbox.get(f"/runs/{sleeper}").text
        assert "Sleeps until" in page
        assert "Wake it now" in page
        assert "sleeps until" in inbox.get("/runs").text
        decided = inbox.decide(wait["id"], {"type": "confirm"})
        assert (decided.status, decided.json["decided_by"]) == (200, "ann")
        assert "Wake it now" not in inbox.get(f"/runs/{sleeper}").text


def test_a_time_in_another_zone_is_that_time(effects: Path) -> None:
    @workflow
    async def later() -> str:
        await sleep_until(datetime(2100, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
        return "later"

    output = later.start_sync(return_output=True)
    assert output.sleeps_until == datetime(2100, 1, 1, tzinfo=timezone.utc)


def test_a_worker_takes_a_run_for_later_in_time_and_not_before(db: _Database, tmp_path: Path, effects: Path) -> None:
    with _worker(tmp_path) as worker:
        begins = datetime.now(timezone.utc) + timedelta(seconds=1.5)
        later = naps.nap.submit(naps.LONG, db=db, not_before=begins)
        much_later = naps.nap.submit(0, db=db, not_before=begins + timedelta(hours=1))
        assert (db.run(later).status, db.run(later).not_before) == (RunStatus.queued, begins)
        assert _until(worker, "paused")["run_id"] == later
        now = naps.nap.submit(0, db=db)
        assert _until(worker, "completed")["run_id"] == now
    (taken,) = [item["at"] / 1e6 for item in db.journal(later) if item["kind"] == "run_continued"]
    assert 0 <= taken - begins.timestamp() < 0.5
    assert (db.run(later).not_before, db.run(much_later).status) == (None, RunStatus.queued)
    assert all(db.verify(run_id).ok for run_id in (later, much_later))


def test_a_run_for_later_is_shown_and_can_be_cancelled(db: _Database, tmp_path: Path, effects: Path) -> None:
    begins = datetime(2100, 1, 1, tzinfo=timezone.utc)
    run_id = naps.nap.submit(0, db=db, not_before=begins)
    cli = CommandLine(tmp_path / "runs.db")
    assert cli("runs", "--json").record["not_before"].startswith("2100-01-01T00:00:00")
    assert "begins at 2100-01-01" in cli.shown("runs")
    assert "begins at 2100-01-01" in cli("show", run_id).out
    with Inbox(cli) as inbox:
        assert "begins at" in inbox.get("/runs").text
        (run,) = inbox.get("/api/runs").json["items"]
        assert run["not_before"] is not None
    assert db.cancel(run_id, by="ann")
    assert (db.run(run_id).status, db.run(run_id).not_before) == (RunStatus.cancelled, None)
    assert db.verify(run_id).ok


def test_a_run_for_later_needs_a_time_of_a_zone(db: _Database) -> None:
    clerk = Agent(ScriptedModel(["done"]), name="clerk", db=db)
    with pytest.raises(ValueError, match="not_before must be a datetime with a timezone"):
        clerk.submit("Work.", not_before=datetime(2100, 1, 1))
    run_id = clerk.submit("Work.", not_before=datetime(2100, 1, 1, tzinfo=timezone.utc))
    # Whoever continues it does not wait for its time.
    assert clerk.continue_run(run_id=run_id) == "done"
