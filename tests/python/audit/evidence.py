"""Runs whose record is examined, and the hand that changes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from haltpoint import Agent, InMemoryDatabase, ModelReply, ScriptedModel, SqliteDatabase, ToolCall, tool

AnyDatabase = SqliteDatabase | InMemoryDatabase

KEY = b"a key of more than sixteen bytes"
OTHER_KEY = b"another key of quite some length"
_TAMPER = Path(__file__).with_name("tamper.py")


@tool(requires_confirmation=True)
def wipe(table: str) -> str:
    """Empty a table."""
    return f"wiped {table}"


def agent_on(database: AnyDatabase) -> Agent:
    """An agent that wants to wipe one table."""
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("wipe", {"table": "logs"})]), "done"])
    return Agent(model, db=database, tools=[wipe], name="clerk", session_id="monday", user_id="ben")


def paused_run(database: AnyDatabase) -> str:
    """A run that waits for a confirmation."""
    run_id: str = agent_on(database).do("Wipe the logs", return_output=True).run_id
    return run_id


def finished_run(database: AnyDatabase) -> str:
    """A run that Ann confirmed, and that is completed."""
    run_id = paused_run(database)
    (requirement,) = database.requirements(run_id=run_id)
    requirement.confirm(by="ann")
    requirement.commit()
    assert agent_on(database).continue_run(run_id=run_id) == "done"
    return run_id


def tamper(action: str, path: Path, *arguments: str | Path) -> None:
    """Change a file from another process: in this one only the engine may open it."""
    subprocess.run([sys.executable, str(_TAMPER), action, str(path), *map(str, arguments)], check=True)
