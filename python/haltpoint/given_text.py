"""Texts that users give, checked at the moment when they do: no journal and no provider takes half of a character.

Python's text may hold such halves: they come of broken UTF-16, or of bytes that were decoded with `surrogateescape`.
"""

from __future__ import annotations

__all__ = ["checked_text", "findable_text", "storable_text"]

_SHOWN = 60


def storable_text(name: str, text: str) -> str:
    """Return a text that can be stored.

    Args:
        name: what the text is, for the error.
        text: the text.

    Raises:
        TypeError: it is not a str.
        ValueError: it holds a lone surrogate.
    """
    return _whole(name, text, "stored", "; replace it, as text.encode('utf-8', 'replace').decode() does")


def findable_text(name: str, text: str) -> str:
    """Return a text that something may be found by, such as an id. Arguments and errors are as for `storable_text`."""
    return _whole(name, text, "found", " and is in no database")


def checked_text(name: str, text: object) -> str | None:
    """Return a text that can be stored, or None. Arguments and errors are as for `storable_text`."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or None, got {text!r}")
    return storable_text(name, text)


def _whole(name: str, text: object, verb: str, advice: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str, got {text!r}")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = text if len(text) <= _SHOWN else text[max(error.start - _SHOWN // 2, 0) :][:_SHOWN]
        raise ValueError(
            f"{name} can't be {verb}: {shown!r} holds a lone surrogate (U+{ord(text[error.start]):04X} at character "
            f"{error.start + 1}), which is no character{advice}"
        ) from None
    return text
