"""How workers share the runs that there are: each agent gets its turn, and one worker a run, without the others."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

from haltpoint.worker import Progress, Worker
from support.databases import named, on_a_server, server_programs

from .crew import CLERK, clerk, pay
from .workers import Yard

_COOK = clerk(pay, name="cook")


def _taken(yard: Yard, concurrency: int, count: int, *names: str) -> list[str]:
    """Let a worker work until it has taken so many runs, and return whose they were."""
    taken: list[str] = []

    async def work() -> None:
        with yard.database() as database:
            agents = {agent.name: agent.on_database(database) for agent in (CLERK, _COOK)}

            def report(progress: Progress) -> None:
                if progress.kind == "took":
                    taken.append(progress.agent_name or "")
                    if len(taken) == count:
                        worker.stop()

            worker = Worker([agents[name] for name in names], concurrency=concurrency, report=report)
            await asyncio.wait_for(worker.run(), 60)

    asyncio.run(work())
    return taken


def _queue(yard: Yard, busy: int) -> None:
    with yard.database() as database:
        busy_clerk, cook = CLERK.on_database(database), _COOK.on_database(database)
        for _ in range(busy):
            busy_clerk.submit("Greet.")
        for _ in range(2):
            cook.submit("Greet.")


def test_many_runs_of_one_agent_keep_none_of_another_waiting(yard: Yard) -> None:
    _queue(yard, 40)
    assert _taken(yard, 1, 4, "clerk", "cook") == ["clerk", "cook", "clerk", "cook"]


def test_runs_that_last_leave_a_place_to_the_other_agent(yard: Yard) -> None:
    with yard.database() as database:
        for _ in range(8):
            CLERK.on_database(database).submit("work")
        _COOK.on_database(database).submit("Greet.")
    assert "cook" in _taken(yard, 4, 3, "clerk", "cook")


def test_a_worker_that_stops_keeps_no_claims(yard: Yard) -> None:
    _queue(yard, 6)
    _taken(yard, 4, 1, "clerk", "cook")
    assert yard.ask(lambda database: {run.status.value for run in database.runs()}) <= {"QUEUED", "COMPLETED"}
    with yard.database() as database:
        for run in database.runs(status="QUEUED"):
            # Nobody holds it.
            assert database.requeue(run.run_id)


def test_a_worker_that_is_stopped_gives_its_runs_to_the_next_one_at_once(yard: Yard) -> None:
    with yard.worker("--grace", "0.2") as first:
        (run_id,) = yard.submit("wait")
        first.until("took", run_id)
        yard.until(lambda: "waits" in yard.notes())
        with yard.worker("--grace", "0.2") as second:
            second.until("started")
            stopped = time.monotonic()
            first.send(signal.SIGTERM)
            second.until("took", run_id)
            # Long before the lease ends, after 30 seconds.
            assert time.monotonic() - stopped < 5
            assert first.kinds_until_its_end()[-1] == "stopped"
            yard.until(lambda: yard.notes() == ["waits", "waits"])
            second.send(signal.SIGTERM)
            second.send(signal.SIGTERM)
            second.wait()


def _rows_written(yard: Yard) -> dict[str, int]:
    """How many rows the server has written to which table, by its own count."""
    programs = server_programs()
    assert programs is not None
    sql = (
        "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables "
        "WHERE relname IN ('runs', 'entries')"
    )
    place = urlsplit(str(named(yard.db_file)))
    words = [programs / "psql", "--no-align", "--tuples-only", "--field-separator= ", "--command", sql, place.geturl()]
    printed = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    return {name: int(count) for name, count in (line.split() for line in printed.splitlines())}


def _written_for_a_decision(yard: Yard, workers: int) -> dict[str, int]:
    with ExitStack() as stack:
        crew = [stack.enter_context(yard.worker()) for _ in range(workers)]
        for worker in crew:
            worker.until("started")
        (run_id,) = yard.submit("pay")
        yard.until(lambda: yard.status(run_id) == "PAUSED")
        yard.decide(run_id)
        yard.until(lambda: yard.status(run_id) == "COMPLETED")
        kinds = yard.kinds(run_id)
        assert kinds.count("run_continued") == 2
        for worker in crew:
            worker.send(signal.SIGTERM)
        for worker in crew:
            worker.kinds_until_its_end()
    # Each session told the server's counters at its end.
    return _rows_written(yard)


@on_a_server
def test_a_decision_costs_as_many_writes_with_many_idle_workers_as_with_one(yard: Yard) -> None:
    alone = _written_for_a_decision(yard, 1)
    together = _written_for_a_decision(yard, 5)
    assert {name: together[name] - alone[name] for name in alone} == alone


@on_a_server
def test_idle_workers_write_nothing(yard: Yard) -> None:
    with yard.worker() as idle:
        idle.until("started")
        before = _rows_written(yard)
        time.sleep(2.5)
        idle.send(signal.SIGTERM)
        idle.kinds_until_its_end()
    assert _rows_written(yard) == before == {"runs": 0, "entries": 0}
