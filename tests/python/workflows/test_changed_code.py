"""A workflow whose code changed between two processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from haltpoint import RunStatus, WorkflowChangedError
from support.databases import opened
from support.running import asynchronous

from . import cases
from .people import decide


@asynchronous
async def test_a_finished_step_that_is_not_asked_for_any_more_stops_nothing_but_this_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "runs.db") as db:
        output = await cases.changing.start("A", db=db, return_output=True)
        await decide(output)
        before = db.journal(output.run_id)
        monkeypatch.setenv(cases.CODE, "without")
        with pytest.raises(WorkflowChangedError) as raised:
            await cases.changing.continue_run_async(output.run_id, db=db)
        assert (raised.value.run_id, raised.value.steps) == (output.run_id, ("look_up",))
        assert db.journal(output.run_id) == before
        assert db.run(output.run_id).status is RunStatus.paused
        done = await cases.changing.continue_run_async(output.run_id, db=db, allow_changed_code=True)
        assert done == []


@asynchronous
async def test_a_run_from_before_a_change_keeps_to_the_old_way_where_it_had_come_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "runs.db") as db:
        output = await cases.changing.start("A", db=db, return_output=True)
        await decide(output)
        monkeypatch.setenv(cases.CODE, "patched")
        # It had come by the first change already, and comes to the second one only now.
        done = await cases.changing.continue_run_async(output.run_id, db=db)
        assert done == ["looked up", "v3"]
        fresh = await cases.changing.start("B", db=db, return_output=True)
        await decide(fresh)
        done = await cases.changing.continue_run_async(fresh.run_id, db=db)
        assert done == ["looked up", "v2", "v3"]


@asynchronous
async def test_a_thousand_steps_are_replayed_and_none_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "runs.db", durability="normal") as db:
        output = await cases.counting.start(1_000, db=db, return_output=True)
        finished = sum(item["kind"] == "tool_started" for item in db.journal(output.run_id))
        await decide(output)
        assert await cases.counting.continue_run_async(output.run_id, db=db) == 1_000
        started = sum(item["kind"] == "tool_started" for item in db.journal(output.run_id))
        # The confirmation's own step, and no other.
        assert (finished, started) == (1_000, 1_001)
