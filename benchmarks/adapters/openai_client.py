"""The openai client in a bare loop: no framework, nothing is kept, and a killed process loses its runs.

Mode "bare": messages are plain dicts, which the client has the least to do with. Arguments are parsed and not checked.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI

import common
from chat_server import MODEL
from over_http import Run, over_http

TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": common.TOOL,
            "description": "Look a number up.",
            "parameters": {
                "type": "object",
                "properties": {"number": {"type": "integer"}},
                "required": ["number"],
            },
        },
    }
]


@asynccontextmanager
async def loop(job: common.Job, executed: list[int]) -> AsyncGenerator[Run, None]:
    """A loop with a client of its own."""

    async def lookup(number: int) -> str:
        executed.append(number)
        return common.lookup_result(number)

    async def run() -> str:
        messages: list[Any] = [{"role": "user", "content": common.PROMPT}]
        for _ in range(job.steps + 1):
            completion = await client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
            reply = completion.choices[0].message
            if not reply.tool_calls:
                return str(reply.content)
            messages.append(reply.model_dump(exclude_none=True))
            for call in reply.tool_calls:
                content = await lookup(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
        raise RuntimeError("the model gave no final text")

    async with AsyncOpenAI() as client:
        yield run


if __name__ == "__main__":
    common.main("openai", "openai", {"http": over_http(loop)})
