"""Characters of which nothing is to be seen, and those that change the order in which others are seen.

All that is shown to people, and all names, are looked at with what stands here.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import groupby

from haltpoint import _engine

__all__ = [
    "right_to_left_words",
    "unseen_characters",
    "unseen_parts",
    "unseen_text",
    "with_isolated_words",
    "with_unseen_shown",
    "without_invisible",
]

# Of unseen characters in a row, so many are written one by one; of more, how many there are.
_MOST = 8
# Letters and symbols whose glyph is empty: Braille, Egyptian, Khitan and musical notation write a blank with them.
# Unicode has no property for it.
_BLANK = (0x2800, 0x13441, 0x13442, 0x16FE4, 0x1D159)
# No script is behind these planes.
_BEHIND_LETTERS = 0x20000
_RIGHT_TO_LEFT = ("R", "AL", "AN")


def unseen_parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield a text in parts, each with whether its characters are such as a person does not see as themselves.

    These are the ignorable and directional ones of Unicode's own tables, controls, halves of characters, what no
    character is assigned to, and blanks that are not spaces. Spaces of any width are seen as spaces; line ends and
    tabs are left to whatever shows the text.
    """
    unseen = unseen_characters(text)
    if not unseen:
        return iter([(text, False)])
    parts = re.split(f"([{re.escape(unseen)}]+)", text)
    return ((part, place % 2 == 1) for place, part in enumerate(parts) if part)


def unseen_characters(text: str) -> str:
    """Return each of the unseen characters of a text once."""
    return "".join(filter(_is_unseen, set(text)))


def with_unseen_shown(text: str) -> str:
    """Return a text, which may be very long, with what `unseen_text` returns in the place of unseen characters."""
    unseen = unseen_characters(text)
    if not unseen:
        return text
    # Nothing here is done for each character: few of them stand in rows that are counted.
    counted = re.sub(f"[{re.escape(unseen)}]{{{_MOST + 1},}}", lambda found: unseen_text(found.group()), text)
    return counted.translate({ord(character): _number(character) for character in unseen})


def with_isolated_words(text: str, begin: str, end: str) -> str:
    """Return a text with marks around words in a row that are read from right to left."""
    has_any = not text.isascii() and any(map(_is_right_to_left, set(text)))
    return _words().sub(rf"{begin}\1{end}", text) if has_any else text


def right_to_left_words(text: str) -> Iterator[tuple[str, bool]]:
    """Yield a text in parts, each with whether it is of words in a row that are read from right to left."""
    if text.isascii() or not any(map(_is_right_to_left, set(text))):
        return iter([(text, False)])
    parts = _words().split(text)
    # What a group of the pattern matched stands between what stands between the matches.
    return ((part, place % 2 == 1) for place, part in enumerate(parts) if part)


def unseen_text(characters: str) -> str:
    r"""Return unseen characters in a row as text, like `\u200b`, and more than a few as how many they are."""
    if len(characters) <= _MOST:
        return "".join(map(_number, characters))
    if len(set(characters)) == 1:
        return f"{_number(characters[0])} ({len(characters)} times)"
    return f"{''.join(map(_number, characters[:_MOST]))}… ({len(characters)} unseen characters)"


def without_invisible(text: str) -> str:
    """Return `text` without the characters of which nothing is to be seen; white space and controls stay."""
    hidden = "".join(filter(_is_invisible, set(text)))
    return re.sub(f"[{re.escape(hidden)}]+", "", text) if hidden else text


@cache
def _words() -> re.Pattern[str]:
    letters = _class_of(_is_right_to_left)
    marks = _class_of(lambda character: unicodedata.combining(character) > 0)
    word = f"[{letters}][{letters}{marks}]*"
    return re.compile(f"({word}(?: {word})*)")


def _class_of(is_wanted: Callable[[str], bool]) -> str:
    """The characters that are wanted, as they stand in a character class."""
    written: list[str] = []
    for wanted, codes in groupby(range(_BEHIND_LETTERS), lambda code: is_wanted(chr(code))):
        if wanted:
            first, *_, last = [*codes] * 2
            written.append(f"\\U{first:08x}-\\U{last:08x}")
    return "".join(written)


@lru_cache(maxsize=4096)
def _is_unseen(character: str) -> bool:
    if character in "\n\t":
        return False
    is_printed = character.isprintable() or unicodedata.category(character) == "Zs"
    return not is_printed or _is_ignorable(character)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or _is_ignorable(character) or _is_noncharacter(ord(character))


def _is_noncharacter(code: int) -> bool:
    """Whether no character ever stands at a code point: Unicode keeps these for programs' own use."""
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def _is_right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in _RIGHT_TO_LEFT


def _is_ignorable(character: str) -> bool:
    code = ord(character)
    ranges = _ignorable()
    place = bisect_right(ranges, (code, code))
    return code in _BLANK or any(first <= code <= last for first, last in ranges[max(place - 1, 0) : place + 1])


@cache
def _ignorable() -> list[tuple[int, int]]:
    return sorted(_engine.unseen_code_points())


def _number(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
