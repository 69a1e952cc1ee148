"""Names and keys of events, as waits and signals have them."""

from __future__ import annotations

from haltpoint.given_text import storable_text
from haltpoint.invisible import without_invisible

__all__ = ["LONGEST_NAME", "checked_event", "checked_name"]

# In bytes of UTF-8, as all ids and names.
LONGEST_NAME = 512


def checked_event(name: object, key: object = None) -> dict[str, str]:
    """Return the name of an event, and its key if it has one, as the journal keeps them.

    Raises:
        TypeError: one of them is not a str.
        ValueError: one of them is blank, too long, or holds a character that none may have.
    """
    event = {"name": checked_name("the name of an event", name)}
    return event if key is None else {**event, "key": checked_name("the key of an event", key)}


def checked_name(what: str, name: object) -> str:
    """Return an id, a name or a key.

    Args:
        what: what it is, for the error.
        name: the text.

    Raises:
        TypeError: it is not a str.
        ValueError: it is blank, takes more than 512 bytes, or holds U+0000 or a lone surrogate.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, got {name!r:.80}")
    storable_text(what, name)
    if not without_invisible(name).strip():
        raise ValueError(f"{what} must not be blank")
    length = len(name.encode())
    if length > LONGEST_NAME:
        raise ValueError(f"{what} takes {length} bytes, and {LONGEST_NAME} are allowed")
    if "\0" in name:
        raise ValueError(f"{what} holds the character U+0000, which ids and names must not")
    return name
