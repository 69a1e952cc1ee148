"""What processes do that want to drive, to stop or to hear of one and the same run."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from durability.features import CheckedModel, ledger, pay, use_directory, weigh
from durability.processes import tell, wait_for_word
from haltpoint import Agent, HaltpointError, ModelReply, ModelRequest, RunRequirement, tool
from haltpoint.db import Database
from haltpoint.models import FunctionModel
from support.databases import opened
from support.replies import wants

__all__ = [
    "cancel",
    "continue_at_once",
    "decide",
    "drive",
    "saw",
    "start_paying",
    "start_sawing",
    "take_over",
    "wait_for_a_decision",
    "work_for_ever",
]


def _database(directory: str, lease_seconds: float = 30.0) -> Database:
    use_directory(directory)
    return opened(Path(directory) / "runs.db", lease_seconds=lease_seconds)


def _confirm(requirement: RunRequirement) -> None:
    requirement.confirm()


async def _told(run: Any) -> dict[str, Any]:
    try:
        output = await run
    except HaltpointError as error:
        return {"status": type(error).__name__, "message": str(error)}
    return {"status": output.status.value, "output": output.output, "run_id": output.run_id}


# Many at once


def _payer(db: Database) -> Agent:
    return Agent(
        CheckedModel([wants("pay", amount=30), wants("weigh", item="gold"), "paid"]), db=db, tools=[pay, weigh]
    )


def start_paying(directory: str) -> dict[str, Any]:
    """Start a run and let it pause."""
    with _database(directory) as db:
        return asyncio.run(_told(_payer(db).do_async("Pay.", return_output=True)))


def continue_at_once(directory: str, run_id: str) -> dict[str, Any]:
    """Open the database, say so, and when told to, continue and confirm."""
    with _database(directory) as db:
        agent = _payer(db)
        tell("ready")
        wait_for_word()
        return asyncio.run(_told(agent.continue_run_async(run_id=run_id, return_output=True, hitl_handler=_confirm)))


# Stopped and overtaken


@tool
def saw(board: str) -> str:
    """Saw until the test says a word."""
    ledger().note_call("began", tool="saw")
    tell("sawing")
    word: str = wait_for_word()
    ledger().note_call("ended", tool="saw")
    return f"{board} {word}"


def _sawyer(db: Database) -> Agent:
    return Agent(
        CheckedModel([wants("saw", board="oak"), wants("weigh", item="oak"), "sawn"]), db=db, tools=[saw, weigh]
    )


def start_sawing(directory: str, lease_seconds: float) -> dict[str, Any]:
    """Start a run whose tool takes as long as the test likes."""
    with _database(directory, lease_seconds) as db:
        return asyncio.run(_told(_sawyer(db).do_async("Saw.", return_output=True)))


def take_over(directory: str, run_id: str) -> dict[str, Any]:
    """Continue a run as soon as nobody else may drive it, saying the result of the call in doubt."""

    def supply(requirement: RunRequirement) -> None:
        requirement.supply("oak sawn by hand")

    with _database(directory) as db:
        agent, refusals = _sawyer(db), 0
        while True:
            run = agent.continue_run_async(run_id=run_id, return_output=True, hitl_handler=supply)
            told = asyncio.run(_told(run))
            if told["status"] != "RunBusyError":
                return {**told, "refusals": refusals}
            refusals += 1


def drive(directory: str, run_id: str) -> dict[str, Any]:
    """Continue a run, deciding nothing."""
    with _database(directory) as db:
        return asyncio.run(_told(_sawyer(db).continue_run_async(run_id=run_id, return_output=True)))


# Cancelled and decided from elsewhere


def _restless(db: Database) -> Agent:
    def reply(request: ModelRequest) -> ModelReply | str:
        return "enough" if ledger().has("enough") else wants("weigh", item="sand")

    return Agent(FunctionModel(reply), db=db, tools=[weigh], tool_call_limit=1_000_000)


def work_for_ever(directory: str, run_id: str | None) -> dict[str, Any]:
    """Start or continue a run that takes step after step until the ledger says enough."""
    with _database(directory) as db:
        agent = _restless(db)
        if run_id is None:
            return asyncio.run(_told(agent.do_async("Weigh.", return_output=True)))
        return asyncio.run(_told(agent.continue_run_async(run_id=run_id, return_output=True)))


def cancel(directory: str, run_id: str) -> tuple[bool, float]:
    """Cancel a run with nothing but the file; returns when that was asked, on the machine's clock."""
    with _database(directory) as db:
        asked = time.monotonic()
        return db.cancel(run_id), asked


def wait_for_a_decision(directory: str) -> tuple[Any, float]:
    """Start a run that pauses and wait for somebody's word; returns it and when it came."""

    async def wait(agent: Agent) -> Any:
        output = await agent.do_async("Pay.", return_output=True)
        (requirement,) = output.active_requirements
        tell(output.run_id)
        return (await requirement).confirmation

    with _database(directory) as db:
        decision = asyncio.run(wait(_payer(db)))
        return decision, time.monotonic()


def decide(directory: str, run_id: str) -> float:
    """Confirm a run's requirement and leave it at that; returns when the decision was on disk."""
    on_disk = 0.0

    async def confirm(requirement: RunRequirement) -> None:
        nonlocal on_disk
        requirement.confirm()
        await requirement
        on_disk = time.monotonic()

    with _database(directory) as db:
        agent = _payer(db)
        asyncio.run(_told(agent.continue_run_async(run_id=run_id, return_output=True, hitl_handler=confirm)))
    return on_disk
