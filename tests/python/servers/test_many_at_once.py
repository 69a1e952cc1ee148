"""Many runs, four workers and twenty approvers on one server: each effect once, nothing lost, whatever dies."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.databases import Server, on_a_server

from .fleet import Fleet, People, WorkerProcess, ended, problems_of

_WORKERS = 4


@pytest.fixture
def runs(is_soak: bool) -> int:
    """How many runs there are."""
    return 500 if is_soak else 25


def _check_effects(fleet: Fleet, run_ids: list[str]) -> None:
    """Each payment began once, and what may be repeated came at least twice a run."""
    assert fleet.began("pay") == dict.fromkeys(run_ids, 1)
    assert set(fleet.began("note")) == set(run_ids)
    assert min(fleet.began("note").values()) >= 2


@on_a_server
@pytest.mark.timeout(1200)
def test_each_run_is_paid_once_whoever_decides(fleet: Fleet, runs: int) -> None:
    with fleet.database() as database, ExitStack() as stack:
        run_ids = fleet.submit(database, "pay", runs)
        for _ in range(_WORKERS):
            stack.enter_context(fleet.worker())
        people = People(database, fleet.ledger)
        people.decide_until(lambda: ended(database, run_ids), patience=60 + runs)
        people.check()
        assert len(people.acknowledged) == runs
        assert problems_of(database, run_ids) == []
    _check_effects(fleet, run_ids)
    assert set(fleet.began("note").values()) == {2}


def _amid_trouble(fleet: Fleet, runs: int, trouble: Callable[[list[WorkerProcess]], None], pause: float) -> None:
    """Let the runs come to their end while something happens again and again; at the end, all adds up."""
    is_over = threading.Event()
    with fleet.database() as database, ExitStack() as stack:
        run_ids = fleet.submit(database, "pay", runs)
        workers = [stack.enter_context(fleet.worker(lease_seconds=2.0)) for _ in range(_WORKERS)]

        def make_trouble() -> None:
            while not is_over.wait(pause):
                trouble(workers)
                # As a supervisor does.
                for place, worker in enumerate(workers):
                    if worker.has_ended:
                        workers[place] = stack.enter_context(fleet.worker(lease_seconds=2.0))

        troublemaker = threading.Thread(target=make_trouble)
        troublemaker.start()
        people = People(database, fleet.ledger)
        try:
            people.decide_until(lambda: ended(database, run_ids), patience=120 + runs)
        finally:
            is_over.set()
            troublemaker.join()
        people.check()
        assert problems_of(database, run_ids) == []
    _check_effects(fleet, run_ids)


@on_a_server
@pytest.mark.timeout(1200)
def test_workers_that_are_killed_one_after_the_other_leave_each_effect_once(fleet: Fleet, runs: int) -> None:
    draws = random.Random(runs)
    _amid_trouble(fleet, runs // 2, lambda workers: draws.choice(workers).kill(), pause=2.0)


@on_a_server
@pytest.mark.timeout(1200)
def test_a_server_that_is_restarted_at_once_under_load_loses_nothing(tmp_path: Path, runs: int) -> None:
    with Server() as server:
        fleet = Fleet(tmp_path, f"{server.start()}/postgres")

        def restart(workers: list[WorkerProcess]) -> None:
            server.restart()
            # They wait for the server.
            assert not any(worker.has_ended for worker in workers)

        _amid_trouble(fleet, runs // 2, restart, pause=3.0)


@on_a_server
def test_a_worker_waits_for_a_server_that_is_down_and_goes_on(tmp_path: Path) -> None:
    with Server() as server:
        fleet = Fleet(tmp_path, f"{server.start()}/postgres")
        with fleet.database() as database, fleet.worker() as worker:
            (before,) = fleet.submit(database, "note")
            fleet.until(lambda: worker.says("completed", before))
            server.crash()
            fleet.until(lambda: worker.says("waiting"))
            server.recover()
            (after,) = fleet.submit(database, "note")
            fleet.until(lambda: worker.says("completed", after))
            worker.dismiss()


@on_a_server
def test_a_worker_that_waits_for_its_server_stops_at_once(tmp_path: Path) -> None:
    with Server() as server:
        fleet = Fleet(tmp_path, f"{server.start()}/postgres")
        fleet.database().close()
        with fleet.worker() as worker:
            fleet.until(lambda: worker.says("started"))
            server.crash()
            fleet.until(lambda: worker.says("waiting"))
            worker.dismiss()
            assert worker.says("stopped")


@on_a_server
@pytest.mark.timeout(1200)
def test_workers_that_are_stopped_past_their_leases_and_go_on_leave_each_effect_once(fleet: Fleet, runs: int) -> None:
    draws = random.Random(runs)

    def stop_one(workers: list[WorkerProcess]) -> None:
        chosen = draws.choice(workers)
        chosen.send(signal.SIGSTOP)
        time.sleep(3.0)
        chosen.send(signal.SIGCONT)

    _amid_trouble(fleet, runs // 2, stop_one, pause=0.5)
