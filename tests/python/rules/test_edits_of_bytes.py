"""Bytes are given as they are shown: as text, or as `base64:` and their base64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import InvalidResolutionError
from support.editing import Editing, anywhere


class Raw(BaseModel):
    data: bytes = b"\xff"
    more: list[bytes] = []
    text: str = ""


def take(value: bytes) -> str:
    """Take bytes."""
    return repr(value)


def take_raw(value: Raw) -> str:
    """Take a model that holds some."""
    return repr(value)


def take_either(value: bytes | int) -> str:
    """Take bytes or a number."""
    return repr(value)


def take_any(value: bytes | str) -> str:
    """Take bytes or text."""
    return repr(value)


@pytest.mark.parametrize(
    ("wanted", "shown", "got"),
    [
        ("base64:AAAA", "base64:AAAA", b"\0\0\0"),
        ("base64:YWJj", "abc", b"abc"),
        ("abc", "abc", b"abc"),
        # What the model said, which means other bytes where it was shown.
        ("base64:AMO/", "base64:AMO/", b"\0\xc3\xbf"),
        ("base64:YmFzZTY0Onh5", "base64:YmFzZTY0Onh5", b"base64:xy"),
    ],
)
@anywhere
def test_the_notation_that_is_shown_is_taken(
    db_file: Path, has_code: bool, wanted: str, shown: str, got: bytes
) -> None:
    call = Editing(db_file, take, value="base64:AMO/" if "AMO" in wanted else "\0\xff")
    call.change(has_code=has_code, value=wanted)
    assert call.shown["value"] == shown
    assert call.run() == repr(got)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("base64:AAA", "after base64: stands no base64"),
        ("base64:not base64", "after base64: stands no base64"),
        ("base64:/w==", "the tool takes bytes as text in UTF-8 alone"),
        ("base64:YmFzZTY0OkFNTy8=", "the text of these bytes is what was shown of others"),
    ],
)
@anywhere
def test_what_stands_for_no_bytes_is_refused(db_file: Path, has_code: bool, wanted: str, problem: str) -> None:
    call = Editing(db_file, take, value="\0\xff")
    with pytest.raises(InvalidResolutionError, match=rf"value: .*{problem}"):
        call.change(has_code=has_code, value=wanted)


@anywhere
def test_bytes_within_a_value(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, take_raw, value={"data": "\0", "more": ["a", "base64:x"]})
    assert call.shown["value"] == {"data": "base64:AA==", "more": ["a", "base64:YmFzZTY0Ong="], "text": ""}
    value: Any = {"data": "base64:AA==", "more": ["base64:AQ==", "base64:YmFzZTY0Ong="], "text": "base64:z"}
    call.change(has_code=has_code, value=value)
    assert call.shown["value"] == value
    assert call.run() == repr(Raw(data=b"\0", more=[b"\1", b"base64:x"], text="base64:z"))


def test_bytes_that_no_text_stands_for_stay_as_they_were_shown(db_file: Path) -> None:
    call = Editing(db_file, take_raw, value={})
    call.change(has_code=True, value={**call.shown["value"], "text": "new"})
    assert call.shown["value"] == {"data": "base64:/w==", "more": [], "text": "new"}
    assert call.run() == repr(Raw(text="new"))


@anywhere
def test_bytes_among_other_types(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, take_either, value=5)
    call.change(has_code=has_code, value="base64:AQ==")
    assert call.run() == repr(b"\1")


@anywhere
def test_where_it_may_be_text_nobody_guesses(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, take_any, value="a")
    with pytest.raises(InvalidResolutionError, match=r"value: .* may be text or bytes here"):
        call.change(has_code=has_code, value="base64:AQ==")
