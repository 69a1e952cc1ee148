"""What the loopback provider's protocols have in common: the script of answers, and how a request is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Refusal(Exception):
    """A request that a real provider would refuse with this status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def require(condition: object, message: str) -> None:
    """Refuse the request with `message` unless the condition holds."""
    if not condition:
        raise Refusal(message)


def require_keys(
    value: object, where: str, *, needed: Sequence[str] = (), allowed: Sequence[str] = ()
) -> dict[str, Any]:
    """Return `value`, an object that has all needed keys and no others than the needed and the allowed ones."""
    require(isinstance(value, dict), f"{where}: must be an object")
    assert isinstance(value, dict)
    for key in needed:
        require(key in value, f"{where}: missing required parameter {key!r}")
    for key in value:
        require(key in needed or key in allowed, f"{where}: unknown parameter {key!r}")
    return value


def require_list(value: object, where: str) -> list[Any]:
    """Return `value`, a list that is not empty."""
    require(isinstance(value, list) and value, f"{where}: must be a list that is not empty")
    assert isinstance(value, list)
    return value


def require_text(value: object, where: str) -> str:
    """Return `value`, a text that is not blank."""
    require(isinstance(value, str) and value.strip(), f"{where}: text must not be blank")
    assert isinstance(value, str)
    return value


def require_schema(schema: object, where: str) -> None:
    """Refuse anything but the JSON schema of an object."""
    require(isinstance(schema, dict), f"{where}: must be a JSON schema")
    assert isinstance(schema, dict)
    require(schema.get("type") == "object", f"{where}: must have type 'object'")
    require(isinstance(schema.get("properties"), dict), f"{where}: must have properties")


def signature_of(text: str) -> str:
    """The signature that the loopback provider gives to a text, and checks."""
    return "sig-" + hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass
class Call:
    """A tool call to answer with. `args` as a str goes out as it is, valid or not."""

    name: str
    args: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None


@dataclass
class Answer:
    """An answer to give.

    Attributes:
        reasoning: texts that the model thinks before it speaks; None is a redacted one.
        stop: why it ended, in the protocol's own word, where that is not the usual.
    """

    text: str | None = None
    calls: Sequence[Call] = ()
    reasoning: Sequence[str | None] = ()
    stop: str | None = None


@dataclass
class Status:
    """An error to answer with."""

    code: int
    message: str = "scripted error"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Raw:
    """A body to answer with, whatever it is."""

    body: str | bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Endless:
    """A body of spaces in chunks that ends when the client goes away."""

    code: int = 200


class Cut:
    """Half a body, and the connection is cut."""


class Stall:
    """The head of an answer, and then nothing until the client goes away or the server stops."""


Script = Answer | Status | Raw | Endless | Cut | Stall


class WireProtocol(Protocol):
    """A protocol as a strict provider speaks it."""

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """The API key in the headers."""
        ...

    def check(self, body: dict[str, Any], model: str) -> None:
        """Raise Refusal for a body that the real provider would refuse."""
        ...

    def render(self, answer: Answer, model: str) -> dict[str, Any]:
        """An answer in the protocol's form."""
        ...

    def error(self, status: int, message: str) -> dict[str, Any]:
        """An error in the protocol's form."""
        ...
