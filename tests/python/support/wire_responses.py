"""OpenAI Responses as the real provider checks it, without its store."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from support.wire import Answer, Call, require, require_keys, require_list, require_schema
from support.wire_chat import bearer

_NAMES = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OPTIONS = (
    "instructions",
    "tools",
    "parallel_tool_calls",
    "include",
    "store",
    "stream",
    "reasoning",
    "temperature",
    "top_p",
    "max_output_tokens",
    "metadata",
)
_REASONING_MODELS = ("gpt-5", "o3", "o4")


class ResponsesWire:
    """Checks requests and writes answers."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        # What came right after each piece of reasoning.
        self._after: dict[str, str] = {}

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        return bearer(headers)

    def check(self, body: dict[str, Any], model: str) -> None:
        require_keys(body, "body", needed=("model", "input", "store"), allowed=_OPTIONS)
        require(body["store"] is False, "store: nothing is stored here")
        reasons = model.startswith(_REASONING_MODELS)
        if "include" in body:
            require(reasons, "Encrypted content is not supported with this model")
        if "instructions" in body:
            require(isinstance(body["instructions"], str), "instructions: must be a string")
        for index, tool in enumerate(body.get("tools", [])):
            where = f"tools[{index}]"
            require_keys(tool, where, needed=("type", "name", "parameters", "strict"), allowed=("description",))
            require(tool["type"] == "function", f"{where}.type: must be 'function'")
            require_schema(tool["parameters"], f"{where}.parameters")
        self._check_input(require_list(body["input"], "input"))

    def _check_input(self, items: list[Any]) -> None:
        open_calls: list[str] = []
        answering = False
        for index, item in enumerate(items):
            where = f"input[{index}]"
            kind = item.get("type")
            if kind == "function_call_output":
                require_keys(item, where, needed=("type", "call_id", "output"))
                require(isinstance(item["output"], str), f"{where}.output: must be a string")
                require(
                    open_calls and item["call_id"] == open_calls[0],
                    f"{where}: no tool call found for {item['call_id']}",
                )
                open_calls.pop(0)
                answering = True
                continue
            require(not (answering and open_calls), f"{where}: no tool output found for {open_calls}")
            answering = False
            if kind == "function_call":
                require_keys(item, where, needed=("type", "call_id", "name", "arguments"))
                require(isinstance(json.loads(item["arguments"]), dict), f"{where}.arguments: must be an object")
                require(_NAMES.fullmatch(item["name"]), f"{where}.name: pattern")
                require(len(item["call_id"]) <= 64, f"{where}.call_id: too long")
                require(item["call_id"] not in open_calls, f"{where}.call_id: duplicate")
                open_calls.append(item["call_id"])
            elif kind == "reasoning":
                self._check_reasoning(item, items[index + 1 :], where)
            else:
                require(not open_calls, f"{where}: no tool output found for {open_calls}")
                self._check_message(item, where)
        require(not open_calls, f"no tool output found for {open_calls}")

    def _check_message(self, item: dict[str, Any], where: str) -> None:
        require(item.get("type") == "message", f"{where}.type: unknown {item.get('type')!r}")
        require(item.get("role") in ("user", "assistant", "system"), f"{where}.role: unknown")
        if isinstance(item["content"], str):
            require_keys(item, where, needed=("type", "role", "content"))
            return
        require_keys(item, where, needed=("type", "role", "content"))
        for part in item["content"]:
            require_keys(part, where, needed=("type", "text", "annotations"))

    def _check_reasoning(self, item: dict[str, Any], rest: list[Any], where: str) -> None:
        require("id" not in item, f"{where}: item with id {item.get('id')!r} not found, items are not persisted")
        require_keys(item, where, needed=("type", "summary", "encrypted_content"))
        content = item["encrypted_content"]
        require(content in self._after, f"{where}: the encrypted content could not be verified")
        following = rest[0].get("call_id", rest[0].get("type")) if rest else None
        require(
            following == self._after[content], f"{where}: reasoning was provided without its required following item"
        )

    def render(self, answer: Answer, model: str) -> dict[str, Any]:
        calls = [self._call(call) for call in answer.calls]
        text = [self._message(answer.text)] if answer.text is not None else []
        said = [*text, *calls]
        reasoning = [self._reason(thought, said) for thought in answer.reasoning]
        return {
            "id": f"resp_{next(self._numbers)}",
            "object": "response",
            "status": "incomplete" if answer.stop else "completed",
            "incomplete_details": {"reason": answer.stop} if answer.stop else None,
            "error": None,
            "model": model,
            "output": [*reasoning, *said],
            "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
        }

    def _reason(self, thought: str | None, said: list[dict[str, Any]]) -> dict[str, Any]:
        item: dict[str, Any] = {"id": f"rs_{next(self._numbers)}", "type": "reasoning", "summary": []}
        if thought is not None:
            item["encrypted_content"] = f"encrypted {next(self._numbers)} {thought}"
            self._after[item["encrypted_content"]] = said[0].get("call_id", said[0]["type"])
        return item

    def _message(self, text: str) -> dict[str, Any]:
        part = {"type": "output_text", "text": text, "annotations": []}
        return {
            "id": f"msg_{next(self._numbers)}",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }

    def _call(self, call: Call) -> dict[str, Any]:
        arguments = call.args if isinstance(call.args, str) else json.dumps(call.args)
        number = next(self._numbers)
        return {
            "id": f"fc_{number}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id or f"call_{number}",
            "name": call.name,
            "arguments": arguments,
        }

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
