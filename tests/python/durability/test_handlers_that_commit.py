"""Handlers that see to it themselves that their decision is on disk."""

from __future__ import annotations

from pathlib import Path

from durability.features import FEATURES, pay
from durability.histories import History
from haltpoint import Agent, RunRequirement, ScriptedModel, SqliteDatabase
from support.replies import wants
from support.running import asynchronous


@asynchronous
async def test_a_run_goes_on_when_its_handler_has_awaited_the_requirement_it_resolved(tmp_path: Path) -> None:
    async def handler(requirement: RunRequirement) -> None:
        requirement.reject("not today")
        await requirement

    with SqliteDatabase(tmp_path / "runs.db") as db:
        agent = Agent(ScriptedModel([wants("pay", amount=3), "finished"]), db=db, tools=[pay])
        assert await agent.do_async("Pay.", hitl_handler=handler) == "finished"


def test_a_process_that_decides_brings_a_paused_run_to_its_end(tmp_path: Path) -> None:
    history = History(FEATURES["confirmation"], tmp_path)
    history.step("start")
    history.step("decide")
    assert history.status == "COMPLETED"
