"""Pydantic AI over HTTP, without DBOS: nothing is kept, and a killed process loses its runs.

Mode "not durable": `OpenAIChatModel`, which asks through the openai client, and an async tool.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI
from pydantic_ai import Agent, UsageLimits
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import common
from chat_server import MODEL
from over_http import Run, over_http

NO_LIMIT = UsageLimits(request_limit=None)


@asynccontextmanager
async def agent(_: common.Job, executed: list[int]) -> AsyncGenerator[Run, None]:
    """An agent with a client of its own."""
    async with AsyncOpenAI() as client:
        asked = Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=client)))

        @asked.tool_plain
        async def lookup(number: int) -> str:
            """Look a number up."""
            executed.append(number)
            return common.lookup_result(number)

        async def run() -> str:
            return (await asked.run(common.PROMPT, usage_limits=NO_LIMIT)).output

        yield run


if __name__ == "__main__":
    common.main("pydantic-ai", "pydantic-ai-slim", {"http": over_http(agent)})
