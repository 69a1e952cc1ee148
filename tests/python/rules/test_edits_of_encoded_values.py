"""What is shown in another notation than the one that the model uses is edited as it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Base64Bytes, Base64Str, Base64UrlBytes, BaseModel, Json

from haltpoint import InvalidResolutionError
from support.editing import Editing, anywhere


class Holder(BaseModel):
    data: Base64Bytes
    more: list[Base64Str] = []
    json_text: Json[Any] = None
    number: int = 1


def taking(annotation: Any) -> Any:
    def take(value: Any) -> str:
        """Take."""
        return repr(value)

    take.__annotations__["value"] = annotation
    return take


@pytest.mark.parametrize(
    ("kind", "said", "wanted", "got"),
    [
        (Base64Bytes, "//79AA==", "base64://79AQ==", b"\xff\xfe\xfd\1"),
        (Base64Bytes, "aGk=", "test", b"test"),
        (Base64Bytes, "aGk=", "aG8=", b"aG8="),
        (Base64UrlBytes, "_-79AA==", "base64://79AQ==", b"\xff\xfe\xfd\1"),
        (Base64Str, "aGk=", "ho", "ho"),
        (Base64Str, "aGk=", "base64:x", "base64:x"),
        (list[Base64Bytes], ["aGk="], ["hi", "base64:/w=="], [b"hi", b"\xff"]),
        (Base64Bytes | None, "aGk=", "test", b"test"),
    ],
)
def test_encoded_bytes_and_text(db_file: Path, kind: Any, said: Any, wanted: Any, got: Any) -> None:
    call = Editing(db_file, taking(kind), value=said)
    call.change(has_code=True, value=wanted)
    assert call.shown["value"] == wanted
    assert call.run() == repr(got)


@pytest.mark.parametrize(
    ("kind", "said", "wanted", "got"),
    [
        (Json[Any], '{"a": 1}', {"a": 2}, {"a": 2}),
        (Json[Any], '"1"', "2", "2"),
        (Json[str], '"a"', "b", "b"),
        (Json[list[int]], "[1]", [2], [2]),
        (list[Json[int]], ["1"], [2], [2]),
        (Json[int] | None, "1", 2, 2),
    ],
)
@anywhere
def test_json_in_a_text(db_file: Path, has_code: bool, kind: Any, said: Any, wanted: Any, got: Any) -> None:
    call = Editing(db_file, taking(kind), value=said)
    call.change(has_code=has_code, value=wanted)
    assert call.shown["value"] == wanted
    assert call.run() == repr(got)


@anywhere
def test_json_is_still_taken_as_text_where_an_object_is_shown(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, taking(Json[Any]), value='{"a": 1}')
    call.change(has_code=has_code, value='{"a": 2}')
    assert call.shown["value"] == {"a": 2}
    assert call.run() == repr({"a": 2})


@pytest.mark.parametrize("wanted", ["{", "no JSON"])
@anywhere
def test_a_text_that_is_no_json_is_refused(db_file: Path, has_code: bool, wanted: str) -> None:
    call = Editing(db_file, taking(Json[Any]), value='{"a": 1}')
    with pytest.raises(InvalidResolutionError, match="value: "):
        call.change(has_code=has_code, value=wanted)


@anywhere
def test_beside_a_change_they_stay(db_file: Path, has_code: bool) -> None:
    said = {"data": "//79AA==", "more": ["aGk="], "json_text": '{"a": [1]}'}
    call = Editing(db_file, taking(Holder), value=said)
    call.change(has_code=has_code, value={**call.shown["value"], "number": 2})
    assert call.shown["value"] == {"data": "base64://79AA==", "more": ["hi"], "json_text": {"a": [1]}, "number": 2}
    assert call.run() == repr(Holder.model_validate({**said, "number": 2}))
