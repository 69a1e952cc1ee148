"""Gemini generateContent as the real provider checks it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from support.wire import Answer, Call, require, require_keys, require_list, require_schema, signature_of

_NO_SIGNATURE = "skip_thought_signature_validator"


class GeminiWire:
    """Checks requests and writes answers.

    Args:
        with_ids: whether calls go out with ids of their own.
    """

    def __init__(self, *, with_ids: bool = True) -> None:
        self._numbers = itertools.count(1)
        self._with_ids = with_ids

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("x-goog-api-key")

    def check(self, body: dict[str, Any], model: str) -> None:
        require_keys(
            body, "body", needed=("contents",), allowed=("systemInstruction", "tools", "toolConfig", "generationConfig")
        )
        if "systemInstruction" in body:
            require_keys(body["systemInstruction"], "systemInstruction", needed=("parts",))
        for tool in body.get("tools", []):
            for function in require_list(
                require_keys(tool, "tools", needed=("functionDeclarations",))["functionDeclarations"], "tools"
            ):
                require_keys(function, "tools", needed=("name", "description", "parametersJsonSchema"))
                require_schema(function["parametersJsonSchema"], "tools")
        contents = require_list(body["contents"], "contents")
        require(contents[0]["role"] == "user", "contents: must begin with a user turn")
        open_calls: list[dict[str, Any]] = []
        for index, content in enumerate(contents):
            require_keys(content, f"contents[{index}]", needed=("role", "parts"))
            parts = require_list(content["parts"], f"contents[{index}].parts")
            if content["role"] == "model":
                require(not open_calls, "function call turns must be followed by function responses")
                open_calls = self._check_model(parts, model)
            else:
                self._check_user(parts, open_calls)
                open_calls = []
        require(not open_calls, "function call turns must be followed by function responses")

    def _check_model(self, parts: list[Any], model: str) -> list[dict[str, Any]]:
        calls = []
        for part in parts:
            require_keys(part, "part", allowed=("text", "functionCall", "thoughtSignature"))
            if "functionCall" not in part:
                require(part.get("text"), "part: must have text")
                continue
            call = require_keys(part["functionCall"], "functionCall", needed=("name", "args"), allowed=("id",))
            require(isinstance(call["args"], dict), "functionCall.args: must be an object")
            if not calls and model.startswith("gemini-3"):
                valid = (_NO_SIGNATURE, signature_of(json.dumps(call["args"], sort_keys=True)))
                require(part.get("thoughtSignature") in valid, "Function call is missing a thought_signature")
            calls.append(call)
        return calls

    def _check_user(self, parts: list[Any], open_calls: list[dict[str, Any]]) -> None:
        responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
        require(
            len(responses) == len(open_calls), "the number of function responses must equal that of the function calls"
        )
        require(not responses or len(parts) == len(responses), "function responses must stand alone")
        for call, response in zip(open_calls, responses, strict=True):
            require_keys(response, "functionResponse", needed=("name", "response"), allowed=("id",))
            require(response["name"] == call["name"], "functionResponse.name: does not match the call")
            require(response.get("id") == call.get("id"), "functionResponse.id: does not match the call")
            require(isinstance(response["response"], dict), "functionResponse.response: must be an object")
        for part in parts:
            require("functionResponse" in part or part.get("text"), "part: must have text")

    def render(self, answer: Answer, model: str) -> dict[str, Any]:
        parts: list[dict[str, Any]] = [{"text": answer.text}] if answer.text is not None else []
        parts += [self._call(call, index == 0) for index, call in enumerate(answer.calls)]
        return {
            "candidates": [
                {"content": {"role": "model", "parts": parts}, "finishReason": answer.stop or "STOP", "index": 0}
            ],
            "usageMetadata": {
                "promptTokenCount": 10,
                "candidatesTokenCount": 3,
                "thoughtsTokenCount": 2,
                "totalTokenCount": 15,
            },
            "modelVersion": model,
        }

    def _call(self, call: Call, first: bool) -> dict[str, Any]:
        arguments = json.loads(call.args) if isinstance(call.args, str) else dict(call.args)
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": arguments}}
        if self._with_ids:
            part["functionCall"]["id"] = call.id or f"g{next(self._numbers)}"
        if first:
            part["thoughtSignature"] = signature_of(json.dumps(arguments, sort_keys=True))
        return part

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}
