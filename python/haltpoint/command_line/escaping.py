"""Text of models, tools and people, made safe for a terminal.

A control sequence in it could repaint what a person is about to approve, and characters without a look of their own
could hide a part of it. All of them are shown by their number in place of being sent.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

__all__ = ["visible", "visible_json", "visible_lines"]

_TAB = 4


def visible(text: str) -> str:
    r"""Return text on one line, with each character that is not printed as itself written like `\u001b`."""
    if text.isprintable():
        return text
    return "".join(character if _is_visible(character) else _number(character) for character in text)


def visible_lines(text: str) -> list[str]:
    """Return the lines of a text, each as `visible` does."""
    return [visible(line.expandtabs(_TAB)) for line in text.split("\n")]


def visible_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON that reads back as the same value, and that a terminal shows as it is."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # JSON has no control characters within strings; the line ends of an indented text stand between them.
    return "\n".join(visible(line) for line in text.split("\n"))


def _is_visible(character: str) -> bool:
    # Spaces other than the ordinary one are seen as spaces.
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _number(character: str) -> str:
    # The way in which JSON writes it, so that JSON stays JSON.
    escaped = json.dumps(character)[1:-1]
    return escaped if escaped != character else f"\\u{ord(character):04x}"
