"""Characters of which nothing is to be seen."""

from __future__ import annotations

import unicodedata

__all__ = ["without_invisible"]

# Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt), first to last, as far as the category is not Cf.
# The property keeps whole ranges for characters to come.
_IGNORABLE = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2065, 0x2065),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),
)
# Letters and symbols whose glyph is empty: Braille, Egyptian, Khitan and musical notation write a blank with them.
_BLANK = (0x2800, 0x13441, 0x13442, 0x16FE4, 0x1D159)

_INVISIBLE = frozenset([*_BLANK, *(code for first, last in _IGNORABLE for code in range(first, last + 1))])


def without_invisible(text: str) -> str:
    """Return `text` without the characters of which nothing is to be seen; white space stays."""
    return "".join(character for character in text if not _is_invisible(character))


def _is_invisible(character: str) -> bool:
    return ord(character) in _INVISIBLE or unicodedata.category(character) == "Cf"
