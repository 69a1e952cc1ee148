"""Bedrock Converse as the real provider checks it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from support.wire import Answer, Call, require, require_keys, require_list, require_schema, require_text
from support.wire_chat import bearer

_IDS = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class BedrockWire:
    """Checks requests and writes answers."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        return bearer(headers)

    def check(self, body: dict[str, Any], model: str) -> None:
        require_keys(body, "body", needed=("messages",), allowed=("system", "toolConfig", "inferenceConfig"))
        for block in body.get("system", []):
            require_text(block["text"], "system")
        if "toolConfig" in body:
            for tool in require_list(body["toolConfig"]["tools"], "toolConfig.tools"):
                require_schema(tool["toolSpec"]["inputSchema"]["json"], "toolSpec.inputSchema")
        self._check_messages(require_list(body["messages"], "messages"), offers_tools="toolConfig" in body)

    def _check_messages(self, messages: list[Any], *, offers_tools: bool) -> None:
        require(messages[0]["role"] == "user", "a conversation must start with a user message")
        open_calls: list[str] = []
        last_role = None
        for index, message in enumerate(messages):
            where = f"messages[{index}]"
            require(message["role"] != last_role, f"{where}: roles must alternate between user and assistant")
            last_role = message["role"]
            blocks = require_list(message["content"], where)
            for block in blocks:
                require_keys(block, where, allowed=("text", "toolUse", "toolResult"))
                if "text" in block:
                    require_text(block["text"], where)
            answered = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
            require(answered == open_calls, f"{where}: toolResult blocks {answered} must answer {open_calls}")
            open_calls = [self._check_call(block["toolUse"], where) for block in blocks if "toolUse" in block]
            require(not open_calls or offers_tools, "toolConfig must be defined when using toolUse content blocks")
            require(len(set(open_calls)) == len(open_calls), f"{where}: toolUseId: duplicate")
        require(not open_calls, f"expected toolResult blocks for {open_calls}")

    def _check_call(self, call: object, where: str) -> str:
        call = require_keys(call, where, needed=("toolUseId", "name", "input"))
        require(_IDS.fullmatch(call["toolUseId"]), f"{where}: toolUseId: pattern")
        require(_IDS.fullmatch(call["name"]), f"{where}: name: pattern")
        require(isinstance(call["input"], dict), f"{where}: input: must be an object")
        return str(call["toolUseId"])

    def render(self, answer: Answer, model: str) -> dict[str, Any]:
        text = [{"text": answer.text}] if answer.text is not None else []
        calls = [{"toolUse": self._call(call)} for call in answer.calls]
        return {
            "output": {"message": {"role": "assistant", "content": [*text, *calls]}},
            "stopReason": answer.stop or ("tool_use" if calls else "end_turn"),
            "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15},
        }

    def _call(self, call: Call) -> dict[str, Any]:
        arguments = json.loads(call.args) if isinstance(call.args, str) else dict(call.args)
        return {"toolUseId": call.id or f"tooluse_{next(self._numbers)}", "name": call.name, "input": arguments}

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"message": message}
