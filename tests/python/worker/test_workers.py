"""Workers go on with runs by themselves, whatever becomes of them."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path

from haltpoint import Agent, ScriptedModel
from haltpoint._engine import WorkQueue
from haltpoint.runtime.call import Work
from haltpoint.runtime.drain import Drain
from haltpoint.worker import Progress
from haltpoint.worker.attempt import Attempt
from haltpoint.worker.deferred import Deferred
from support.command import CommandLine
from support.databases import opened
from support.running import asynchronous

from .crew import clerk
from .workers import Yard


def test_a_submitted_run_is_queued_until_a_worker_completes_it(yard: Yard) -> None:
    (run_id,) = yard.submit("Greet.")
    assert yard.status(run_id) == "QUEUED"
    with yard.worker() as worker:
        worker.until("completed", run_id)
    run = yard.ask(lambda database: database.run(run_id))
    assert (run.output, yard.kinds(run_id)[:3]) == ("finished", ["run_started", "run_queued", "run_continued"])


def test_a_worker_goes_on_once_a_person_has_decided(yard: Yard) -> None:
    (run_id,) = yard.submit("pay")
    with yard.worker() as worker:
        worker.until("paused", run_id)
        assert yard.notes() == []
        yard.decide(run_id)
        worker.until("completed", run_id)
    assert yard.notes() == ["pay 5 1"]


def test_a_decision_made_while_no_worker_runs_is_taken_up_by_the_next_one(yard: Yard) -> None:
    (run_id,) = yard.submit("pay")
    with yard.worker() as first:
        first.until("paused", run_id)
    yard.decide(run_id)
    with yard.worker() as second:
        second.until("completed", run_id)
    assert yard.notes() == ["pay 5 1"]


def test_another_worker_takes_over_what_a_killed_one_left(yard: Yard) -> None:
    (run_id,) = yard.submit("wait")
    with yard.worker() as first:
        yard.until(yard.notes)
        first.send(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
    with yard.worker() as second:
        yard.until(lambda: len(yard.notes()) == 2)
        second.until("took", run_id)
    assert yard.kinds(run_id).count("run_continued") == 2


def test_a_call_that_a_killed_worker_had_started_is_asked_about_and_not_repeated(yard: Yard) -> None:
    (run_id,) = yard.submit("work")
    with yard.worker() as first:
        first.until("took", run_id)
        yard.until(yard.notes)
        first.send(signal.SIGKILL)
        first.wait()
    with yard.worker() as second:
        second.until("paused", run_id)
    (requirement,) = yard.ask(lambda database: database.requirements(run_id=run_id))
    assert (requirement.kind, len([note for note in yard.notes() if "begins" in note])) == ("recovery", 1)


def test_many_workers_drive_each_run_once(yard: Yard) -> None:
    runs = yard.submit(*["pay"] * 6, *["Greet."] * 6)
    with ExitStack() as stack:
        workers = [stack.enter_context(yard.worker("--concurrency", "3")) for _ in range(3)]
        for run_id in runs[:6]:
            yard.until(lambda run_id=run_id: yard.status(run_id) == "PAUSED")
            yard.decide(run_id)
        yard.until(lambda: {yard.status(run_id) for run_id in runs} == {"COMPLETED"})
        told: list[str] = []
        for worker in workers:
            worker.send(signal.SIGTERM)
            told += worker.kinds_until_its_end()
    assert told.count("completed") == len(runs)
    assert yard.notes() == ["pay 5 1"] * 6
    assert [yard.kinds(run_id).count("model_replied") for run_id in runs] == [2] * 6 + [1] * 6


@asynchronous
async def test_what_others_made_of_a_run_is_theirs_to_report(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as database:
        agent = Agent(ScriptedModel(["finished"]), name="clerk", db=database)
        completed, cancelled = [await agent.submit_async("Greet.") for _ in range(2)]
        assert await agent.wait_and_continue_async(completed) == "finished"
        assert (await asyncio.to_thread(CommandLine(tmp_path / "runs.db"), "cancel", cancelled)).code == 0
        told: list[Progress] = []
        for run_id in (completed, cancelled):
            work = Work(3, Drain(), WorkQueue(database.native))
            await Attempt(agent, run_id, work, Deferred(), told.append, is_driven=lambda: False).make()
        assert told == []


def test_a_stopped_worker_lets_a_tool_end_and_gives_the_run_back(yard: Yard) -> None:
    (run_id,) = yard.submit("work pay")
    with yard.worker() as first:
        first.until("took", run_id)
        yard.until(yard.notes)
        first.send(signal.SIGTERM)
        assert first.kinds_until_its_end() == ["stopping", "gave_back", "stopped"]
    assert (yard.status(run_id), len(yard.notes())) == ("QUEUED", 2)
    with yard.worker() as second:
        second.until("paused", run_id)
    assert "tool_interrupted" not in yard.kinds(run_id)


def test_after_its_grace_a_stopped_worker_gives_the_run_back_with_its_call_in_doubt(yard: Yard) -> None:
    (run_id,) = yard.submit("wait")
    with yard.worker("--grace", "0.2") as worker:
        worker.until("took", run_id)
        yard.until(yard.notes)
        worker.send(signal.SIGINT)
        assert worker.kinds_until_its_end() == ["stopping", "gave_back", "stopped"]
    assert yard.kinds(run_id)[-2:] == ["tool_interrupted", "run_queued"]


def test_a_second_signal_waits_for_nothing(yard: Yard) -> None:
    (run_id,) = yard.submit("wait")
    with yard.worker("--grace", "600") as worker:
        worker.until("took", run_id)
        yard.until(yard.notes)
        worker.send(signal.SIGTERM)
        worker.until("stopping")
        worker.send(signal.SIGTERM)
        assert worker.kinds_until_its_end() == ["gave_back", "stopped"]
    assert yard.status(run_id) == "QUEUED"


def test_a_tool_that_never_ends_does_not_keep_a_stopped_worker_alive(yard: Yard) -> None:
    (run_id,) = yard.submit("cling")
    with yard.worker() as worker:
        worker.until("completed", run_id)
        worker.send(signal.SIGTERM)
        assert worker.kinds_until_its_end() == ["stopped"]


def test_a_tool_that_stops_the_loop_stops_nothing(yard: Yard) -> None:
    (run_id,) = yard.submit("stop_the_loop pay")
    with yard.worker() as worker:
        worker.until("paused", run_id)
        worker.send(signal.SIGTERM)
        assert worker.kinds_until_its_end() == ["stopped"]


def test_a_tool_that_cancels_all_tasks_ends_the_worker_and_no_run(yard: Yard) -> None:
    (beside,) = yard.submit("wait")
    with yard.worker() as worker:
        worker.until("took", beside)
        yard.until(yard.notes)
        (run_id,) = yard.submit("cancel_all")
        assert worker.wait() == 1
    assert yard.status(beside) == "QUEUED"
    assert yard.status(run_id) in ("QUEUED", "COMPLETED")


def test_a_run_that_keeps_killing_its_worker_is_set_aside_until_somebody_lets_it_go_on(yard: Yard) -> None:
    (run_id,) = yard.submit("kill")
    for _ in range(3):
        with yard.worker("--max-recoveries", "2") as worker:
            assert worker.wait() == -signal.SIGKILL
    with yard.worker("--max-recoveries", "2") as worker:
        found = worker.until("set_aside", run_id)
    assert "3 processes in a row ended while they drove this run" in found["message"]
    assert (yard.status(run_id), yard.notes()) == ("ERROR", ["killed 1", "killed 2", "killed 3"])
    assert yard.ask(lambda database: database.requeue(run_id, by="ann"))
    with yard.worker("--max-recoveries", "2") as worker:
        assert worker.wait() == -signal.SIGKILL
    assert yard.notes()[-1] == "killed 4"


def test_a_run_whose_tool_is_not_at_hand_is_left_alone_with_a_line_that_says_so(yard: Yard) -> None:
    (run_id,) = yard.submit("mail")
    with yard.worker(target="newcomer:CLERK") as lacking:
        found = lacking.until("left_alone", run_id)
        assert "needs the tool" in found["message"]
        assert yard.status(run_id) == "QUEUED"
        with yard.worker() as able:
            able.until("completed", run_id)
    assert yard.notes() == ["mail"]


def test_a_worker_ends_the_time_to_decide_and_goes_on(yard: Yard) -> None:
    (run_id,) = yard.submit("refund")
    with yard.worker() as worker:
        worker.until("paused", run_id)
        worker.until("completed", run_id)
    assert "requirement_expired" in yard.kinds(run_id)


def test_runs_of_other_agents_are_not_touched(yard: Yard) -> None:
    (run_id,) = yard.submit("Greet.")
    with yard.database() as database:
        other = clerk(name="stranger").on_database(database).submit("Greet.")
    with yard.worker() as worker:
        worker.until("completed", run_id)
    assert yard.status(other) == "QUEUED"
