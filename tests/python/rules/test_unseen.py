"""What cannot be seen, or moves what can, is shown by number, on pages and at terminals, from Unicode's own tables."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest

from haltpoint.inbox.texts import plain, shown, shown_whole
from haltpoint.presentation.escaping import isolated, visible, visible_json

# Of each kind: default ignorable and a format character, ignorable alone, reserved, blank, directional, control.
_UNSEEN = [0xAD, 0x34F, 0x115F, 0x17B4, 0x180F, 0x2065, 0x3164, 0xFE0F, 0xFFA0, 0xE0000, 0xE01EF, 0xE0FFF]
_BLANK = [0x2800, 0x1D159]
_DIRECTIONAL = [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CONTROL = [0x0, 0x7F, 0x85, 0x2028, 0xD800]


@pytest.mark.parametrize("code", [*_UNSEEN, *_BLANK, *_DIRECTIONAL, *_CONTROL])
def test_each_is_shown_by_its_number(code: int) -> None:
    text = f"a{chr(code)}b"
    number = f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    assert re.sub("<[^>]*>", "", shown(text)) == plain(text) == visible(text) == f"a{number}b"
    written = visible_json({"x": text})
    assert chr(code) not in written
    assert json.loads(written) == {"x": text}


@pytest.mark.parametrize("text", ["plain", "caf\u00e9 \u2603 \U0001f40d", "10\u00a0000", "a\u3000b", ""])
def test_what_is_seen_stays(text: str) -> None:
    assert str(shown(text)) == plain(text) == visible(text) == isolated(text) == text


def test_a_million_of_them_are_one_marker() -> None:
    text = "\u200b" * 1_000_000
    for written in (shown_whole(text), plain(text), visible(text)):
        assert len(written) < 200
        assert "1000000 times" in written
    assert "10000 times" in shown(text) and "990,000 more characters" in shown(text)
    mixed = shown_whole("\u200b\u200c" * 500_000)
    assert len(mixed) < 600
    assert "1000000 unseen characters" in mixed


def test_a_few_of_them_are_each_written() -> None:
    assert visible("a\u200b\u200b\u200cb") == "a\\u200b\\u200b\\u200cb"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('"\u05d0", "\u05d1"', ["\u05d0", "\u05d1"]),
        ("pay 100 \u05d0\u05d1 200", ["\u05d0\u05d1"]),
        ("\u0627\u0644 \u0633\u0651 x", ["\u0627\u0644 \u0633\u0651"]),
        ("\u0661\u0662", ["\u0661\u0662"]),
    ],
)
def test_words_from_right_to_left_move_nothing_else(text: str, parts: list[str]) -> None:
    assert re.findall("\u2068([^\u2069]*)\u2069", isolated(text)) == parts
    assert re.sub("[\u2068\u2069]", "", isolated(text)) == text
    assert re.findall("<bdi>([^<]*)</bdi>", shown(text)) == parts
    rest = re.sub("\u2068[^\u2069]*\u2069", "", isolated(text))
    assert not {unicodedata.bidirectional(character) for character in rest} & {"R", "AL", "AN"}
