"""A driver that is stopped past its lease is overtaken, and when it goes on it cancels its call and writes nothing."""

from __future__ import annotations

import signal

from support.databases import on_a_server

from .fleet import Fleet, WorkerProcess


def _overtaken(fleet: Fleet, stopped: WorkerProcess, gate: str, tool: str) -> None:
    """Stop the driver amid a call, let another one take over, and let the first one go on."""
    fleet.shut(gate)
    with fleet.database() as database:
        (run_id,) = fleet.submit(database, "send")
        fleet.until(lambda: fleet.began(tool)[run_id] == 1)
        stopped.send(signal.SIGSTOP)
        with fleet.worker(lease_seconds=1.0) as other:
            fleet.until(lambda: other.says("paused", run_id))
            (requirement,) = database.requirements(run_id=run_id)
            assert requirement.kind == "recovery"
            requirement.supply("sent, say the books")
            requirement.commit()
            fleet.until(lambda: other.says("completed", run_id))
            before = database.export(run_id)
            stopped.send(signal.SIGCONT)
            fleet.until(lambda: fleet.ledger.has("cancelled", run_id=run_id, tool=tool))
            stopped.dismiss()
        assert database.export(run_id) == before
        assert database.verify(run_id).ok
    assert fleet.began(tool) == {run_id: 1}


@on_a_server
def test_a_worker_that_is_stopped_past_its_lease_writes_nothing_when_it_goes_on(fleet: Fleet) -> None:
    with fleet.worker(lease_seconds=1.0) as stopped:
        _overtaken(fleet, stopped, "send", "send")
