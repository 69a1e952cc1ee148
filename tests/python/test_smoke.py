"""The shortest way through everything: what has to work on every Python that the wheel loads in."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from haltpoint import Agent, RunStatus, ScriptedModel, SqliteDatabase, Task, ToolCall, tool
from haltpoint.models import ModelReply

SENT: list[str] = []


@tool(requires_confirmation=True)
def send_invoice(customer: str, amount: int) -> str:
    """Send an invoice.

    Args:
        customer: Who gets it.
        amount: In euros.
    """
    SENT.append(f"{customer}: {amount}")
    return "sent"


def invoicing_agent(database: SqliteDatabase) -> Agent:
    request = ModelReply(tool_calls=[ToolCall("send_invoice", {"customer": "Verne", "amount": 80})])
    return Agent(ScriptedModel([request, "The invoice is out."]), db=database, tools=[send_invoice])


async def pause(path: Path) -> Any:
    with SqliteDatabase(path) as database:
        return await invoicing_agent(database).do_async(Task("Bill Verne"), return_output=True)


async def confirm_and_continue(path: Path, run_id: str) -> Any:
    with SqliteDatabase(path) as database:
        agent = invoicing_agent(database)
        return await agent.continue_run_async(
            run_id=run_id, hitl_handler=lambda requirement: requirement.confirm(), return_output=True
        )


def test_a_run_pauses_and_goes_on_from_its_file(tmp_path: Path) -> None:
    SENT.clear()
    paused = asyncio.run(pause(tmp_path / "runs.db"))
    assert paused.status is RunStatus.paused
    assert SENT == []
    completed = asyncio.run(confirm_and_continue(tmp_path / "runs.db", paused.run_id))
    assert (completed.status, completed.output) == (RunStatus.completed, "The invoice is out.")
    assert SENT == ["Verne: 80"]


def test_a_run_goes_on_in_another_process(tmp_path: Path) -> None:
    paused = asyncio.run(pause(tmp_path / "runs.db"))
    program = (
        f"import asyncio, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import pathlib, test_smoke; "
        f"path = pathlib.Path({str(tmp_path / 'runs.db')!r}); "
        f"print(asyncio.run(test_smoke.confirm_and_continue(path, {paused.run_id!r})).output, test_smoke.SENT)"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert told.stdout == "The invoice is out. ['Verne: 80']\n"


def test_the_command_decides_and_the_run_goes_on(tmp_path: Path) -> None:
    SENT.clear()
    paused = asyncio.run(pause(tmp_path / "runs.db"))
    command: list[str | Path] = [
        Path(sysconfig.get_path("scripts")) / "haltpoint",
        "approve",
        paused.run_id,
        "--db",
        tmp_path / "runs.db",
    ]
    assert "approved by" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with SqliteDatabase(tmp_path / "runs.db") as database:
        assert invoicing_agent(database).continue_run(run_id=paused.run_id) == "The invoice is out."
    assert SENT == ["Verne: 80"]
