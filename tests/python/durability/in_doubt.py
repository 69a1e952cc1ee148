"""Runs whose process dies in the middle of a tool, and processes that continue them in different ways."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from durability.features import CheckedModel, ledger, use_directory
from haltpoint import (
    Agent,
    HaltpointError,
    InDoubtCall,
    NotStarted,
    RunRequirement,
    SqliteDatabase,
    Unknown,
    current_tool_call,
    tool,
)
from support.replies import wants

__all__ = ["TOOLS", "continue_after_death", "die_in", "try_twice_and_die"]


def _begin() -> None:
    ledger().note_call("began")
    if current_tool_call().attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@tool
def plain() -> str:
    """Do something that must not happen twice."""
    _begin()
    return "done"


@tool
async def plain_async() -> str:
    """Do it on the event loop."""
    _begin()
    return "done"


@tool(requires_confirmation=True)
def approved() -> str:
    """Do it once somebody agrees."""
    _begin()
    return "done"


@tool(read_only=True)
def read_only() -> str:
    """Look, and change nothing."""
    _begin()
    return "done"


@tool(idempotent=True)
def idempotent() -> str:
    """Do what makes no difference the second time."""
    _begin()
    return "done"


def _asked(call: InDoubtCall) -> None:
    facts = {"call": call.tool_call_id, "key": call.idempotency_key, "attempt": call.attempt, "args": call.tool_args}
    ledger().note("reconciled", run_id=call.run_id, **facts)


def _found(call: InDoubtCall) -> str:
    _asked(call)
    return "found out"


async def _found_async(call: InDoubtCall) -> dict[str, Any]:
    _asked(call)
    return {"found": "out"}


def _never_began(call: InDoubtCall) -> type[NotStarted]:
    _asked(call)
    return NotStarted


def _cannot_tell(call: InDoubtCall) -> Unknown:
    _asked(call)
    return Unknown("the service is gone")


def _raises(call: InDoubtCall) -> str:
    _asked(call)
    raise ConnectionError("no route")


def _reconciled_by(function: Any) -> Any:
    def act(what: str) -> str:
        """Act, and be asked what became of it."""
        _begin()
        return f"{what} done"

    return tool(reconcile=function, name=f"act{function.__name__}")(act)


_RECONCILED = {
    f"act{each.__name__}": _reconciled_by(each) for each in (_found, _found_async, _never_began, _cannot_tell, _raises)
}

TOOLS: dict[str, Any] = {
    "plain": plain,
    "plain_async": plain_async,
    "approved": approved,
    "read_only": read_only,
    "idempotent": idempotent,
    **_RECONCILED,
}


def _confirm(requirement: RunRequirement) -> None:
    if requirement.needs_confirmation:
        requirement.confirm()


def _agent(db: SqliteDatabase, name: str, **options: Any) -> Agent:
    arguments = {"what": "it"} if name in _RECONCILED else {}
    return Agent(CheckedModel([wants(name, **arguments), "finished"]), db=db, tools=[TOOLS[name]], **options)


def die_in(directory: str, name: str) -> None:
    """Start a run and die in its tool."""
    use_directory(directory)
    db = SqliteDatabase(Path(directory) / "runs.db")
    asyncio.run(_agent(db, name).do_async("Work.", return_output=True, hitl_handler=_confirm))


def continue_after_death(directory: str, name: str, run_id: str, rule: str) -> dict[str, Any]:
    """Continue a run whose process died; nobody is there to decide."""
    use_directory(directory)
    with SqliteDatabase(Path(directory) / "runs.db") as db:
        agent = _agent(db, name, on_in_doubt=rule)
        try:
            output = asyncio.run(agent.continue_run_async(run_id=run_id, return_output=True))
        except HaltpointError as error:
            return {"status": type(error).__name__}
        return {
            "status": output.status.value,
            "reason": output.pause_reason,
            "results": [execution.result for execution in output.tools],
            "requirements": [item.to_dict() for item in output.active_requirements],
        }


@tool(idempotent=True, max_retries=1)
def flaky(part: str) -> str:
    """Fail at first, and die at second."""
    ledger().note_call("began", part=part, pid=os.getpid())
    attempts = len([line for line in ledger().lines("began") if line["part"] == part])
    if attempts == 1:
        raise ConnectionError("not now")
    if attempts == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{part} done"


def try_twice_and_die(directory: str, run_id: str | None) -> Any:
    """Start, or continue, a run whose tool is retried within a process and across the death of one."""
    use_directory(directory)
    with SqliteDatabase(Path(directory) / "runs.db") as db:
        agent = Agent(
            CheckedModel([wants("flaky", part="a"), wants("flaky", part="b"), "finished"]), db=db, tools=[flaky]
        )
        if run_id is None:
            return asyncio.run(agent.do_async("Work."))
        return asyncio.run(agent.continue_run_async(run_id=run_id))
