"""Text of models, tools and people, made safe for a terminal.

A control sequence in it could repaint what a person is about to approve, and characters without a look of their own
could hide a part of it. All of them are shown by their number in place of being sent.
"""

from __future__ import annotations

import json
from typing import Any

from haltpoint.invisible import unseen_characters, with_isolated_words, with_unseen_shown

__all__ = ["isolated", "visible", "visible_json", "visible_lines"]

_TAB = 4
# FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE.
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"


def visible(text: str) -> str:
    r"""Return text on one line, with each character that is not seen as itself written like `\u001b`.

    Of many such characters in a row, the first and how many they are.
    """
    return _one_line(with_unseen_shown(text))


def visible_lines(text: str) -> list[str]:
    """Return the lines of a text, each as `visible` does."""
    return [visible(line.expandtabs(_TAB)) for line in text.split("\n")]


def visible_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON that reads back as the same value, and that a terminal shows as it is."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # JSON has no control characters within strings; the line ends of an indented text stand between them.
    unseen = unseen_characters(text)
    return text.translate({ord(character): _escaped(character) for character in unseen}) if unseen else text


def isolated(text: str) -> str:
    """Return text for a terminal in which words that are read from right to left move nothing beside them."""
    return with_isolated_words(text, _ISOLATE, _END_OF_ISOLATE)


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\t", "\\t")


def _escaped(character: str) -> str:
    """A character in the way in which JSON writes it, so that JSON stays JSON."""
    # What JSON lets stand as it is beside ASCII is the delete character.
    return json.dumps(character)[1:-1].replace("\x7f", "\\u007f")
