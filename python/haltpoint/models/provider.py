"""Models of the providers, over their own wire protocols."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from haltpoint import _engine
from haltpoint._concurrency.loop_bridge import LoopBridge
from haltpoint.exceptions import ForkedProcessError, ModelError
from haltpoint.json_value import to_json_text
from haltpoint.models.base import ModelReply, ModelRequest, ToolSpec, Usage
from haltpoint.models.messages import Message, MessageView, ToolCall
from haltpoint.models.settings import validate_settings

__all__ = ["ProviderModel", "validate_settings"]


class ProviderModel:
    """A model of a provider, such as "anthropic/claude-sonnet-4-6" or "openai/gpt-4o-mini".

    The key is read from the environment when a request is made (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, ...), and so
    is another address to send to (`OPENAI_BASE_URL`, `ANTHROPIC_BASE_URL`, ...), which has the form that the provider's
    own SDK takes. `openai/` speaks Chat Completions, `openai-responses/` Responses.

    A request asks once: retries are the run's business. An answer that the token limit cut short is kept when it is
    text alone; with tool calls in it, or with nothing, it is an error.

    Args:
        model: "provider/model"; `ProviderModel.providers()` lists the providers.

    Attributes:
        name: the model's name as given.
        provider: the part before the first slash.

    Raises:
        ValueError: there is no such provider, or the name has no provider in front.
    """

    def __init__(self, model: str) -> None:
        self._client = _engine.ProviderClient(model)
        self.name = model
        self.provider: str = self._client.provider

    @staticmethod
    def providers() -> list[str]:
        """Return what may stand before the slash of a model's name."""
        return _engine.ProviderClient.providers()

    async def request(self, request: ModelRequest) -> ModelReply:
        """Send the conversation and return the model's answer.

        Cancelling the awaiting task drops the request and closes its connection at once.

        Raises:
            ModelError: the provider failed, or can't be asked: its key is missing, or the request has no JSON form.
            ForkedProcessError: the process was forked from one that had made model requests.
        """
        bridge = LoopBridge.current()
        call = self._send(bridge, request)
        try:
            outcome = await bridge.wait(call.ticket)
        except asyncio.CancelledError:
            call.cancel()
            raise
        if isinstance(outcome, _engine.ProviderFailure):
            raise _model_error(outcome)
        return _model_reply(outcome)

    def _send(self, bridge: LoopBridge, request: ModelRequest) -> _engine.ProviderCall:
        try:
            validate_settings(request.settings)
            conversation = _conversation(request.messages)
            tools, settings = _tools_json(request.tools), _settings_json(request.settings)
            return self._client.request(bridge.completions, conversation, tools, settings)
        except (TypeError, ValueError) as error:
            message = f"the request to {self.name} can't be written: {error}"
            raise ModelError(message, provider=self.provider) from error
        except RuntimeError as error:
            raise ForkedProcessError(str(error)) from error

    def __repr__(self) -> str:
        return f"ProviderModel({self.name!r})"


def _conversation(messages: Sequence[Message]) -> _engine.Conversation:
    """A run's own messages stay where they are; others are written as JSON."""
    shared = messages.native() if isinstance(messages, MessageView) else None
    if shared is not None:
        return shared
    return _engine.Conversation.from_json(to_json_text([_message(message) for message in messages]))


def _message(message: Message) -> dict[str, Any]:
    data = message.to_dict()
    for call in data["tool_calls"]:
        call["id"] = call["id"] or ""
    return data


def _tools_json(tools: Sequence[ToolSpec]) -> str:
    return to_json_text(
        [
            {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
                "strict": tool.strict,
            }
            for tool in tools
        ]
    )


def _settings_json(settings: Mapping[str, Any]) -> str:
    return to_json_text({name: value for name, value in settings.items() if value is not None})


def _model_reply(reply: _engine.ProviderReply) -> ModelReply:
    return ModelReply(
        text=reply.text,
        tool_calls=tuple(ToolCall(name, args, call_id) for call_id, name, args in reply.tool_calls),
        usage=Usage(reply.input_tokens, reply.output_tokens),
        provider_data=None if reply.provider_data is None else json.loads(reply.provider_data),
    )


def _model_error(failure: _engine.ProviderFailure) -> ModelError:
    return ModelError(
        failure.message,
        provider=failure.provider,
        status_code=failure.status_code,
        retryable=failure.retryable,
        retry_after=_retry_after(failure.retry_after, failure.retry_after_ms),
    )


def _retry_after(text: str | None, milliseconds: str | None) -> float | None:
    """Return the wait that a provider asks for in seconds; what can't be read asks for none."""
    exact = _seconds(milliseconds)
    if exact is not None:
        return exact / 1000
    seconds = _seconds(text)
    return seconds if seconds is not None or text is None else _seconds_until(text)


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
