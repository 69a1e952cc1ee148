"""Messages of a conversation, and the log that holds them without copying it for each request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

if TYPE_CHECKING:
    from haltpoint import _engine
    from haltpoint._engine import LongText

__all__ = ["Message", "MessageLog", "MessageRecord", "MessageView", "Role", "ToolCall", "kind_word"]

Role = Literal["system", "user", "assistant", "tool"]

MessageRecord: TypeAlias = (
    "tuple[Role, str | LongText | None, list[tuple[str, str, str]], str | None, str | None, bool, str | None]"
)
"""A message as the engine tells it: role, content, calls (id, name, arguments as JSON), id of the call that it answers,
name of the tool, whether it reports a failure, provider data as JSON."""


def kind_word(value: object) -> str:
    """Return what a value is, for the error that refuses it."""
    return "None" if value is None else type(value).__name__


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that a model asks for.

    Attributes:
        name: the tool's name.
        args: the arguments, or the JSON text that the model wrote for them, right or wrong.
        id: the provider's id of the call; None lets the run give it one.

    Raises:
        TypeError: an argument is of another type; the message says which, and what was given.
    """

    name: str
    args: dict[str, Any] | str
    id: str | None = None

    def __post_init__(self) -> None:
        if type(self.args) is dict and type(self.name) is str and self.id is None:
            # What most models give, and what each step comes by with.
            object.__setattr__(self, "args", self.args.copy())
            return
        name, args, call_id = cast("tuple[object, object, object]", (self.name, self.args, self.id))
        if not isinstance(name, str):
            raise TypeError(f"ToolCall(name=...) must be a str, got {kind_word(name)}")
        if call_id is not None and not isinstance(call_id, str):
            raise TypeError(f"ToolCall(id=...) must be a str or None, got {kind_word(call_id)}")
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

    __slots__ = ("_length", "_log")

    def __init__(self, log: MessageLog, length: int) -> None:
        self._log = log
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
        messages = self._log.messages()
        if isinstance(places, int):
            return messages[places]
        return [messages[place] for place in places]

    def __iter__(self) -> Iterator[Message]:
        return islice(self._log.messages(), self._length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (MessageView, list, tuple)):
            return NotImplemented
        others = cast("Sequence[object]", other)
        return len(self) == len(others) and all(mine == theirs for mine, theirs in zip(self, others, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have no hash either

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy stands by itself: the log goes on with its run.
        return _view_of, (list(self),)

    def native(self) -> _engine.Conversation | None:
        """Return the same messages for the engine's own client; None where they are not a run's."""
        return None if self._log.native is None else self._log.native(self._length)

    def count_replies(self, start: int = 0) -> int:
        """Return how many messages from index `start` on are the model's, without walking them."""
        first = range(self._length + 1)[min(start, self._length)]
        return self._log.count_replies(first, self._length)


class MessageLog:
    """The growing conversation of a run. Messages are only ever added.

    Attributes:
        native: gives the first so many messages to the engine's own client; None where it has none of them.
    """

    __slots__ = ("_making", "_messages", "_records", "_replies", "native")

    def __init__(
        self, messages: Iterable[Message] = (), native: Callable[[int], _engine.Conversation] | None = None
    ) -> None:
        self.native = native
        self._messages: list[Message] = []
        # Of the latest messages: what they are made of when somebody looks.
        self._records: list[MessageRecord] = []
        self._making = threading.Lock()
        # Assistant messages before each index: a scripted model asks for this in every step.
        self._replies = [0]
        self.extend(messages)

    def __len__(self) -> int:
        return len(self._replies) - 1

    def __repr__(self) -> str:
        return f"MessageLog({self.messages()!r})"

    def append(self, message: Message) -> None:
        """Add one message."""
        self.messages().append(message)
        self._replies.append(self._replies[-1] + (message.role == "assistant"))

    def extend(self, messages: Iterable[Message]) -> None:
        """Add messages in their order."""
        for message in messages:
            self.append(message)

    def extend_with_records(self, records: Iterable[MessageRecord]) -> None:
        """Add messages in their order, each made when it or a later one is looked at for the first time."""
        for record in records:
            self._records.append(record)
            self._replies.append(self._replies[-1] + (record[0] == "assistant"))

    def messages(self) -> list[Message]:
        """Return the messages held now. The list is the log's own, and grows with it: not to be changed."""
        if self._records:
            # A model may look at its request from a thread of its own.
            with self._making:
                made = [_from_record(*record) for record in self._records]
                self._messages.extend(made)
                del self._records[: len(made)]
        return self._messages

    def count_replies(self, start: int, end: int) -> int:
        """Return how many of the messages from index `start` up to `end` are the model's, without walking them."""
        return self._replies[end] - self._replies[start]

    def view(self) -> MessageView:
        """Return the messages held now, in constant time; later additions do not show in it."""
        return MessageView(self, len(self._replies) - 1)


def _view_of(messages: list[Message]) -> MessageView:
    return MessageLog(messages).view()


def _from_record(
    role: Role,
    content: str | LongText | None,
    calls: list[tuple[str, str, str]],
    tool_call_id: str | None,
    name: str | None,
    is_error: bool,
    provider_data: str | None,
) -> Message:
    return Message(
        role=role,
        content=None if content is None else str(content),
        tool_calls=tuple(ToolCall(call_name, json.loads(args), call_id) for call_id, call_name, args in calls),
        tool_call_id=tool_call_id,
        name=name,
        provider_data=None if provider_data is None else json.loads(provider_data),
        is_error=is_error,
    )
