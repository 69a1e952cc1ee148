"""What goes to a model and what comes back, independent of any provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast, runtime_checkable

from haltpoint.models.messages import Message, MessageLog, MessageView, Role, ToolCall, kind_word

__all__ = [
    "Message",
    "MessageLog",
    "MessageView",
    "Model",
    "ModelReply",
    "ModelRequest",
    "Role",
    "ToolCall",
    "ToolSpec",
    "Usage",
    "as_reply",
]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it.

    Attributes:
        name: the name that the model calls it by.
        description: what it does, in words for the model.
        parameters: JSON schema of its arguments, of type object.
        strict: whether the provider shall hold the model to the schema.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one model request took."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __post_init__(self) -> None:
        for name in ("input_tokens", "output_tokens"):
            count: object = getattr(self, name)
            if not isinstance(count, int) or isinstance(count, bool):
                raise TypeError(f"Usage({name}=...) must be an int, got {kind_word(count)}")
            if count < 0:
                raise ValueError(f"Usage({name}=...) can't be negative, got {count}")

    @property
    def total_tokens(self) -> int:
        """Tokens in both directions."""
        return self.input_tokens + self.output_tokens

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Usage:
        """Read `input_tokens` and `output_tokens`; what else a provider reports is left aside."""
        return cls(data.get("input_tokens") or 0, data.get("output_tokens") or 0)


@dataclass(frozen=True, slots=True)
class ModelReply:
    """One answer of a model: text, tool calls, or both.

    Attributes:
        text: what the model says. Without tool calls it is the run's final answer.
        tool_calls: calls that the model asks for; a list is turned into a tuple.
        usage: tokens taken; a mapping with `input_tokens` and `output_tokens` is turned into `Usage`.
        provider_data: any JSON value that the provider wants back with the next request, unread by haltpoint.

    Raises:
        TypeError: an argument is of another type; the message says which, and what was given.
    """

    text: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    usage: Usage | Mapping[str, Any] | None = None
    provider_data: Any = None

    def __post_init__(self) -> None:
        text = cast("object", self.text)
        if text is not None and not isinstance(text, str):
            raise TypeError(f"ModelReply(text=...) must be a str or None, got {kind_word(text)}")
        object.__setattr__(self, "tool_calls", _tool_calls(self.tool_calls))
        object.__setattr__(self, "usage", _usage(self.usage))


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model is asked to answer.

    Attributes:
        messages: the conversation so far, read-only and fixed at its present length.
        tools: the tools that the model may call.
        settings: provider settings such as `temperature`, passed on unread.
        first_new_message: index of this run's first message; those before it are the session's memory.
    """

    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    first_new_message: int = 0

    @property
    def replies_so_far(self) -> int:
        """How often a model has answered in this run."""
        if isinstance(self.messages, MessageView):
            return self.messages.count_replies(self.first_new_message)
        new_messages = self.messages[self.first_new_message :]
        return sum(message.role == "assistant" for message in new_messages)


@runtime_checkable
class Model(Protocol):
    """Anything that answers model requests: one attribute and one async method, no base class needed.

    Attributes:
        name: the name under which runs record this model.
    """

    name: str

    async def request(self, request: ModelRequest) -> ModelReply:
        """Answer one request.

        Raises:
            ModelError: the provider failed; its `retryable` tells whether asking again may help.
        """
        ...


def as_reply(answer: object, model_name: str) -> ModelReply:
    """Return `answer` as a ModelReply; a str is a reply of text alone.

    Raises:
        TypeError: it is neither; the message names the model and what it returned.
    """
    if isinstance(answer, ModelReply):
        return answer
    if isinstance(answer, str):
        return ModelReply(text=answer)
    raise TypeError(f"model {model_name!r} must answer with a ModelReply or a str, got {kind_word(answer)}")


def _tool_calls(calls: Any) -> tuple[ToolCall, ...]:
    if isinstance(calls, ToolCall):
        raise TypeError("ModelReply(tool_calls=...) must be a list of ToolCall, got one ToolCall")
    given: Iterable[Any] = calls
    # What most models return is asked first: an abstract class takes its time.
    if isinstance(calls, (list, tuple, Sequence)) and not isinstance(calls, (str, bytes)):
        found = tuple(given)
        for index, call in enumerate(found):
            if not isinstance(call, ToolCall):
                raise TypeError(f"ModelReply(tool_calls=...) holds {kind_word(call)} at {index}, not a ToolCall")
        return found
    raise TypeError(f"ModelReply(tool_calls=...) must be a list of ToolCall, got {kind_word(calls)}")


def _usage(usage: object) -> Usage | None:
    if usage is None or isinstance(usage, Usage):
        return usage
    if isinstance(usage, Mapping):
        return Usage.from_dict(cast("Mapping[str, Any]", usage))
    raise TypeError(f"ModelReply(usage=...) must be a Usage or a mapping, got {kind_word(usage)}")
