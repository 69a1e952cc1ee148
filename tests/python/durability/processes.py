"""Processes that die: each is forked from a server that has imported everything and opened nothing."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from typing_extensions import Self

from durability.features import FEATURES, Feature, decide, ledger, task_of, use_directory
from haltpoint import Agent, AgentRunOutput, HaltpointError, RunRequirement
from haltpoint._engine import WorkQueue
from haltpoint.db import Database
from haltpoint.runtime.call import Work
from haltpoint.runtime.drain import Drain
from support.databases import opened

__all__ = ["Ended", "Participant", "inspect", "participate", "tell", "wait_for_word"]

_PATIENCE = 30.0
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        killed: by SIGKILL.
        told: what it told last, after what was heard; None when that was nothing.
    """

    killed: bool
    told: Any


class Participant:
    """A process under way. A context manager that leaves none behind."""

    def __init__(self, body: Callable[..., Any], *arguments: Any, fault: str | None = None) -> None:
        self._link, link = _context.Pipe()
        # A server that is started now finds what the tests import in the same places.
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        self._process = _context.Process(target=_body, args=(link, fault, body, *arguments))
        self._process.start()
        link.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def hear(self) -> Any:
        """Wait for what it tells next."""
        assert self._link.poll(_PATIENCE), "the process says nothing"
        return self._link.recv()

    def say(self, word: Any) -> None:
        """Say a word that it waits for."""
        self._link.send(word)

    def killed_within(self, seconds: float) -> bool:
        """Kill it after that time, unless it ends before."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            self._process.kill()
        return self.finish().killed

    def finish(self) -> Ended:
        """Wait until it ends; what ends it otherwise than SIGKILL is an error."""
        told = None
        try:
            while self._link.poll(_PATIENCE):
                told = self._link.recv()
        except (EOFError, ConnectionResetError):
            # Its end of the pipe is gone, and so is the process, or soon.
            pass
        self._process.join(_PATIENCE)
        code = self._process.exitcode
        assert code in (0, -signal.SIGKILL), f"the process ended with {code}, told {told}"
        return Ended(code != 0, told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.exitcode is None:
            self._process.kill()
        self._process.join()
        self._process.close()
        self._link.close()


_own_link: list[Connection] = []


def _body(link: Connection, fault: str | None, body: Callable[..., Any], *arguments: Any) -> None:
    _own_link.append(link)
    if fault is not None:
        os.environ["HALTPOINT_FAULT"] = fault
    tell(body(*arguments))
    link.close()


def tell(fact: Any) -> None:
    """Tell the test a fact; called in the process."""
    _own_link[0].send(fact)


def wait_for_word() -> Any:
    """Wait until the test says a word; called in the process."""
    return _own_link[0].recv()


# What processes do


def participate(directory: str, name: str, doing: str, run_id: str | None) -> dict[str, Any]:
    """Do what one process of a feature does; an error that a user would see is told by its name."""
    use_directory(directory)
    with opened(Path(directory) / "runs.db") as db:
        return asyncio.run(_participate(db, FEATURES[name], doing, run_id))


async def _participate(db: Database, feature: Feature, doing: str, run_id: str | None) -> dict[str, Any]:
    agent = Agent(feature.model(), name="clerk", db=db, tools=feature.tools)
    try:
        output = await _DOINGS[doing](agent, feature, run_id)
    except HaltpointError as error:
        return {"status": type(error).__name__, "run_id": error.run_id, "message": str(error)}
    return {"status": output.status.value, "run_id": output.run_id} if output is not None else {"status": "done"}


async def _start(agent: Agent, feature: Feature, _: str | None) -> AgentRunOutput:
    output: AgentRunOutput = await agent.do_async(task_of(feature), return_output=True)
    return output


async def _go_on(agent: Agent, _: Feature, run_id: str | None) -> AgentRunOutput:
    output: AgentRunOutput = await agent.continue_run_async(run_id=run_id, return_output=True)
    return output


async def _decide(agent: Agent, _: Feature, run_id: str | None) -> AgentRunOutput:
    output: AgentRunOutput = await agent.continue_run_async(run_id=run_id, return_output=True, hitl_handler=_answer)
    return output


async def _answer(requirement: RunRequirement) -> None:
    decide(requirement)
    await requirement
    ledger().note_decision(requirement)


async def _remember(agent: Agent, feature: Feature, run_id: str | None) -> AgentRunOutput:
    (requirement,) = agent.db.requirements(run_id=run_id)
    requirement.confirm(remember="run")
    await requirement
    ledger().note_decision(requirement)
    return await _go_on(agent, feature, run_id)


async def _revoke(agent: Agent, _: Feature, run_id: str | None) -> None:
    (standing,) = agent.db.remembered(run_id=run_id)
    agent.db.revoke(standing.requirement_id)


async def _cancel(agent: Agent, _: Feature, run_id: str | None) -> None:
    agent.cancel_run(run_id)


async def _expire(agent: Agent, _: Feature, run_id: str | None) -> None:
    # A part of a thousandth of a second may be left.
    while agent.db.requirements(run_id=run_id, open_only=True):
        agent.db.expire_due(run_id)


async def _submit(agent: Agent, feature: Feature, _: str | None) -> None:
    await agent.submit_async(task_of(feature))


async def _work(agent: Agent, _: Feature, run_id: str | None) -> AgentRunOutput:
    return await agent.take_up_async(run_id or "", Work(3, Drain(), WorkQueue(agent.db.native)))


async def _drain(agent: Agent, _: Feature, run_id: str | None) -> AgentRunOutput:
    drain = Drain()
    drain.ask(force=False)
    return await agent.take_up_async(run_id or "", Work(3, drain, WorkQueue(agent.db.native)))


_DOINGS = {
    "start": _start,
    "go on": _go_on,
    "decide": _decide,
    "remember": _remember,
    "revoke": _revoke,
    "cancel": _cancel,
    "expire": _expire,
    "submit": _submit,
    "work": _work,
    "hand back": _drain,
}


def inspect(directory: str, run_id: str) -> dict[str, Any]:
    """Tell what the database says of a run, and what is wrong with the database."""
    with opened(Path(directory) / "runs.db") as db:
        return {"export": db.export(run_id), "problems": db.check()}
