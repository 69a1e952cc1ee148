"""The types of input fields in words that people know."""

from __future__ import annotations

__all__ = ["BOOLEANS", "NUMBERS", "TEXTS", "base_type", "type_words"]

TEXTS = ("str", "string", "text")
BOOLEANS = ("bool", "boolean")
NUMBERS = ("int", "integer", "float", "number")

_WORDS = {
    **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(BOOLEANS, "yes or no"),
    **dict.fromkeys(("int", "integer"), "whole number"),
    **dict.fromkeys(("float", "number"), "number"),
}


def base_type(type_name: str) -> str:
    """Return a type without saying that None is one of its values, too."""
    return type_name.strip().removesuffix("| None").strip()


def type_words(type_name: str) -> str:
    """Return a type in words; one that has none of its own stays as the tool's code names it."""
    base = base_type(type_name)
    return _WORDS.get(base.lower(), base)
