"""Messages of a conversation, and the log that holds them without copying it for each request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, cast, overload

__all__ = ["Message", "MessageLog", "MessageView", "Role", "ToolCall"]

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that a model asks for.

    Attributes:
        name: the tool's name.
        args: the arguments, or the JSON text that the model wrote for them, right or wrong.
        id: the provider's id of the call; None lets the run give it one.

    Raises:
        TypeError: `args` is neither a mapping nor a str.
    """

    name: str
    args: dict[str, Any] | str
    id: str | None = None

    def __post_init__(self) -> None:
        args = cast("object", self.args)
        if isinstance(args, str):
            return
        if not isinstance(args, Mapping):
            kind = type(args).__name__
            raise TypeError(f"ToolCall({self.name!r}, args=...) must be a mapping or JSON text, got {kind}")
        object.__setattr__(self, "args", dict(cast("Mapping[str, Any]", args)))

    def to_dict(self) -> dict[str, Any]:
        """Return the call as JSON data."""
        return {"id": self.id, "name": self.name, "args": self.args}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ToolCall:
        """Read what `to_dict` returns."""
        return cls(data["name"], data["args"], data.get("id"))


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: who speaks.
        content: the text, or None for an assistant message of tool calls alone.
        tool_calls: the calls that an assistant message asks for.
        tool_call_id: the call that a tool message answers.
        name: the tool that a tool message comes from.
        provider_data: what the provider attached to an assistant message and wants back unchanged.
        is_error: whether a tool message reports a failure.
    """

    role: Role
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    provider_data: Any = None
    is_error: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "tool_calls", tuple(self.tool_calls))

    def to_dict(self) -> dict[str, Any]:
        """Return the message as JSON data."""
        return {
            "role": self.role,
            "content": self.content,
            "tool_calls": [call.to_dict() for call in self.tool_calls],
            "tool_call_id": self.tool_call_id,
            "name": self.name,
            "provider_data": self.provider_data,
            "is_error": self.is_error,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """Read what `to_dict` returns; all but the role may be missing."""
        return cls(
            role=data["role"],
            content=data.get("content"),
            tool_calls=tuple(ToolCall.from_dict(call) for call in data.get("tool_calls") or ()),
            tool_call_id=data.get("tool_call_id"),
            name=data.get("name"),
            provider_data=data.get("provider_data"),
            is_error=bool(data.get("is_error")),
        )


class MessageView(Sequence[Message]):
    """A read-only sequence: the messages that a `MessageLog` held when the view was taken.

    It shares the log's storage, so that taking one costs the same however long the conversation is.
    """

    __slots__ = ("_length", "_messages", "_replies")

    def __init__(self, messages: list[Message], replies: list[int], length: int) -> None:
        self._messages = messages
        self._replies = replies
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | list[Message]:
        # A range knows the rules of negative indices, steps and bounds at this view's length.
        places = range(self._length)[index]
        if isinstance(places, int):
            return self._messages[places]
        return [self._messages[place] for place in places]

    def __iter__(self) -> Iterator[Message]:
        return islice(self._messages, self._length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (MessageView, list, tuple)):
            return NotImplemented
        others = cast("Sequence[object]", other)
        return len(self) == len(others) and all(mine == theirs for mine, theirs in zip(self, others, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have no hash either

    def __repr__(self) -> str:
        return repr(list(self))

    def count_replies(self, start: int = 0) -> int:
        """Return how many messages from index `start` on are the model's, without walking them."""
        first = range(self._length + 1)[min(start, self._length)]
        return self._replies[self._length] - self._replies[first]


class MessageLog:
    """The growing conversation of a run. Messages are only ever added."""

    __slots__ = ("_messages", "_replies")

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages: list[Message] = []
        # Assistant messages before each index: a scripted model asks for this in every step.
        self._replies = [0]
        self.extend(messages)

    def __len__(self) -> int:
        return len(self._messages)

    def __repr__(self) -> str:
        return f"MessageLog({self._messages!r})"

    def append(self, message: Message) -> None:
        """Add one message."""
        self._messages.append(message)
        self._replies.append(self._replies[-1] + (message.role == "assistant"))

    def extend(self, messages: Iterable[Message]) -> None:
        """Add messages in their order."""
        for message in messages:
            self.append(message)

    def view(self) -> MessageView:
        """Return the messages held now, in constant time; later additions do not show in it."""
        return MessageView(self._messages, self._replies, len(self._messages))
