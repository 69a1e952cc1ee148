"""A process that can't renew its lease stops by itself: what runs there must not work on beside whoever takes over."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, LeaseLostError, PostgresDatabase, ScriptedModel, tool
from haltpoint.models import ModelReply, ToolCall
from support.databases import named, on_a_server, opened
from support.programs import Program
from support.proxy import Link

from . import lost_leases

_LEASE = 2.0
_LONG = 60.0


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    """A link to the server of the test's database that can be cut."""
    with opened(tmp_path / "runs.db"):
        pass
    with Link(str(named(tmp_path / "runs.db"))) as link:
        yield link


class _Printing:
    """Tools that take long, and what happens to them."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.notes: list[str] = []
        self.may_end = threading.Event()
        # Since when the link is cut, by `time.monotonic()`.
        self.cut_at = 0.0

    def _begun(self) -> None:
        self.notes.append("begun")
        self._link.cut()
        self.cut_at = time.monotonic()

    async def begun_async(self) -> str:
        try:
            if self.notes:
                return "repeated"
            self._begun()
            await asyncio.sleep(_LONG)
        except asyncio.CancelledError:
            self.notes.append("cancelled")
            raise
        return "printed"

    def tools(self) -> list[Any]:
        @tool
        async def print_book() -> str:
            """Take long; may not be repeated."""
            return await self.begun_async()

        @tool(idempotent=True)
        async def print_again() -> str:
            """Take long; may be repeated."""
            return await self.begun_async()

        @tool
        def print_plainly() -> str:
            """Take long in a thread."""
            self._begun()
            self.may_end.wait(_LONG)
            self.notes.append("ended")
            return "printed"

        return [print_book, print_again, print_plainly]


def _agent(address: str, name: str, printing: _Printing, **settings: Any) -> Agent[Any]:
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall(name, {})]), "done"])
    return Agent(model, db=PostgresDatabase(address, **settings), tools=printing.tools())


def _cut_off(link: Link, name: str, printing: _Printing) -> str:
    """Drive a run until its lease is over, and return its id."""
    agent = _agent(link.address, name, printing, lease_seconds=_LEASE)
    with pytest.raises(LeaseLostError, match="could not be renewed") as raised:
        asyncio.run(asyncio.wait_for(agent.do_async("Print."), _LONG))
    assert time.monotonic() - printing.cut_at < _LEASE + 1
    printing.may_end.set()
    link.mend()
    agent.db.close()
    assert raised.value.run_id is not None
    return raised.value.run_id


@on_a_server
@pytest.mark.parametrize(("name", "ends"), [("print_book", "cancelled"), ("print_plainly", "ended")])
def test_a_driver_that_is_cut_off_stops_at_the_end_of_its_lease(
    tmp_path: Path, link: Link, name: str, ends: str
) -> None:
    printing = _Printing(link)
    run_id = _cut_off(link, name, printing)
    with opened(tmp_path / "runs.db") as database:
        assert database.run(run_id).status.value == "RUNNING"
        kinds = [entry["kind"] for entry in database.journal(run_id)]
    assert kinds[-1] == "tool_started"
    agent = _agent(str(named(tmp_path / "runs.db")), name, printing)
    with agent.db:
        output = agent.continue_run(run_id=run_id, return_output=True)
        (requirement,) = output.active_requirements
        assert requirement.needs_recovery
        requirement.supply("printed by hand")
        assert agent.continue_run(run_id=run_id) == "done"
    assert printing.notes == ["begun", ends]


@on_a_server
def test_a_call_that_may_be_repeated_is(tmp_path: Path, link: Link) -> None:
    printing = _Printing(link)
    run_id = _cut_off(link, "print_again", printing)
    agent = _agent(str(named(tmp_path / "runs.db")), "print_again", printing)
    with agent.db:
        output = agent.continue_run(run_id=run_id, return_output=True)
    assert (output.output, output.tools[0].result) == ("done", "repeated")


def test_a_driver_that_was_stopped_and_is_overtaken_cancels_its_tools_when_it_wakes(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with Program(Path(lost_leases.__file__), str(db_file), "1.0", cwd=tmp_path) as stopped:
        assert stopped.hear() == "begun"
        os.kill(stopped.pid, signal.SIGSTOP)
        with opened(db_file) as database:
            (run,) = database.runs()
            agent = Agent(lost_leases.model(), db=database, tools=[lost_leases.print_book])
            output = agent.wait_and_continue(
                run.run_id, return_output=True, hitl_handler=lambda item: item.supply("printed"), timeout=_LONG
            )
            assert output.output == "done"
        os.kill(stopped.pid, signal.SIGCONT)
        woken = time.monotonic()
        assert stopped.hear() == "cancelled"
        kind, run_id, message = stopped.hear()
        assert time.monotonic() - woken < 3
    assert (kind, run_id) == ("LeaseLostError", run.run_id)
    assert "taken over" in message or "could not be renewed" in message
