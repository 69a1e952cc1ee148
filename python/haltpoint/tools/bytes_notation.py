"""Bytes in the arguments and answers that a person gives, in the notation in which they are shown.

Bytes that are readable text are shown as that text, and others as `base64:` and their base64. A tool takes text for
them, in UTF-8.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from .field_schema import schema_at
from .hidden_parts import MISSING
from .json_form import dump_json
from .json_parts import as_list, as_object, value_at
from .plain_form import BASE64, bytes_text
from .schema_marks import NEEDS_CODE

if TYPE_CHECKING:
    from .value_problems import Path

__all__ = ["UnreadableBytesError", "as_shown", "as_taken", "holds_bytes"]

# By what the mark says of an encoded text and its format: whether bytes are encoded, and how.
_ENCODINGS: Mapping[tuple[str, str], tuple[bool, Callable[[bytes], bytes]]] = {
    ("bytes", "base64"): (True, base64.b64encode),
    ("bytes", "base64url"): (True, base64.urlsafe_b64encode),
    ("text", "base64"): (False, base64.b64encode),
    ("text", "base64url"): (False, base64.urlsafe_b64encode),
}
_BRANCHES = ("anyOf", "oneOf", "allOf")


class UnreadableBytesError(ValueError):
    """A text does not stand for bytes that the tool takes.

    Attributes:
        path: where it stands, from the argument on.
        place: where it stands within the argument.
        problem: why not, without the path.
    """

    def __init__(self, name: str, place: Path, problem: str) -> None:
        self.path = ".".join(map(str, (name, *place)))
        super().__init__(f"{self.path}: {problem}")
        self.place = place
        self.problem = problem


def holds_bytes(schema: Mapping[str, Any]) -> bool:
    """Whether bytes may stand in a value of a JSON schema."""
    return '"format":"binary"' in dump_json(schema)


def as_taken(schema: Mapping[str, Any], name: str, value: Any, shown: Any, *, is_encoded: bool = False) -> Any:
    """Return a value with text that a tool takes where something stands in the notation in which it is shown.

    That is bytes, what a text of an edit encodes, and what JSON within a text of an edit says.

    Args:
        schema: the JSON schema of the value.
        name: the argument.
        value: JSON data.
        shown: the value as the person was shown it, if they were. What the tool takes no text for stays where it was
            left as it was.
        is_encoded: whether what a text encodes is read as well, which takes the tool to check.

    Raises:
        UnreadableBytesError: there is no such text, or it can't be told whether bytes are meant.
    """
    taken = _Reading(schema, name, shown, is_encoded=is_encoded).value(value, ())
    if taken != value and taken == shown:
        # Where the call runs, it would be the value that was shown.
        raise UnreadableBytesError(name, (), "the text of these bytes is what was shown of others: give other bytes")
    return taken


def as_shown(schema: Mapping[str, Any], value: Any) -> Any:
    """Return a value, in which text stands for bytes that a tool takes, with these bytes as they are shown."""
    return _Showing(schema).value(value, ())


class _Walk:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def value(self, value: Any, path: Path) -> Any:
        members, items = as_object(value), as_list(_as_json(value))
        if members is not None:
            return {name: self.value(item, (*path, name)) for name, item in members.items()}
        if items is not None:
            return [self.value(item, (*path, place)) for place, item in enumerate(items)]
        return self.text(value, path) if isinstance(value, str) else value

    def text(self, text: str, path: Path) -> str:
        raise NotImplementedError

    def leaves(self, path: Path) -> list[Mapping[str, Any]]:
        """The schemas of what may stand at a place, but for null."""
        try:
            return [leaf for leaf in _leaves(schema_at(self._schema, path)) if leaf.get("type") != "null"]
        except (AttributeError, KeyError, TypeError, RecursionError):
            return []

    def formats(self, path: Path) -> set[str]:
        """The formats of text at a place; an empty one for any text."""
        try:
            return set(_formats(schema_at(self._schema, path)))
        except (AttributeError, KeyError, TypeError, RecursionError):
            # A schema out of a journal, which anybody may have changed.
            return set()


def _as_json(value: Any) -> Any:
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


class _Reading(_Walk):
    def __init__(self, schema: Mapping[str, Any], name: str, shown: Any, *, is_encoded: bool) -> None:
        super().__init__(schema)
        self._is_encoded = is_encoded
        self._name = name
        self._shown = shown

    def value(self, value: Any, path: Path) -> Any:
        if self._shown is MISSING:
            return super().value(value, path)
        leaves = self.leaves(path)
        if value is not None and leaves and all("contentSchema" in leaf for leaf in leaves):
            # It is shown parsed.
            is_parsed = not isinstance(value, str) or isinstance(value_at(self._shown, path), str)
            return dump_json(value) if is_parsed else value
        return self._encoded(value, leaves, path) if isinstance(value, str) else super().value(value, path)

    def _encoded(self, text: str, leaves: Sequence[Mapping[str, Any]], path: Path) -> str:
        texts = [leaf for leaf in leaves if leaf.get("type") == "string"]
        kinds = {(str(leaf.get(NEEDS_CODE)), str(leaf.get("format"))) for leaf in texts}
        known = [kind for kind in kinds if kind in _ENCODINGS]
        if not self._is_encoded or not known or len(kinds) > 1:
            return self.text(text, path)
        is_bytes, encode = _ENCODINGS[known[0]]
        raw = self._raw(text, path) if is_bytes and text.startswith(BASE64) else text.encode()
        return encode(raw).decode()

    def _raw(self, text: str, path: Path) -> bytes:
        try:
            return base64.b64decode(text[len(BASE64) :], validate=True)
        except binascii.Error as error:
            problem = f"must be text, or {BASE64} and the base64 of bytes; after {BASE64} stands no base64 ({error})"
            raise UnreadableBytesError(self._name, path, problem) from error

    def text(self, text: str, path: Path) -> str:
        if not text.startswith(BASE64) or "binary" not in (formats := self.formats(path)):
            return text
        if "" in formats:
            problem = f"text that begins with {BASE64} may be text or bytes here, and it can't be told which"
            raise UnreadableBytesError(self._name, path, problem)
        try:
            return self._raw(text, path).decode()
        except UnicodeDecodeError as error:
            if value_at(self._shown, path) == text:
                return text
            problem = f"the tool takes bytes as text in UTF-8 alone, and these bytes are none ({error})"
            raise UnreadableBytesError(self._name, path, problem) from error


class _Showing(_Walk):
    def text(self, text: str, path: Path) -> str:
        is_written_otherwise = text.startswith(BASE64) or not text.isprintable()
        return bytes_text(text.encode()) if is_written_otherwise and self.formats(path) == {"binary"} else text


def _leaves(schema: Any) -> Iterator[Mapping[str, Any]]:
    here = as_object(schema) or {}
    branches = [branch for keyword in _BRANCHES for branch in here.get(keyword, ())]
    for branch in branches:
        yield from _leaves(branch)
    if not branches:
        yield here


def _formats(schema: Any) -> Iterator[str]:
    here = as_object(schema) or {}
    branches = [branch for keyword in _BRANCHES for branch in here.get(keyword, ())]
    for branch in branches:
        yield from _formats(branch)
    if here.get("type") == "string":
        yield str(here.get("format", ""))
    elif "type" not in here and not branches:
        # Anything, or what can't be told.
        yield ""
