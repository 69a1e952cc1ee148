"""Whatever other people's code raises, wherever a run calls it: the run stops in a known state, and others go on.

Each place meets each misdeed, and the ways of driving a run take turns; HALTPOINT_SOAK=1 plays them all. What ends an
event loop where nothing catches it meets the loop that all synchronous calls share in each place.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, AgentRunOutput, HaltpointError, ScriptedModel, SqliteDatabase
from haltpoint.worker import Progress
from haltpoint.worker.worker import Worker

from .misdeeds import DOES_NOT_RAISE, INTERRUPTS, MISDEEDS, Code, GroupOfInterrupt
from .places import PLACES, Place, agent_of, settle

pytestmark = [
    pytest.mark.filterwarnings("ignore::haltpoint.NotificationWarning"),
    # Without the loop nothing ends the wait for it but the end of the program.
    pytest.mark.timeout(60, method="thread"),
]

DRIVERS = ("do", "do_async", "worker")
_LONGEST = 20.0
_ENDS_LOOPS = ("an interrupt", "an exit")
_ENDS = ("completed", "paused", "cancelled", "failed", "put_off")


def cases() -> Iterator[Any]:
    is_soak = os.environ.get("HALTPOINT_SOAK") == "1"
    number = 0
    for name, place in PLACES.items():
        for form in place.forms:
            for misdeed in MISDEEDS:
                drivers = DRIVERS if place.in_workers else DRIVERS[:2]
                number += 1
                chosen = {drivers[number % len(drivers)], *(["do"] if misdeed in _ENDS_LOOPS else [])}
                for driver in drivers if is_soak else sorted(chosen):
                    yield pytest.param(name, form, misdeed, driver, id=f"{name}-{form}-{misdeed}-{driver}")


def driven(driver: str, place: Place, agent: Agent, given: dict[str, Any]) -> BaseException | None:
    """Drive a run in one of the ways, and return what the caller got instead of an output."""
    ways = {"do": _in_do, "do_async": _in_do_async, "worker": _in_worker}
    run_id = _in_doubt(agent) if place.resumes else None
    return ways[driver](agent, given, run_id)


def _in_doubt(agent: Agent) -> str:
    output: AgentRunOutput = agent.do("Work.", return_output=True)
    assert output.is_cancelled
    return output.run_id


def _in_do(agent: Agent, given: dict[str, Any], run_id: str | None) -> BaseException | None:
    try:
        if run_id is None:
            agent.do(**given, return_output=True)
        else:
            agent.continue_run(run_id=run_id, return_output=True)
    except BaseException as error:
        return error
    return None


def _in_do_async(agent: Agent, given: dict[str, Any], run_id: str | None) -> BaseException | None:
    async def drive() -> BaseException | None:
        try:
            if run_id is None:
                await agent.do_async(**given, return_output=True)
            else:
                await agent.continue_run_async(run_id=run_id, return_output=True)
        except BaseException as error:
            return error
        finally:
            # The same loop serves others.
            assert await Agent(ScriptedModel(["fine"])).do_async("Another.") == "fine"
        return None

    return asyncio.run(asyncio.wait_for(drive(), _LONGEST))


def _in_worker(agent: Agent, given: dict[str, Any], run_id: str | None) -> BaseException | None:
    async def work() -> None:
        ended = asyncio.Event()

        def report(progress: Progress) -> None:
            if progress.run_id in (None, taken) and progress.kind in _ENDS:
                ended.set()

        worker = Worker([agent], grace=0.5, report=report)
        working = asyncio.create_task(worker.run())
        await asyncio.wait({working, asyncio.create_task(ended.wait())}, return_when=asyncio.FIRST_COMPLETED)
        worker.stop()
        await working

    if run_id is None:
        taken = agent.submit(given["task"])
    else:
        agent.db.requeue(run_id)
        taken = run_id
    try:
        asyncio.run(asyncio.wait_for(work(), _LONGEST))
    except HaltpointError as error:
        return error
    return None


@pytest.mark.parametrize(("place", "form", "misdeed", "driver"), [*cases()])
def test_a_run_survives_what_its_code_does(tmp_path: Path, place: str, form: str, misdeed: str, driver: str) -> None:
    file = tmp_path / "runs.db"
    where = PLACES[place]
    with SqliteDatabase(file) as db:
        code = Code(misdeed, form, db)
        agent, given = agent_of(where, code)
        error = driven(driver, where, agent, given)
        assert code.calls >= 1
        # The loop that all synchronous calls share is alive.
        assert Agent(ScriptedModel(["fine"])).do("Another.") == "fine"
    with SqliteDatabase(file) as db:
        (run,) = [run for run in db.runs() if run.task.description == "Work."]
        if misdeed not in DOES_NOT_RAISE:
            _is_as_expected(run, where, misdeed, error, driver)
        code.misdeed, code.db = "reenters", db
        successor, _ = agent_of(where, code)
        # Nobody holds the run, and nothing of what was raised stands in its way.
        output = successor.continue_run(run_id=run.run_id, hitl_handler=settle, return_output=True)
        assert output.is_complete


def _is_as_expected(run: AgentRunOutput, where: Place, misdeed: str, error: BaseException | None, driver: str) -> None:
    if misdeed in INTERRUPTS:
        assert run.status.value in where.interrupted
        # A handler's exception is the caller's as it is.
        kinds = (KeyboardInterrupt, GroupOfInterrupt) if where.error == "anything" else (KeyboardInterrupt,)
        assert driver == "worker" or type(error) in kinds
        return
    assert run.status.value == where.status
    if driver == "worker" or where.error is None:
        assert error is None
    else:
        assert error is not None
        assert where.error in ("anything", type(error).__name__)
