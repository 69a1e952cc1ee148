"""Whatever a provider answers, a request ends in a reply or a ModelError, and a reply can go back to the provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from haltpoint.exceptions import ModelError
from haltpoint.models import Message, ModelReply, ModelRequest, ToolCall, ToolSpec
from haltpoint.models.provider import ProviderModel
from support.fuzzing import fuzz
from support.json_values import changed, json_values
from support.provider_server import Answer, Call, ProviderServer, Raw, provider_server

__all__ = ["provider_server"]

_MODELS = {
    "anthropic/claude-sonnet-4-6": "/v1/messages",
    "openai/gpt-4o-mini": "/v1/chat/completions",
    "openai-responses/gpt-5-mini": "/v1/responses",
    "gemini/gemini-3-flash": "gemini",
    "mistral/mistral-small-latest": "/mistral/v1/chat/completions",
    "deepseek/deepseek-chat": "/deepseek/v1/chat/completions",
    "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0": "bedrock",
}
_TOOLS = [ToolSpec("weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}})]
_PATIENCE = 20.0
_QUESTION = Message("user", "How is the weather?")
_ANSWERS = [
    Answer("Fine."),
    Answer(None, [Call("weather", {"city": "Rome"}), Call("weather", {"city": 1})]),
    Answer("Let me see.", [Call("weather")], reasoning=["Rome is warm.", "Is it?"]),
    Answer("Cut", stop="length"),
]


def _bodies(server: ProviderServer, model: str) -> st.SearchStrategy[str]:
    """Bodies of answers: the protocol's own with parts changed, any JSON, and any text."""
    protocol = server.protocols[_MODELS[model]]
    rendered = [protocol.render(answer, model.split("/")[1]) for answer in _ANSWERS]
    errors = [protocol.error(status, "no") for status in (400, 529)]
    bodies = changed(st.sampled_from([*rendered, *errors])) | json_values
    text = bodies.map(json.dumps)
    cut = st.tuples(text, st.integers(0, 400)).map(lambda pair: pair[0][: pair[1]])
    return st.one_of(text, text, text, cut, st.text(max_size=30))


def _ask(model: ProviderModel, messages: Sequence[Message]) -> ModelReply | None:
    """What came of a request: a reply, or None for a ModelError."""
    try:
        reply = asyncio.run(asyncio.wait_for(model.request(ModelRequest(messages, _TOOLS, {})), _PATIENCE))
    except ModelError as error:
        _check_error(error, model)
        return None
    _check(reply)
    return reply


def _check_error(error: ModelError, model: ProviderModel) -> None:
    assert error.provider == model.provider
    assert 0 < len(str(error)) < 1000


def _check(reply: ModelReply) -> None:
    assert isinstance(reply, ModelReply)
    assert reply.text is None or isinstance(reply.text, str)
    assert all(isinstance(call.name, str) and isinstance(call.args, str) and call.id for call in reply.tool_calls)
    assert reply.usage is not None
    assert min(reply.usage.input_tokens, reply.usage.output_tokens) >= 0
    json.dumps(reply.provider_data, allow_nan=False)


def _continued(reply: ModelReply) -> list[Message]:
    """The conversation that a run would send next."""
    calls = tuple(ToolCall(call.name, _arguments(call.args), call.id) for call in reply.tool_calls)
    results = [Message("tool", "fine", tool_call_id=call.id, name=call.name) for call in calls]
    return [_QUESTION, Message("assistant", reply.text, calls, provider_data=reply.provider_data), *results]


def _arguments(args: Any) -> Mapping[str, Any]:
    try:
        parsed = json.loads(args)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


@pytest.mark.parametrize("name", _MODELS)
def test_any_answer_is_a_reply_or_a_model_error(provider_server: ProviderServer, name: str) -> None:
    model = ProviderModel(name)

    def is_read(bodies: tuple[str, str]) -> None:
        provider_server.forget_script()
        provider_server.script(*(Raw(body) for body in bodies))
        reply = _ask(model, [_QUESTION])
        if reply is not None:
            _ask(model, _continued(reply))

    bodies = _bodies(provider_server, name)
    fuzz(st.tuples(bodies, bodies), 25, is_read)


def test_numbers_of_tokens_that_no_machine_can_add_up_are_taken_as_they_come(provider_server: ProviderServer) -> None:
    huge = 2**64 - 1
    usage = {"input_tokens": huge, "cache_read_input_tokens": huge, "output_tokens": huge}
    provider_server.script(Raw(json.dumps({"content": [{"type": "text", "text": "Fine."}], "usage": usage})))
    reply = _ask(ProviderModel("anthropic/claude-sonnet-4-6"), [_QUESTION])
    assert reply is not None
    assert reply.usage is not None
    assert reply.usage.input_tokens == huge
    counts = {"candidatesTokenCount": huge, "thoughtsTokenCount": huge}
    candidate = {"content": {"parts": [{"text": "Fine."}]}}
    provider_server.script(Raw(json.dumps({"candidates": [candidate], "usageMetadata": counts})))
    reply = _ask(ProviderModel("gemini/gemini-3-flash"), [_QUESTION])
    assert reply is not None
    assert reply.usage is not None
    assert reply.usage.output_tokens == huge
