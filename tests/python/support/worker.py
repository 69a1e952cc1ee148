"""A process that starts, continues, decides or cancels a run on a database file, and tells what came of it.

Its arguments: what to do, the database file, the name of the model's script; then the run's id, where there is one, and
JSON data.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from haltpoint import Agent, FunctionModel, HaltpointError, ModelRequest, RunRequirement
from support.databases import opened
from support.programs import tell
from support.report import report
from support.workshop import TOOLS, model

__all__ = ["WORKER"]

WORKER = Path(__file__)


async def start(agent: Agent, *_: str) -> Any:
    """Start a run."""
    return report(await agent.do_async("Work.", return_output=True))


async def start_stalled(agent: Agent, *_: str) -> Any:
    """Start a run whose model never answers."""

    async def stall(request: ModelRequest) -> str:
        tell({"run_id": agent.run_id})
        await asyncio.Event().wait()
        raise AssertionError

    return report(await agent.do_async("Work.", model=FunctionModel(stall), return_output=True))


async def start_and_show(agent: Agent, *_: str) -> Any:
    """Start a run that pauses, and show its requirements as data."""
    output = await agent.do_async("Work.", return_output=True)
    return {"run_id": output.run_id, "requirements": [item.to_dict() for item in output.requirements]}


async def proceed(agent: Agent, run_id: str, requirements: str = "null") -> Any:
    """Continue a run, with requirements as data where there are any."""
    decided = json.loads(requirements)
    return report(await agent.continue_run_async(run_id=run_id, requirements=decided, return_output=True))


async def confirm(agent: Agent, run_id: str, first: str = "1000") -> Any:
    """Continue a run with a handler that confirms at most so many calls."""
    left = int(first)

    def handler(requirement: RunRequirement) -> None:
        nonlocal left
        if requirement.needs_confirmation and left > 0:
            left -= 1
            requirement.confirm()

    return report(await agent.continue_run_async(run_id=run_id, return_output=True, hitl_handler=handler))


async def retry(agent: Agent, run_id: str) -> Any:
    """Continue a run and let its calls in doubt run again."""
    return report(
        await agent.continue_run_async(run_id=run_id, return_output=True, hitl_handler=lambda item: item.retry())
    )


async def start_and_decide(agent: Agent, *_: str) -> Any:
    """Start a run that pauses, confirm and await its requirements, and leave it at that."""
    output = await agent.do_async("Work.", return_output=True)
    for requirement in output.active_requirements:
        requirement.confirm()
        await requirement
    return {"run_id": output.run_id}


async def cancel(agent: Agent, run_id: str) -> Any:
    """Cancel a run."""
    return agent.cancel_run(run_id)


async def start_and_wait_for_a_decision(agent: Agent, *_: str) -> Any:
    """Start a run that pauses, and wait until somebody else decides."""
    output = await agent.do_async("Work.", return_output=True)
    (requirement,) = output.active_requirements
    tell({"run_id": output.run_id, "requirements": [requirement.to_dict()]})
    decided = await requirement
    return {"confirmation": decided.confirmation, "decision": decided.decision}


ACTIONS = {
    action.__name__: action
    for action in (
        start,
        start_stalled,
        start_and_show,
        proceed,
        confirm,
        retry,
        start_and_decide,
        cancel,
        start_and_wait_for_a_decision,
    )
}


async def main(action: str, db_file: str, script: str, *arguments: str) -> Any:
    """Do what the arguments say; an error is told by its name, its run and its words."""
    with opened(Path(db_file)) as db:
        try:
            return await ACTIONS[action](Agent(model(script), db=db, tools=TOOLS), *arguments)
        except HaltpointError as error:
            return {"error": type(error).__name__, "run_id": error.run_id, "message": str(error)}


if __name__ == "__main__":
    tell(asyncio.run(main(*sys.argv[1:])))
