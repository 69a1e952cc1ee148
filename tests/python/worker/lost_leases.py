"""A process that drives a run whose async tool takes long: `lost_leases.py DB_FILE LEASE_SECONDS`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from haltpoint import Agent, HaltpointError, ModelReply, ScriptedModel, ToolCall, tool
from support.databases import opened
from support.programs import tell


@tool
async def print_book() -> str:
    """Take very long."""
    try:
        tell("begun")
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        tell("cancelled")
        raise
    return "printed"


def model() -> ScriptedModel:
    """Ask for the tool, then for nothing more."""
    return ScriptedModel([ModelReply(tool_calls=[ToolCall("print_book", {})]), "done"])


if __name__ == "__main__":
    with opened(Path(sys.argv[1]), lease_seconds=float(sys.argv[2])) as database:
        try:
            Agent(model(), db=database, tools=[print_book]).do("Print.")
        except HaltpointError as error:
            tell([type(error).__name__, error.run_id, str(error)])
