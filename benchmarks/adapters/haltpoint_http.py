"""haltpoint over HTTP, as its README shows it: `Agent("openai/...")` with an async tool, its own client underneath.

The modes are those of haltpoint_agent.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import common
from chat_server import MODEL
from haltpoint import Agent, tool
from haltpoint_agent import open_database
from over_http import Run, over_http


@asynccontextmanager
async def agent(job: common.Job, executed: list[int]) -> AsyncGenerator[Run, None]:
    """An agent on the job's database."""

    @tool
    async def lookup(number: int) -> str:
        """Look a number up."""
        executed.append(number)
        return common.lookup_result(number)

    with open_database(job, job.database) as database:
        limit = job.steps + 2
        yield partial(
            Agent(f"openai/{MODEL}", db=database, tools=[lookup], tool_call_limit=limit).do_async, common.PROMPT
        )


if __name__ == "__main__":
    common.main("haltpoint", "haltpoint", {"http": over_http(agent)})
