"""The loopback provider refuses what the real ones refuse: a lenient one would let every mistake through."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from support.provider_server import ProviderServer, provider_server

__all__ = ["provider_server"]

USER = {"role": "user", "content": "Hello?"}
USE = {"type": "tool_use", "id": "a", "name": "clock", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "noon"}
ANTHROPIC_TOOLS = [{"name": "clock", "input_schema": {"type": "object", "properties": {}}}]
CALL = {"id": "a", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOLD = {"role": "tool", "tool_call_id": "a", "content": "noon"}
FUNCTION_CALL = {"type": "function_call", "call_id": "a", "name": "clock", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "noon"}
QUESTION = {"type": "message", "role": "user", "content": "Hello?"}


def anthropic(*messages: Any, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/messages", {
        "model": "m",
        "max_tokens": 9,
        "messages": list(messages),
        "tools": ANTHROPIC_TOOLS,
        **fields,
    }


def chat(*messages: Any, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"model": "m", "messages": list(messages), **fields}


def responses(*items: Any, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/responses", {"model": "gpt-5", "store": False, "input": list(items), **fields}


def gemini(*contents: Any) -> tuple[str, dict[str, Any]]:
    return "/v1beta/models/gemini-3-pro:generateContent", {"contents": list(contents)}


def bedrock(*messages: Any) -> tuple[str, dict[str, Any]]:
    return "/model/m/converse", {"messages": list(messages)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def status_of(server: ProviderServer, request: tuple[str, dict[str, Any]], key: str = ProviderServer.key) -> int:
    path, body = request
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {key}",
        "x-api-key": key,
        "x-goog-api-key": key,
        "anthropic-version": "2023-06-01",
    }
    call = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(call) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


CALLED = {"functionCall": {"name": "clock", "args": {}}}
RESPONDED = {"functionResponse": {"name": "clock", "response": {"output": "noon"}}}
TEXT = {"role": "user", "parts": [{"text": "Hello?"}]}

ACCEPTED = {
    "anthropic": anthropic(USER, assistant(USE), user(RESULT, {"type": "text", "text": "And?"})),
    "chat": chat({"role": "system", "content": "Be brief."}, USER, ASKED, TOLD),
    "responses": responses(QUESTION, FUNCTION_CALL, OUTPUT),
    "gemini": gemini(
        TEXT,
        {"role": "model", "parts": [{**CALLED, "thoughtSignature": "skip_thought_signature_validator"}]},
        {"role": "user", "parts": [RESPONDED]},
    ),
    "bedrock": bedrock(user({"text": "Hello?"})),
}

REFUSED = {
    "anthropic: no max_tokens": ("/v1/messages", {"model": "m", "messages": [USER]}),
    "anthropic: system as a message": anthropic({"role": "system", "content": "Be brief."}, USER),
    "anthropic: assistant first": anthropic({"role": "assistant", "content": "Hi."}, USER),
    "anthropic: two users": anthropic(USER, USER),
    "anthropic: no result": anthropic(USER, assistant(USE), USER),
    "anthropic: result not at once": anthropic(
        USER, assistant(USE), USER, {"role": "assistant", "content": "?"}, user(RESULT)
    ),
    "anthropic: two results": anthropic(USER, assistant(USE), user(RESULT, RESULT)),
    "anthropic: text before results": anthropic(USER, assistant(USE), user({"type": "text", "text": "So?"}, RESULT)),
    "anthropic: result of nothing": anthropic(user(RESULT)),
    "anthropic: blank text": anthropic(USER, assistant({"type": "text", "text": " "}, USE), user(RESULT)),
    "anthropic: id": anthropic(USER, assistant({**USE, "id": "a b"}), user({**RESULT, "tool_use_id": "a b"})),
    "anthropic: input as text": anthropic(USER, assistant({**USE, "input": "{}"}), user(RESULT)),
    "anthropic: no tools": anthropic(USER, assistant(USE), user(RESULT), tools=[]),
    "anthropic: forged signature": anthropic(
        USER, assistant({"type": "thinking", "thinking": "x", "signature": "y"}, USE), user(RESULT)
    ),
    "anthropic: thinking without": anthropic(
        USER, assistant(USE), user(RESULT), thinking={"type": "enabled", "budget_tokens": 5}
    ),
    "anthropic: unknown field": anthropic(USER, seed=1),
    "chat: no result": chat(USER, ASKED),
    "chat: user before the result": chat(USER, ASKED, USER, TOLD),
    "chat: two results": chat(USER, ASKED, TOLD, TOLD),
    "chat: result of nothing": chat(USER, TOLD),
    "chat: empty assistant": chat(USER, {"role": "assistant", "content": ""}),
    "chat: arguments as an object": chat(
        USER, {**ASKED, "tool_calls": [{**CALL, "function": {"name": "clock", "arguments": {}}}]}, TOLD
    ),
    "chat: unknown field": chat(USER, top_k=1),
    "responses: no output": responses(QUESTION, FUNCTION_CALL),
    "responses: output of nothing": responses(QUESTION, OUTPUT),
    "responses: reasoning by id": responses(
        QUESTION, {"type": "reasoning", "id": "rs_1", "summary": []}, FUNCTION_CALL, OUTPUT
    ),
    "responses: forged reasoning": responses(
        QUESTION, {"type": "reasoning", "summary": [], "encrypted_content": "x"}, FUNCTION_CALL, OUTPUT
    ),
    "responses: encrypted where none is": responses(QUESTION, include=["reasoning.encrypted_content"], model="gpt-4o"),
    "responses: stop": responses(QUESTION, stop=["x"]),
    "gemini: no signature": gemini(TEXT, {"role": "model", "parts": [CALLED]}, {"role": "user", "parts": [RESPONDED]}),
    "gemini: no response": gemini(
        TEXT, {"role": "model", "parts": [{**CALLED, "thoughtSignature": "skip_thought_signature_validator"}]}, TEXT
    ),
    "bedrock: two users": bedrock(user({"text": "Hello?"}), user({"text": "Hello?"})),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_proper_request_is_answered(provider_server: ProviderServer, name: str) -> None:
    provider_server.script("Hello.")
    assert status_of(provider_server, ACCEPTED[name]) == 200


@pytest.mark.parametrize("name", REFUSED)
def test_an_improper_request_is_refused(provider_server: ProviderServer, name: str) -> None:
    provider_server.script("Hello.")
    assert status_of(provider_server, REFUSED[name]) == 400


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_wrong_key_is_refused(provider_server: ProviderServer, name: str) -> None:
    assert status_of(provider_server, ACCEPTED[name], key="another") == 401
