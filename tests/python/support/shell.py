"""A program that starts a run in the way of a script that a person stops with Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from haltpoint import Agent
from support.databases import opened
from support.programs import tell
from support.workshop import TOOLS, model

__all__ = ["SHELL"]

SHELL = Path(__file__)


def main(form: str, db_file: str, script: str) -> None:
    """Run a task in the async or the synchronous form and tell how it was stopped."""
    agent = Agent(model(script), db=opened(Path(db_file)), tools=TOOLS)
    try:
        if form == "async":
            asyncio.run(agent.do_async("Work."))
        else:
            agent.do("Work.")
    except KeyboardInterrupt:
        output = agent.get_run_output()
        tell({"interrupted": agent.run_id, "status": None if output is None else output.status.value})


if __name__ == "__main__":
    main(*sys.argv[1:])
