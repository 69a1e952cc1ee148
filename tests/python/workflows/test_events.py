"""Workflows that wait for what happens outside, and the signals that tell them of it."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from haltpoint import (
    AgentRunOutput,
    InMemoryDatabase,
    InvalidResolutionError,
    KeptSignal,
    ModelError,
    PostgresDatabase,
    RunNotCompletedWarning,
    RunRequirement,
    RunStatus,
    SignalConflictError,
    SqliteDatabase,
    WorkflowChangedError,
    confirm,
    event,
    step,
    workflow,
)
from support.command import COMMAND, CommandLine, Followed
from support.databases import named, opened
from support.inbox import Inbox
from support.programs import run_program
from support.running import asynchronous

from . import cases, orders, refunds

_FOLDER = Path(__file__).parents[1]
_DELIVER = Path(__file__).with_name("deliver.py")
_PAID = "payment.settled"

# How often each point is passed at most; a soak passes them all.
_PASSINGS = int(os.environ.get("HALTPOINT_SOAK_PASSINGS", "2"))

_Database = SqliteDatabase | PostgresDatabase | InMemoryDatabase


class Capped(BaseModel):
    euros: int

    @field_validator("euros")
    @classmethod
    def capped(cls, euros: int) -> int:
        return min(euros, 100)


@step
async def broken() -> None:
    raise ValueError("boom")


@pytest.fixture(autouse=True)
def effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where effects are noted."""
    path = tmp_path / "effects"
    path.touch()
    monkeypatch.setenv(cases.EFFECTS, str(path))
    return path


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase | PostgresDatabase]:
    """A database that other processes can open."""
    with opened(tmp_path / "runs.db") as database:
        yield database


@pytest.fixture(params=["kept", "in memory"])
def each_db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Database]:
    """A database of each kind."""
    if request.param == "in memory":
        yield InMemoryDatabase()
        return
    with opened(tmp_path / "runs.db") as database:
        yield database


def _worker(tmp_path: Path, workflows: str = "workflows.orders:ORDERS") -> Followed:
    """A worker in a process of its own, once it looks for runs."""
    path = os.pathsep.join([str(_FOLDER), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "HALTPOINT_DB": str(named(tmp_path / "runs.db"))}
    worker = Followed([str(COMMAND), "worker", workflows, "--json"], environment)
    assert worker.record()["kind"] == "started"
    return worker


def _until(worker: Followed, kind: str) -> Any:
    """Wait until the worker says that."""
    while (said := worker.record())["kind"] != kind:
        pass
    return said


def _acts(effects: Path) -> list[str]:
    return effects.read_text().split()


def _wait(output: AgentRunOutput[Any]) -> RunRequirement:
    (found,) = [item for item in output.requirements if item.kind == "wait" and not item.is_resolved]
    return found


def _decision(db: _Database, run_id: str) -> dict[str, Any]:
    """What the journal has of the only decision."""
    (entry,) = [item["entry"] for item in db.journal(run_id) if item["kind"] == "requirement_decided"]
    found: dict[str, Any] = entry
    return found


@asynchronous
async def test_a_run_that_waits_for_an_event_asks_nobody(each_db: _Database) -> None:
    output = await orders.order.start("A-1", orders.LONG, db=each_db, return_output=True)
    assert (output.status, output.pause_reason, output.active_requirements) == (RunStatus.paused, "wait", [])
    assert output.waits_for == [{"name": _PAID, "key": "A-1"}]
    wait = _wait(output)
    assert wait.event == {"name": _PAID, "key": "A-1"}
    assert wait.expires_at == wait.created_at + timedelta(seconds=orders.LONG) == output.sleeps_until
    assert (each_db.requirements(), each_db.count_requirements()) == ([], 0)
    assert [item.id for item in each_db.requirements(kind="wait")] == [wait.id]
    before = each_db.journal(output.run_id)
    again = await orders.order.continue_run_async(output.run_id, db=each_db, return_output=True)
    assert (again.status, each_db.journal(output.run_id)) == (RunStatus.paused, before)
    with pytest.warns(RunNotCompletedWarning, match=r"it waits for the event payment\.settled: a worker wakes it"):
        await orders.order.continue_run_async(output.run_id, db=each_db)


@asynchronous
async def test_a_signal_that_comes_while_a_run_waits_is_what_it_gets(each_db: _Database, effects: Path) -> None:
    output = await orders.order.start("A-1", db=each_db, return_output=True)
    sent = each_db.signal(_PAID, orders.Paid(euros=5), key="A-1", by="bank", id="s-1")
    assert (sent.id, sent.delivered, sent.run_id, sent.repeated) == ("s-1", True, output.run_id, False)
    assert await orders.order.continue_run_async(output.run_id, db=each_db) == "A-1:5"
    assert _acts(effects) == ["ship-A-1-5"]
    decided = _decision(each_db, output.run_id)
    assert decided["by"] == "bank"
    assert decided["decision"] == {
        "type": "signal",
        "signal_id": "s-1",
        "event": {"name": _PAID, "key": "A-1"},
        "payload": {"euros": 5},
    }
    (record,) = each_db.audit(output.run_id)
    assert (record.action, record.by) == ("signalled", "bank")
    assert each_db.verify(output.run_id).ok
    assert each_db.check() == []


@asynchronous
async def test_a_signal_that_came_before_is_taken_at_once(each_db: _Database) -> None:
    sent = each_db.signal(_PAID, {"euros": 5}, key="A-1", by="bank")
    assert (sent.delivered, sent.run_id) == (False, None)
    (kept,) = await each_db.signals_async()
    assert (kept.id, kept.name, kept.key, kept.payload, kept.by) == (sent.id, _PAID, "A-1", {"euros": 5}, "bank")
    assert isinstance(kept, KeptSignal)
    assert datetime.now(timezone.utc) - kept.created_at < timedelta(minutes=1)
    assert each_db.signals(name=_PAID, key="A-2") == each_db.signals(name="else") == []
    assert await orders.order.start("A-1", db=each_db) == "A-1:5"
    assert each_db.signals() == []


@asynchronous
async def test_the_same_id_is_one_signal(each_db: _Database, effects: Path) -> None:
    first = each_db.signal(_PAID, {"euros": 5}, key="A-1", id="s-1")
    again = each_db.signal(_PAID, {"euros": 5}, key="A-1", id="s-1")
    assert (first.repeated, again.repeated, again.delivered) == (False, True, False)
    output = await orders.order.start("A-1", db=each_db, return_output=True)
    again = await each_db.signal_async(_PAID, {"euros": 5}, key="A-1", id="s-1")
    assert (again.repeated, again.delivered, again.run_id) == (True, True, output.run_id)
    with pytest.raises(
        SignalConflictError, match="signal s-1 was given before, with another event or payload"
    ) as caught:
        each_db.signal(_PAID, {"euros": 6}, key="A-1", id="s-1")
    assert caught.value.signal_id == "s-1"
    other = await orders.order.start("A-1", db=each_db, return_output=True)
    assert (other.status, _acts(effects)) == (RunStatus.paused, ["ship-A-1-5"])


@asynchronous
async def test_each_signal_goes_to_one_run_the_oldest_first(each_db: _Database) -> None:
    runs = [(await orders.order.start("A-1", db=each_db, return_output=True)).run_id for _ in range(2)]
    sent = [each_db.signal(_PAID, {"euros": euros}, key="A-1") for euros in (1, 2, 3, 4)]
    assert [item.run_id for item in sent] == [*runs, None, None]
    outputs = [await orders.order.continue_run_async(run_id, db=each_db) for run_id in runs]
    assert [*outputs, await orders.order.start("A-1", db=each_db)] == ["A-1:1", "A-1:2", "A-1:3"]
    assert [item.payload for item in each_db.signals()] == [{"euros": 4}]


@asynchronous
async def test_a_wait_ends_with_its_time_or_by_a_person(each_db: _Database) -> None:
    output = await orders.order.start("A-1", 0.2, db=each_db, return_output=True)
    expired = "expired: No signal of the event came in time."
    assert await orders.order.wait_and_continue_async(output.run_id, db=each_db) == expired
    assert not each_db.signal(_PAID, {"euros": 1}, key="A-1").delivered
    output = await orders.order.start("A-2", db=each_db, return_output=True)
    wait = _wait(output)
    with pytest.raises(InvalidResolutionError):
        wait.reject("no")
    wait.confirm(by="ann")
    await wait
    assert await orders.order.continue_run_async(output.run_id, db=each_db) == expired
    assert not each_db.signal(_PAID, {"euros": 1}, key="A-2").delivered


@asynchronous
async def test_a_payload_that_does_not_fit_is_an_error_that_names_the_signal(each_db: _Database) -> None:
    each_db.signal(_PAID, {"euros": "many"}, key="A-1", id="s-1")
    output = await orders.order.start("A-1", db=each_db, return_output=True)
    said = "unfit: the payload of signal s-1 does not fit what the step 'event' returns:"
    assert output.output is not None
    assert output.output.startswith(said)
    assert 'euros: must be a whole number, got "many"' in output.output
    assert _decision(each_db, output.run_id)["decision"]["payload"] == {"euros": "many"}


@asynchronous
async def test_a_payload_of_which_the_type_makes_another_value_is_an_error(each_db: _Database) -> None:
    each_db.signal(_PAID, {"euros": 500}, id="s-1")

    @workflow(name="capped")
    async def capped() -> int:
        paid: Capped = await event(_PAID, returns=Capped)
        return paid.euros

    with pytest.raises(ModelError, match=r's-1 does not fit.*\{"euros":500\} would become \{"euros":100\}'):
        await capped.start(db=each_db)


@pytest.mark.parametrize("in_group", [False, True])
@asynchronous
async def test_a_body_that_raises_ends_its_run_whatever_it_waits_for(each_db: _Database, in_group: bool) -> None:
    @workflow(name="raising")
    async def raising() -> None:
        waiting = asyncio.ensure_future(event(_PAID))
        asking = asyncio.ensure_future(confirm("Go on?"))
        if in_group:
            await asyncio.gather(waiting, asking, broken())
        await asyncio.sleep(0)
        raise ValueError("boom")

    with pytest.raises(ModelError, match="boom") as caught:
        await raising.start(db=each_db)
    run_id = str(caught.value.run_id)
    assert each_db.run(run_id).status is RunStatus.error
    assert each_db.requirements() == []
    # Nobody waits for it any more.
    assert not each_db.signal(_PAID).delivered


@asynchronous
async def test_what_is_dropped_at_a_pause_is_not_reported_as_lost(each_db: _Database) -> None:
    reports = list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))

    @workflow(name="beside")
    async def beside() -> None:
        task = asyncio.ensure_future(event(_PAID))
        await confirm("Go on?")
        await task

    output = await beside.start(db=each_db, return_output=True)
    assert output.is_paused
    gc.collect()
    await asyncio.sleep(0)
    assert reports == []


@asynchronous
async def test_what_is_said_comes_as_it_was_said(each_db: _Database) -> None:
    for payload in (None, "", "text", 0, 1.5, True, [], {"a": [1, {"b": None}]}, "€\0"):
        each_db.signal("anything", payload)
        output = await orders.anything.start(db=each_db, return_output=True)
        assert (output.status, output.output) == (RunStatus.completed, payload)
    each_db.signal("text", "null")
    assert await orders.text.start(db=each_db) == "null"


@asynchronous
async def test_no_branch_waits_for_the_event_of_another_one(each_db: _Database, effects: Path) -> None:
    output = await orders.beside.start("A-1", db=each_db, return_output=True)
    assert output.pause_reason == "confirmation"
    assert each_db.signal("b", 2, key="A-1").delivered
    output = await orders.beside.continue_run_async(output.run_id, db=each_db, return_output=True)
    assert (output.status, _acts(effects)) == (RunStatus.paused, ["b-2"])
    output.active_requirements[0].confirm(by="ann")
    output = await orders.beside.continue_run_async(output.run_id, db=each_db, return_output=True)
    assert (output.pause_reason, output.waits_for) == ("wait", [{"name": "a", "key": "A-1"}])
    assert each_db.signal("a", 1, key="A-1").delivered
    assert await orders.beside.continue_run_async(output.run_id, db=each_db) == [1, 2, True]


@asynchronous
async def test_a_cancelled_run_leaves_the_signal_to_others_until_it_goes_on(each_db: _Database) -> None:
    cancelled = await orders.order.start("A-1", db=each_db, return_output=True)
    assert each_db.cancel(cancelled.run_id, by="ann")
    assert each_db.run(cancelled.run_id).waits_for == []
    other = await orders.order.start("A-1", db=each_db, return_output=True)
    assert each_db.signal(_PAID, {"euros": 1}, key="A-1").run_id == other.run_id
    assert not each_db.signal(_PAID, {"euros": 2}, key="A-1").delivered
    assert await orders.order.continue_run_async(cancelled.run_id, db=each_db) == "A-1:2"
    assert each_db.signals() == []


@asynchronous
async def test_an_event_that_the_code_no_longer_waits_for_is_told_of(each_db: _Database) -> None:
    @workflow(name="order")
    async def changed(number: str, most: float | None = None) -> str:
        return "done"

    output = await orders.order.start("A-1", db=each_db, return_output=True)
    each_db.signal(_PAID, {"euros": 1}, key="A-1")
    with pytest.raises(WorkflowChangedError) as caught:
        await changed.continue_run_async(output.run_id, db=each_db)
    assert caught.value.steps == ("event",)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": ""}, "the name of an event must not be blank"),
        ({"name": " \u200b"}, "the name of an event must not be blank"),
        ({"name": "a\0"}, r"the name of an event holds the character U\+0000"),
        ({"name": "ä" * 257}, "the name of an event takes 514 bytes, and 512 are allowed"),
        ({"name": "a", "key": ""}, "the key of an event must not be blank"),
        ({"name": "a", "key": "\ud800"}, "the key of an event can't be stored"),
        ({"name": "a", "id": " "}, "the id of a signal must not be blank"),
        ({"name": "a", "payload": float("nan")}, "the payload of a signal, of type float, can't be kept as JSON"),
        ({"name": "a", "payload": object()}, "the payload of a signal, of type object, can't be kept as JSON"),
        ({"name": "a", "payload": "x" * 2**20}, "takes 1048578 bytes as JSON, and 1048576 are allowed"),
        ({"name": "a", "payload": "\ud800"}, "the payload of a signal, of type str, can't be kept as JSON"),
    ],
)
def test_a_signal_that_can_not_be_kept_is_refused(each_db: _Database, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        each_db.signal(**{"payload": None, **given})
    assert each_db.signals() == []


def test_arguments_of_another_type_are_refused(each_db: _Database) -> None:
    wrong: Any = 7
    with pytest.raises(TypeError, match="the name of an event must be a str, got 7"):
        each_db.signal(wrong)
    with pytest.raises(TypeError, match="the key of an event must be a str, got 7"):
        each_db.signal("a", key=wrong)
    with pytest.raises(InvalidResolutionError, match="by of signal 'a' must say who decides"):
        each_db.signal("a", by=" ")


@asynchronous
async def test_a_wait_that_can_mean_nothing_is_refused() -> None:
    @workflow
    async def wrong(most: str, name: str = "a") -> str:
        try:
            await event(name, timeout=float(most))
        except ValueError as error:
            return str(error)
        return "happened"

    for most in ("0", "-1", "nan", "inf", "1e12"):
        assert "a number of seconds above 0, at most 100 years, or None" in (await wrong.start(most) or "")
    assert await wrong.start("1", " ") == "the name of an event must not be blank"
    with pytest.raises(RuntimeError, match=r"event\(...\) is for the body of a workflow"):
        await event("a")


def test_a_worker_wakes_a_run_whose_event_has_happened(
    db: SqliteDatabase | PostgresDatabase, tmp_path: Path, effects: Path
) -> None:
    with _worker(tmp_path) as worker:
        run_id = orders.order.submit("A-1", db=db)
        _until(worker, "paused")
        assert db.signal(_PAID, {"euros": 5}, key="A-1").run_id == run_id
        assert _until(worker, "completed")["run_id"] == run_id
        decided, *_ = [item["at"] for item in db.journal(run_id) if item["kind"] == "requirement_decided"]
        _, continued = [item["at"] for item in db.journal(run_id) if item["kind"] == "run_continued"]
        assert (continued - decided) / 1e6 < 0.5
        # One that came before is taken as the run begins to wait for it.
        db.signal(_PAID, {"euros": 6}, key="A-2")
        other = orders.order.submit("A-2", db=db)
        assert _until(worker, "completed")["run_id"] == other
    assert _acts(effects) == ["ship-A-1-5", "ship-A-2-6"]
    assert all(db.verify(found).ok for found in (run_id, other))


def test_a_case_is_killed_at_each_wait_and_continued_by_another_worker(
    db: SqliteDatabase | PostgresDatabase, tmp_path: Path, effects: Path
) -> None:
    run_id = refunds.refund_case.submit("A-1", db=db)

    def answer() -> None:
        (asked,) = db.requirements(run_id=run_id)
        asked.answer({"euros": 5}, by="ann")
        asked.commit()

    def agree() -> None:
        for name in ("ann", "bob"):
            (asked,) = db.requirements(run_id=run_id)
            asked.confirm(by=name)
            asked.commit()

    def wake() -> None:
        wait = _wait(db.run(run_id))
        wait.confirm(by="ann")
        wait.commit()

    def pay() -> None:
        assert db.signal(_PAID, {"by": "card"}, key="A-1").run_id == run_id

    for goes_on in (answer, agree, wake, pay, agree):
        with _worker(tmp_path, "workflows.refunds:refund_case") as worker:
            _until(worker, "paused")
            worker.process.send_signal(signal.SIGKILL)
            worker.process.wait()
        goes_on()
    with _worker(tmp_path, "workflows.refunds:refund_case") as worker:
        _until(worker, "completed")
    assert refunds.refund_case.continue_run(run_id, db=db) == refunds.Report(refunds.Receipt("A-1", 5))
    # The body notes something by itself, in each pass over the rest.
    assert [act for act in _acts(effects) if not act.startswith("paid")] == ["look_up-A-1", "refund-A-1-5"]
    assert db.verify(run_id).ok


@pytest.mark.on_files
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "point",
    [
        *(f"{place}_commit:{kind}" for kind in ("signal", "requirement_opened") for place in ("before", "after")),
        "after_commit:steps_planned",
        "after_commit:run_paused",
        "before_commit:tool_finished",
        "before_model_request",
    ],
)
def test_no_signal_is_lost_or_taken_twice_where_processes_are_killed(tmp_path: Path, point: str) -> None:
    kills = 0
    for passing in itertools.count(1):
        folder = tmp_path / str(passing)
        folder.mkdir()
        env = {cases.EFFECTS: str(folder / "effects")}
        fault = {**env, "HALTPOINT_FAULT": f"{point}:{passing}"}
        first = run_program(_DELIVER, str(folder / "runs.db"), cwd=folder, env=fault)
        if first.code == 0:
            break
        assert first.code == -signal.SIGKILL, first.errors
        kills += 1
        runs = first.told[0] if first.told else []
        second = run_program(_DELIVER, str(folder / "runs.db"), *runs, cwd=folder, env=env)
        assert second.last == ["early:1", "late:2"], second.errors
        with SqliteDatabase(folder / "runs.db") as database:
            assert (database.signals(), database.check()) == ([], [])
            for run_id in runs:
                assert database.verify(run_id).ok
                assert _decision(database, run_id)["by"] == "bank"
        if passing == _PASSINGS:
            break
    assert kills


def test_what_a_signal_said_is_erased_with_its_run(db: SqliteDatabase | PostgresDatabase, tmp_path: Path) -> None:
    db.signal(_PAID, {"euros": 5, "card": "4711-0815"}, key="A-1", id="s-1")
    output = orders.order.start_sync("A-1", db=db, return_output=True)
    assert "4711-0815" in db.export(output.run_id)
    db.erase(run_id=output.run_id)
    if isinstance(db, SqliteDatabase):
        # This process must not open the file beside the database.
        content = subprocess.run(["cat", *tmp_path.glob("runs.db*")], capture_output=True, check=True).stdout
        assert output.run_id.encode() in content
        assert b"4711-0815" not in content
    assert db.signal(_PAID, {"euros": 5}, key="A-1", id="s-1").repeated


def test_a_run_that_moves_takes_the_signal_that_is_kept_there(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as here, SqliteDatabase(tmp_path / "there.db") as there:
        run_id = orders.order.start_sync("A-1", db=here, return_output=True).run_id
        there.signal(_PAID, {"euros": 5}, key="A-1")
        here.move_to(there, run_ids=run_id)
        assert there.signals() == []
        assert not here.signal(_PAID, {"euros": 6}, key="A-1").delivered
        assert orders.order.continue_run(run_id, db=there) == "A-1:5"
        assert there.verify(run_id).ok


def test_the_command_line_sends_signals_and_shows_what_waits(
    db: SqliteDatabase | PostgresDatabase, tmp_path: Path
) -> None:
    run_id = orders.order.start_sync("A-1", orders.LONG, db=db, return_output=True).run_id
    cli = CommandLine(tmp_path / "runs.db")
    assert cli("inbox").out == ""
    (record,) = cli("runs", "--json").records
    assert record["waits_for"] == [{"name": _PAID, "key": "A-1"}]
    assert "waits for payment.settled (A-1)" in cli.shown("runs")
    assert "waits for the event payment.settled (A-1) until 20" in cli("show", run_id).out
    (kept,) = cli("signal", _PAID, "--key", "A-2", "--json", '{"euros": 7}', "--id", "s-2", "--by", "ann").rows
    assert kept == ["s-2", ""]
    assert [item.payload for item in db.signals()] == [{"euros": 7}]
    ((_, taker),) = cli("signal", _PAID, "--key", "A-1", "--json", "-", "--by", "ann", stdin='{"euros": 5}').rows
    assert taker == run_id
    assert "ann signals payment.settled (A-1)" in cli("show", run_id).out
    assert orders.order.continue_run(run_id, db=db) == "A-1:5"
    assert "is kept until a run waits for it, at most 30 days" in cli.shown("signal", "else")
    for arguments, code, problem in (
        (["signal", _PAID, "--json", "{"], 2, "--json"),
        (["signal", " "], 2, "the name of an event must not be blank"),
        (["signal", _PAID, "--id", "s-2", "--json", "1"], 4, "signal s-2 was given before"),
    ):
        refused = cli(*arguments)
        assert refused.code == code
        assert problem in refused.err


def test_the_page_and_the_api_send_signals_and_show_what_waits(
    db: SqliteDatabase | PostgresDatabase, tmp_path: Path
) -> None:
    run_id = orders.order.start_sync("A-1", orders.LONG, db=db, return_output=True).run_id
    other = orders.order.start_sync("A-3", db=db, return_output=True).run_id
    with Inbox(CommandLine(tmp_path / "runs.db")) as inbox:
        page = inbox.get(f"/runs/{run_id}").text
        assert "Waits for the event payment.settled (A-1) until" in page
        assert "Wake it now" in page
        assert "waits for payment.settled (A-1)" in inbox.get("/runs").text
        (wait,) = inbox.get(f"/api/requirements?kind=wait&run_id={run_id}").json["items"]
        assert wait["event"] == {"name": _PAID, "key": "A-1"}

        def send(body: Any, **headers: str) -> Any:
            headers = {"Content-Type": "application/json", **headers}
            return inbox.ask("POST", "/api/signals", headers=headers, body=json.dumps(body))

        sent = send({"name": _PAID, "key": "A-1", "payload": {"euros": 5}, "id": "s-1"}, **inbox.bearer)
        assert (sent.status, sent.json) == (
            200,
            {"id": "s-1", "delivered": True, "run_id": run_id, "repeated": False},
        )
        assert _decision(db, run_id)["by"] == "ann"
        kept = send({"name": _PAID, "key": "A-2"}, **inbox.bearer)
        assert (kept.status, kept.json["delivered"], kept.json["run_id"]) == (200, False, None)
        assert send({"name": _PAID}).status == 401
        assert send({"name": _PAID, "id": "s-1"}, **inbox.bearer).json["error"] == "SignalConflictError"
        for body in ([], {}, {"name": ""}, {"name": " "}, {"name": "a", "else": 1}, {"name": "a", "key": 7}):
            refused = send(body, **inbox.bearer)
            assert (refused.status, refused.json["error"]) == (422, "invalid_signal")
        (wait,) = inbox.get(f"/api/requirements?kind=wait&run_id={other}").json["items"]
        assert inbox.decide(wait["id"], {"type": "confirm"}).status == 200
    assert orders.order.continue_run(run_id, db=db) == "A-1:5"
    assert (orders.order.continue_run(other, db=db) or "").startswith("expired")
