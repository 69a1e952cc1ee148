"""The names of those who decide: one person is one name, however it is typed."""

from __future__ import annotations

import unicodedata

from haltpoint.invisible import without_invisible

__all__ = ["plain_name"]

# In bytes of UTF-8.
_LONGEST = 512


def plain_name(text: str) -> str:
    """Return a name as it is kept and compared; empty where it is blank.

    It is in Unicode's form NFKC, without noncharacters and characters of which nothing is to be seen, without blanks
    around it, and with single spaces in it. Upper and lower case stay: "Ann" and "ann" are two. So do characters for
    private use, for which a font may have something to show.

    Raises:
        ValueError: it is too long, holds a control character, or can't be stored. The message is a predicate.
    """
    # Before all else: what follows takes as long as the text.
    _check_length(text)
    name = without_invisible(unicodedata.normalize("NFKC", text)).strip()
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(f"must not hold the character U+{ord(character):04X}")
    # What stood apart may belong together now.
    name = unicodedata.normalize("NFKC", " ".join(name.split()))
    _check_length(name)
    return name


def _check_length(name: str) -> None:
    if len(name) > _LONGEST or len(name.encode("utf-8", "replace")) > _LONGEST:
        raise ValueError(f"must not be longer than {_LONGEST} bytes")
