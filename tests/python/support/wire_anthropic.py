"""Anthropic Messages as the real provider checks it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from support.wire import (
    Answer,
    Call,
    require,
    require_keys,
    require_list,
    require_schema,
    require_text,
    signature_of,
)

_IDS = re.compile(r"[a-zA-Z0-9_-]+")
_NAMES = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_OPTIONS = (
    "system",
    "tools",
    "tool_choice",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "thinking",
    "output_config",
    "metadata",
)
_THINKING = ("thinking", "redacted_thinking")


class AnthropicWire:
    """Checks requests and writes answers."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        # The thinking that each tool call was made after: it must come back with it, unchanged.
        self._thinking_before: dict[str, list[dict[str, Any]]] = {}

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        require(headers.get("anthropic-version"), "anthropic-version: header is required")
        return headers.get("x-api-key")

    def check(self, body: dict[str, Any], model: str) -> None:
        require_keys(body, "body", needed=("model", "messages", "max_tokens"), allowed=_OPTIONS)
        require(isinstance(body["max_tokens"], int) and body["max_tokens"] > 0, "max_tokens: must be positive")
        if "system" in body:
            require_text(body["system"], "system")
        self._check_tools(body)
        self._check_messages(body)
        self._check_thinking(body)

    def _check_tools(self, body: dict[str, Any]) -> None:
        names = set()
        for index, tool in enumerate(body.get("tools", [])):
            where = f"tools.{index}"
            require_keys(tool, where, needed=("name", "input_schema"), allowed=("description",))
            require(_NAMES.fullmatch(tool["name"]), f"{where}.name: pattern")
            require(tool["name"] not in names, "tools: names must be unique")
            names.add(tool["name"])
            require_schema(tool["input_schema"], f"{where}.input_schema")
        if "tool_choice" in body:
            require(names, "tool_choice: needs tools")

    def _check_messages(self, body: dict[str, Any]) -> None:
        messages = require_list(body["messages"], "messages")
        require(messages[0].get("role") == "user", "messages: first message must use the user role")
        ids: set[str] = set()
        open_calls: list[str] = []
        last_role = None
        for index, message in enumerate(messages):
            where = f"messages.{index}"
            require_keys(message, where, needed=("role", "content"))
            role = message["role"]
            require(role in ("user", "assistant"), f"{where}.role: must be user or assistant")
            require(role != last_role, f"{where}: roles must alternate")
            last_role = role
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else require_list(content, where)
            if role == "user":
                self._check_user(blocks, open_calls, where)
                open_calls = []
            else:
                open_calls = self._check_assistant(blocks, ids, where)
        require(not open_calls, "messages: tool_use ids were found without tool_result blocks immediately after")
        require(not ids or body.get("tools"), "tools: must be defined when messages have tool_use blocks")

    def _check_user(self, blocks: list[Any], open_calls: list[str], where: str) -> None:
        answered = []
        for block in blocks:
            kind = block.get("type")
            if kind == "tool_result":
                require_keys(block, where, needed=("type", "tool_use_id"), allowed=("content", "is_error"))
                require(len(answered) == blocks.index(block), f"{where}: tool_result blocks must come first")
                require("content" not in block or block["content"], f"{where}: content must be non-empty")
                require(
                    not block.get("is_error") or block.get("content"),
                    f"{where}: content cannot be empty if is_error is true",
                )
                answered.append(block["tool_use_id"])
            else:
                require(kind == "text", f"{where}: unexpected block {kind!r}")
                require_text(block["text"], where)
        require(
            answered == open_calls,
            f"{where}: tool_result blocks {answered} must answer {open_calls}, each once, in order",
        )

    def _check_assistant(self, blocks: list[Any], ids: set[str], where: str) -> list[str]:
        calls = []
        for block in blocks:
            kind = block.get("type")
            if kind == "text":
                require_keys(block, where, needed=("type", "text"))
                require_text(block["text"], where)
            elif kind == "tool_use":
                require_keys(block, where, needed=("type", "id", "name", "input"))
                require(_IDS.fullmatch(block["id"]), f"{where}: tool_use.id: pattern")
                require(block["id"] not in ids, f"{where}: tool_use ids must be unique")
                require(_NAMES.fullmatch(block["name"]), f"{where}: tool_use.name: pattern")
                require(isinstance(block["input"], dict), f"{where}: tool_use.input: should be an object")
                ids.add(block["id"])
                calls.append(block["id"])
            elif kind == "thinking":
                require_keys(block, where, needed=("type", "thinking", "signature"))
                require(
                    block["signature"] == signature_of(block["thinking"]),
                    f"{where}: invalid signature in thinking block",
                )
            else:
                require(kind == "redacted_thinking", f"{where}: unexpected block {kind!r}")
                require(
                    block.get("data", "").startswith("redacted-"), f"{where}: invalid data in redacted_thinking block"
                )
        return calls

    def _check_thinking(self, body: dict[str, Any]) -> None:
        mode = body.get("thinking", {}).get("type")
        steps = _steps_of_this_turn(body["messages"])
        if steps and mode == "enabled":
            kind = steps[0][0]["type"]
            require(kind in _THINKING, f"Expected thinking or redacted_thinking, but found {kind}")
        for blocks in steps if mode in ("enabled", "adaptive") else []:
            thinking = [block for block in blocks if block["type"] in _THINKING]
            call = next(block["id"] for block in blocks if block["type"] == "tool_use")
            require(thinking == self._thinking_before.get(call, thinking), "thinking blocks cannot be modified")

    def render(self, answer: Answer, model: str) -> dict[str, Any]:
        thinking = [self._thinking(text) for text in answer.reasoning]
        text = [{"type": "text", "text": answer.text}] if answer.text is not None else []
        calls = [self._call(call) for call in answer.calls]
        for call in calls[:1]:
            self._thinking_before[call["id"]] = thinking
        return {
            "id": f"msg_{next(self._numbers)}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [*thinking, *text, *calls],
            "stop_reason": answer.stop or ("tool_use" if calls else "end_turn"),
            "stop_sequence": None,
            "usage": {
                "input_tokens": 7,
                "cache_creation_input_tokens": 1,
                "cache_read_input_tokens": 2,
                "output_tokens": 5,
            },
        }

    def _thinking(self, text: str | None) -> dict[str, Any]:
        if text is None:
            return {"type": "redacted_thinking", "data": f"redacted-{next(self._numbers)}"}
        return {"type": "thinking", "thinking": text, "signature": signature_of(text)}

    def _call(self, call: Call) -> dict[str, Any]:
        arguments = json.loads(call.args) if isinstance(call.args, str) else dict(call.args)
        return {
            "type": "tool_use",
            "id": call.id or f"toolu_{next(self._numbers)}",
            "name": call.name,
            "input": arguments,
        }

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": "invalid_request_error", "message": message}, "request_id": "req_1"}


def _steps_of_this_turn(messages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The blocks of the assistant's messages since somebody last spoke, when tool results end the conversation.

    Claude thinks before the first of them; in the others it may or may not.
    """
    steps: list[list[dict[str, Any]]] = []
    for message in reversed(messages):
        blocks = message["content"]
        if message["role"] == "assistant":
            steps.insert(0, blocks)
        elif isinstance(blocks, str) or any(block["type"] != "tool_result" for block in blocks):
            break
    return steps
