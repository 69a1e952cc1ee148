"""OpenAI Agents SDK over HTTP, without a session: nothing is kept, and a killed process loses its runs.

Mode "not durable": `OpenAIChatCompletionsModel`, which asks through the openai client, and an async tool. Tracing is
off by `set_tracing_disabled(True)`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

import common
from chat_server import MODEL
from over_http import Run, over_http


@asynccontextmanager
async def agent(job: common.Job, executed: list[int]) -> AsyncGenerator[Run, None]:
    """An agent with a client of its own."""

    @function_tool
    async def lookup(number: int) -> str:
        """Look a number up."""
        executed.append(number)
        return common.lookup_result(number)

    async with AsyncOpenAI() as client:
        model = OpenAIChatCompletionsModel(MODEL, openai_client=client)
        asked = Agent(name="benchmark", model=model, tools=[lookup])

        async def run() -> str:
            result = await Runner.run(asked, common.PROMPT, max_turns=job.steps + 3)
            return str(result.final_output)

        yield run


if __name__ == "__main__":
    set_tracing_disabled(True)
    common.main("openai-agents", "openai-agents", {"http": over_http(agent)})
