"""What models think comes back to them as their protocol wants it."""

from __future__ import annotations

import pytest

from haltpoint.models import Message, ToolCall
from support.asking_providers import (
    ANTHROPIC,
    DEEPSEEK,
    GEMINI,
    LEGACY_ANTHROPIC,
    MISTRAL,
    QUESTION,
    RESPONSES,
    ask,
    result,
    said,
    tool_loop,
)
from support.provider_server import Answer, Call, ProviderServer
from support.wire_gemini import GeminiWire


@pytest.mark.parametrize("model", [ANTHROPIC, LEGACY_ANTHROPIC])
def test_thinking_comes_back_in_its_order_and_unchanged(provider_server: ProviderServer, model: str) -> None:
    first = Answer("Let me see.", [Call("clock"), Call("clock")], reasoning=["First.", None, "Second."])
    messages = tool_loop(provider_server, model, first, {"reasoning_effort": "medium"})
    kinds = [block["type"] for block in provider_server.last["messages"][1]["content"]]
    assert kinds == ["thinking", "redacted_thinking", "thinking", "text", "tool_use", "tool_use"]
    assert messages[2].provider_data["provider"] == "anthropic"


@pytest.mark.parametrize("model", [ANTHROPIC, LEGACY_ANTHROPIC])
def test_thinking_goes_on_through_a_loop_in_which_the_model_thought_once(
    provider_server: ProviderServer, model: str
) -> None:
    provider_server.script(Answer(calls=[Call("clock")], reasoning=["Hm."]), Answer(calls=[Call("clock")]), "Fine.")
    messages = [QUESTION]
    for _ in range(3):
        messages.append(said(ask(model, messages, settings={"reasoning_effort": "low"})))
        messages += [result(call) for call in messages[-1].tool_calls]
    assert messages[-1].content == "Fine."
    assert "thinking" in provider_server.last


def test_thinking_rests_in_a_loop_that_began_without(provider_server: ProviderServer) -> None:
    provider_server.script(Answer(calls=[Call("clock")]), "Fine.", "Fine.")
    effort = {"reasoning_effort": "low"}
    reply = said(ask(LEGACY_ANTHROPIC, [QUESTION]))
    loop = [QUESTION, reply, result(reply.tool_calls[0])]
    ask(LEGACY_ANTHROPIC, loop, settings=effort)
    assert "thinking" not in provider_server.last
    ask(LEGACY_ANTHROPIC, [*loop, Message("assistant", "Fine."), QUESTION], settings=effort)
    assert provider_server.last["thinking"]["type"] == "enabled"


def test_approved_arguments_replace_those_that_were_thought_of(provider_server: ProviderServer) -> None:
    provider_server.script(Answer(calls=[Call("weather", {"city": "Rome"})], reasoning=["Rome?"]), "Fine.")
    effort = {"reasoning_effort": "low"}
    reply = said(ask(ANTHROPIC, [QUESTION], settings=effort))
    changed = Message(
        "assistant",
        None,
        (ToolCall("weather", {"city": "Oslo"}, reply.tool_calls[0].id),),
        provider_data=reply.provider_data,
    )
    ask(ANTHROPIC, [QUESTION, changed, result(changed.tool_calls[0])], settings=effort)
    thinking, call = provider_server.last["messages"][1]["content"]
    assert thinking["thinking"] == "Rome?"
    assert call["input"] == {"city": "Oslo"}


def test_responses_reasoning_comes_back_encrypted(provider_server: ProviderServer) -> None:
    tool_loop(provider_server, RESPONSES, Answer("Let me see.", [Call("clock")], reasoning=["I wonder."]))
    kinds = [item["type"] for item in provider_server.last["input"]]
    assert kinds == ["message", "reasoning", "message", "function_call", "function_call_output"]
    assert provider_server.last["include"] == ["reasoning.encrypted_content"]
    assert provider_server.last["store"] is False


def test_responses_reasoning_without_its_content_is_left_out(provider_server: ProviderServer) -> None:
    tool_loop(provider_server, RESPONSES, Answer(calls=[Call("clock")], reasoning=[None]))
    assert [item["type"] for item in provider_server.last["input"]] == [
        "message",
        "function_call",
        "function_call_output",
    ]


def test_responses_without_reasoning_asks_for_none(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    assert ask("openai-responses/gpt-4o", [QUESTION]).text == "Hello."
    assert "include" not in provider_server.last


def test_deepseek_gets_its_reasoning_back_with_the_calls(provider_server: ProviderServer) -> None:
    tool_loop(provider_server, DEEPSEEK, Answer(calls=[Call("clock")], reasoning=["I wonder."]))
    assert provider_server.last["messages"][2]["reasoning_content"] == "I wonder."


def test_mistral_gets_its_reasoning_back_in_the_content(provider_server: ProviderServer) -> None:
    messages = tool_loop(provider_server, MISTRAL, Answer("Let me see.", [Call("clock")], reasoning=["I wonder."]))
    assert messages[2].content == "Let me see."
    assert [chunk["type"] for chunk in provider_server.last["messages"][2]["content"]] == ["thinking", "text"]


@pytest.mark.parametrize("with_ids", [True, False])
def test_gemini_signatures_and_ids_come_back_where_they_were(provider_server: ProviderServer, with_ids: bool) -> None:
    provider_server.protocols["gemini"] = GeminiWire(with_ids=with_ids)
    tool_loop(provider_server, GEMINI, Answer("Let me see.", [Call("weather", {"city": "Rome"}), Call("clock")]))
    _, first, second = provider_server.last["contents"][1]["parts"]
    assert first["thoughtSignature"].startswith("sig-")
    assert "thoughtSignature" not in second
    assert ("id" in second["functionCall"]) is with_ids
