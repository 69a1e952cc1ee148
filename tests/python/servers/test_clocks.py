"""Workers whose wall clocks are an hour off: only the server's clock counts."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from support.databases import on_a_server

from .fleet import Fleet

_HOUR = 3600
_LEASE = 1.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the wall clock is put in front of the C library's")


def _off(library: Path, seconds: int) -> dict[str, str]:
    return {**os.environ, "LD_PRELOAD": str(library), "SKEW_SECONDS": str(seconds)}


@on_a_server
def test_a_driver_whose_clock_is_an_hour_behind_keeps_its_run(fleet: Fleet, skewed_clock: Path) -> None:
    gate = fleet.shut("send")
    behind, ahead = _off(skewed_clock, -_HOUR), _off(skewed_clock, _HOUR)
    with fleet.database() as database, fleet.worker(lease_seconds=_LEASE, environment=behind):
        (run_id,) = fleet.submit(database, "send")
        fleet.until(lambda: fleet.began("send"))
        with fleet.worker(lease_seconds=_LEASE, environment=ahead) as other:
            fleet.until(lambda: other.says("started"))
            (other_run,) = fleet.submit(database, "pay")
            # The other one has looked for runs meanwhile, more than once, for longer than a lease.
            fleet.until(lambda: database.run(other_run).is_paused)
            begun = time.monotonic()
            fleet.until(lambda: time.monotonic() - begun > 3 * _LEASE)
            assert not other.says("took", run_id)
            gate.unlink()
            fleet.until(lambda: database.run(run_id).output == "finished")
        dates = [entry["at"] for entry in database.journal(run_id)]
    assert dates == sorted(dates)
    assert abs(time.time() * 1e6 - dates[0]) < 300e6
    assert fleet.began("send") == {run_id: 1}


@on_a_server
def test_runs_go_on_from_worker_to_worker_whatever_their_clocks_show(fleet: Fleet, skewed_clock: Path) -> None:
    with fleet.database() as database:
        (run_id,) = fleet.submit(database, "pay")
        with fleet.worker(environment=_off(skewed_clock, _HOUR)) as first:
            fleet.until(lambda: first.says("paused", run_id))
            first.dismiss()
        (requirement,) = database.requirements(run_id=run_id)
        requirement.confirm(by="ann")
        requirement.commit()
        with fleet.worker(environment=_off(skewed_clock, -_HOUR)) as second:
            fleet.until(lambda: second.says("completed", run_id))
        dates = [entry["at"] for entry in database.journal(run_id)]
        assert database.verify(run_id).ok
    assert dates == sorted(dates)
    assert abs(time.time() * 1e6 - dates[0]) < 300e6
    assert fleet.began("pay") == {run_id: 1}
