"""Conversations with providers' models, as the tests hold them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from haltpoint.exceptions import ModelError
from haltpoint.models import Message, ModelReply, ModelRequest, ToolCall, ToolSpec
from haltpoint.models.provider import ProviderModel
from support.provider_server import Answer, ProviderServer

ANTHROPIC = "anthropic/claude-sonnet-4-6"
LEGACY_ANTHROPIC = "anthropic/claude-sonnet-4-5"
CHAT = "openai/gpt-4o-mini"
RESPONSES = "openai-responses/gpt-5-mini"
GEMINI = "gemini/gemini-3-flash"
MISTRAL = "mistral/mistral-small-latest"
DEEPSEEK = "deepseek/deepseek-chat"
BEDROCK = "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"
ONE_OF_EACH_PROTOCOL = [ANTHROPIC, CHAT, RESPONSES, GEMINI]
MODELS = [ANTHROPIC, LEGACY_ANTHROPIC, CHAT, RESPONSES, GEMINI, MISTRAL, DEEPSEEK, BEDROCK]
WEATHER = ToolSpec(
    "weather",
    "The weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/City"}, "days": {"type": "integer", "default": 1}},
        "required": ["city"],
        "$defs": {"City": {"type": "string", "description": "its name"}},
    },
)
CLOCK = ToolSpec("clock", "The time.", {})
SYSTEM = Message("system", "Be brief.")
QUESTION = Message("user", "How is the weather?")


def failure(
    model: str, messages: Sequence[Message] = (QUESTION,), settings: Mapping[str, Any] | None = None
) -> ModelError:
    """What a request that fails raises."""
    with pytest.raises(ModelError) as caught:
        ask(model, messages, (), settings)
    return caught.value


def ask(
    model: str | ProviderModel,
    messages: Sequence[Message] = (QUESTION,),
    tools: Sequence[ToolSpec] = (WEATHER, CLOCK),
    settings: Mapping[str, Any] | None = None,
) -> ModelReply:
    """One request in an event loop of its own."""
    provider = ProviderModel(model) if isinstance(model, str) else model
    return asyncio.run(provider.request(ModelRequest(messages, tools, settings or {})))


def said(reply: ModelReply) -> Message:
    """The message that a run keeps of a reply."""
    calls = tuple(
        ToolCall(call.name, json.loads(call.args) if isinstance(call.args, str) else call.args, call.id)
        for call in reply.tool_calls
    )
    return Message("assistant", reply.text, calls, provider_data=json.loads(json.dumps(reply.provider_data)))


def result(call: ToolCall, content: str = "fine", *, is_error: bool = False) -> Message:
    return Message("tool", content, tool_call_id=call.id, name=call.name, is_error=is_error)


def effort_for(model: str) -> dict[str, str]:
    return {} if model == BEDROCK else {"reasoning_effort": "low"}


def tool_loop(
    server: ProviderServer, model: str, first: Answer, settings: Mapping[str, Any] | None = None
) -> list[Message]:
    """A conversation in which the model called tools, got the results, and answered."""
    server.script(first, "It is fine.")
    messages = [SYSTEM, QUESTION]
    reply = ask(model, messages, settings=settings)
    messages.append(said(reply))
    messages += [result(call, f"result {index}") for index, call in enumerate(messages[-1].tool_calls)]
    messages.append(said(ask(model, messages, settings=settings)))
    assert messages[-1].content == "It is fine."
    return messages
