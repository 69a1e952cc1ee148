"""One process of the demo: it starts the run, or continues it with what the file and a decision tell it, and ends.

Usage: worker.py DIRECTORY [RUN_ID [DECIDED_REQUIREMENT_AS_JSON]]
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from haltpoint import Agent, AgentRunOutput, RunBusyError, SqliteDatabase
from services import Services
from support_agent import TASK, support_agent
from terminal import event


async def work(directory: Path, run_id: str | None, decisions: list[dict[str, Any]]) -> AgentRunOutput:
    with SqliteDatabase(directory / "runs.db") as database:
        agent = support_agent(database, Services(directory))
        if run_id is None:
            output: AgentRunOutput = await agent.do_async(TASK, return_output=True)
        else:
            output = await _continued(agent, run_id, decisions)
        # Read while the database is open; what it says is passed on as plain data.
        (directory / "state.json").write_text(output.to_json(), encoding="utf-8")
        return output


async def _continued(agent: Agent, run_id: str, decisions: list[dict[str, Any]]) -> AgentRunOutput:
    has_waited = False
    while True:
        try:
            output: AgentRunOutput = await agent.continue_run_async(
                run_id=run_id, requirements=decisions or None, return_output=True
            )
        except RunBusyError:
            # Where the system does not tell whether a process lives, a dead one keeps its run until its lease ends.
            if not has_waited:
                event("│", "lease", "the dead process holds the run for up to 30 seconds here", "yellow")
            has_waited = True
            await asyncio.sleep(0.5)
        else:
            return output


def main() -> None:
    directory, *rest = sys.argv[1:]
    run_id = rest[0] if rest else None
    decisions = [json.loads(text) for text in rest[1:]]
    try:
        asyncio.run(work(Path(directory), run_id, decisions))
    except KeyboardInterrupt:
        # The run is on disk as cancelled; the process that was interrupted first says the rest.
        sys.exit(130)


if __name__ == "__main__":
    main()
