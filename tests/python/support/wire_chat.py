"""OpenAI Chat Completions as the real provider checks it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from support.wire import Answer, Call, require, require_keys, require_list, require_schema

_NAMES = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OPTIONS = (
    "tools",
    "parallel_tool_calls",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "reasoning_effort",
    "metadata",
)


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key of an Authorization header."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme == "Bearer" else None


class ChatWire:
    """Checks requests and writes answers.

    Args:
        mistral: whether to check what Mistral does: ids of nine characters, no user right after a tool; reasoning goes
            out in chunks of the content.
        thinks_aloud: whether reasoning goes out as `reasoning_content`, which must come back with the tool calls.
    """

    def __init__(self, *, mistral: bool = False, thinks_aloud: bool = False) -> None:
        self._numbers = itertools.count(1)
        self._mistral = mistral
        self._thinks_aloud = thinks_aloud
        self._thinking = False
        self._reasoning_of: dict[str, str] = {}

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        return bearer(headers)

    def check(self, body: dict[str, Any], model: str) -> None:
        require_keys(
            body,
            "body",
            needed=("model", "messages"),
            allowed=(*_OPTIONS, "thinking") if self._thinks_aloud else _OPTIONS,
        )
        self._thinking = body.get("thinking", {}).get("type") == "enabled"
        if "tools" in body:
            for index, tool in enumerate(require_list(body["tools"], "tools")):
                require_keys(tool, f"tools[{index}]", needed=("type", "function"))
                function = require_keys(
                    tool["function"],
                    f"tools[{index}]",
                    needed=("name", "parameters"),
                    allowed=("description", "strict"),
                )
                require(_NAMES.fullmatch(function["name"]), f"tools[{index}].function.name: pattern")
                require_schema(function["parameters"], f"tools[{index}].function.parameters")
                if function.get("strict"):
                    self._check_strict(function["parameters"])
        else:
            require("parallel_tool_calls" not in body, "parallel_tool_calls is only allowed when tools are specified")
        self._check_messages(require_list(body["messages"], "messages"))

    def _check_strict(self, schema: dict[str, Any]) -> None:
        require(schema.get("additionalProperties") is False, "strict: additionalProperties must be false")
        require(
            sorted(schema.get("required", [])) == sorted(schema["properties"]),
            "strict: all properties must be required",
        )

    def _check_messages(self, messages: list[Any]) -> None:
        open_calls: list[str] = []
        last_role = None
        for index, message in enumerate(messages):
            where = f"messages[{index}]"
            role = message.get("role")
            if role == "tool":
                require_keys(message, where, needed=("role", "content", "tool_call_id"))
                require(isinstance(message["content"], str), f"{where}.content: must be a string")
                require(
                    open_calls and message["tool_call_id"] == open_calls[0], f"{where}: must answer {open_calls[:1]}"
                )
                open_calls.pop(0)
            else:
                require(not open_calls, f"{where}: tool_call_ids without response messages: {open_calls}")
                open_calls = self._check_speaker(message, where, last_role)
            last_role = role
        require(not open_calls, f"tool_call_ids without response messages: {open_calls}")

    def _check_speaker(self, message: dict[str, Any], where: str, last_role: str | None) -> list[str]:
        role = message.get("role")
        if role in ("system", "user"):
            require_keys(message, where, needed=("role", "content"))
            require(isinstance(message["content"], str), f"{where}.content: must be a string")
            require(
                not (self._mistral and role == "user" and last_role == "tool"),
                "unexpected role 'user' after role 'tool'",
            )
            return []
        require(role == "assistant", f"{where}.role: unknown {role!r}")
        extra = ("reasoning_content",) if self._thinks_aloud else ()
        require_keys(message, where, needed=("role",), allowed=("content", "tool_calls", *extra))
        content = message.get("content")
        require(content or message.get("tool_calls"), f"{where}: content or tool_calls must be set")
        require(content is None or isinstance(content, str) or self._mistral, f"{where}.content: must be a string")
        if self._thinking:
            require(message.get("reasoning_content"), f"{where}: missing reasoning_content in thinking mode")
        if "tool_calls" not in message:
            return []
        return [self._check_call(call, message, where) for call in require_list(message["tool_calls"], where)]

    def _check_call(self, call: object, message: dict[str, Any], where: str) -> str:
        call = require_keys(call, where, needed=("id", "type", "function"))
        function = require_keys(call["function"], where, needed=("name", "arguments"))
        require(_NAMES.fullmatch(function["name"]), f"{where}: function.name: pattern")
        require(isinstance(function["arguments"], str), f"{where}: arguments must be a string")
        require(isinstance(json.loads(function["arguments"]), dict), f"{where}: arguments must be an object")
        require(0 < len(call["id"]) <= 40, f"{where}: id: too long")
        if self._mistral:
            require(re.fullmatch(r"[a-zA-Z0-9]{9}", call["id"]), f"{where}: id must be nine letters and digits")
        if call["id"] in self._reasoning_of:
            require(
                message.get("reasoning_content") == self._reasoning_of[call["id"]],
                "missing reasoning_content in a tool loop",
            )
        return str(call["id"])

    def render(self, answer: Answer, model: str) -> dict[str, Any]:
        calls = [self._call(call) for call in answer.calls]
        message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
        if calls:
            message["tool_calls"] = calls
        thoughts = "\n".join(text or "" for text in answer.reasoning)
        if thoughts and self._thinks_aloud:
            message["reasoning_content"] = thoughts
            self._reasoning_of.update((call["id"], thoughts) for call in calls)
        elif thoughts and self._mistral:
            chunks = [{"type": "thinking", "thinking": [{"type": "text", "text": thoughts}]}]
            message["content"] = [*chunks, {"type": "text", "text": answer.text}] if answer.text else chunks
        finish = answer.stop or ("tool_calls" if calls else "stop")
        return {
            "id": f"chatcmpl-{next(self._numbers)}",
            "object": "chat.completion",
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }

    def _call(self, call: Call) -> dict[str, Any]:
        arguments = call.args if isinstance(call.args, str) else json.dumps(call.args)
        call_id = call.id or (f"call{next(self._numbers):05}" if self._mistral else f"call_{next(self._numbers)}")
        return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
