"""What the JSON schema in the journal can't tell is decided where the tool's code is at hand, and refused elsewhere."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, AliasPath, Base64Bytes, Base64Str, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from haltpoint import InvalidResolutionError
from support.editing import Editing, anywhere

ADVICE = "the tool's code is needed to tell what this value means; decide where it is at hand"


class Found(BaseModel):
    x: int = Field(validation_alias=AliasPath("d", 0))
    y: int = 3


class FoundOrNot(BaseModel):
    x: int = Field(1, validation_alias=AliasPath("d", 0))
    y: int = 3


class Street(BaseModel):
    street: str = Field(validation_alias=AliasPath("addr", "street"))
    zip: str = Field("0", validation_alias=AliasPath("addr", "zip"))


class Typed(TypedDict):
    x: Annotated[int, Field(validation_alias=AliasPath("d", 0))]


class Partly(TypedDict, total=False):
    a: int
    b: int


class Named(BaseModel):
    model_config = ConfigDict(validate_by_name=True)
    x: int = Field(1, validation_alias=AliasPath("d", 0))


class Choice(BaseModel):
    x: int = Field(validation_alias=AliasChoices("xx", "why"))


class Holder(BaseModel):
    found: Found
    more: list[Found] = []
    note: str = "n"


class Defaults(BaseModel):
    day: dt.date = dt.date(2024, 1, 1)
    tags: list[int] = Field(default_factory=list[int])
    n: int = 1


@dataclasses.dataclass
class Either:
    value: Found | None = None
    n: int = 1


def taking(annotation: Any) -> Any:
    def take(value: Any, number: int = 1) -> str:
        """Take."""
        return f"{value!r} {number}"

    take.__annotations__["value"] = annotation
    return take


@pytest.mark.parametrize(
    ("kind", "said", "wanted", "path"),
    [
        (Found, {"d": [1]}, {"d": [2], "y": 3}, "value"),
        (Found, {"d": [1]}, {"d": [1], "y": 4}, "value"),
        (Found, {"d": [1]}, {"x": 2, "y": 3}, "value"),
        (FoundOrNot, {"d": [7]}, {"y": 4}, "value"),
        (Street, {"addr": {"street": "a", "zip": "1"}}, {"addr": {"street": "b", "zip": "1"}}, "value"),
        (Typed, {"d": [1]}, {"d": [2]}, "value"),
        (Holder, {"found": {"d": [1]}}, {"found": {"d": [2], "y": 3}, "more": [], "note": "n"}, "value.found"),
        (Holder, {"found": {"d": [1]}}, {"found": {"d": [1], "y": 3}, "more": [{"d": [2]}]}, "value.more.0"),
        (Either, {"value": {"d": [1]}}, {"value": {"d": [2], "y": 3}, "n": 1}, "value.value"),
        (dict[str, Found], {"a": {"d": [1]}}, {"a": {"d": [1], "y": 3}, "b": {"d": [1]}}, "value.b"),
    ],
)
def test_an_edit_without_the_code_is_refused(db_file: Path, kind: Any, said: Any, wanted: Any, path: str) -> None:
    call = Editing(db_file, taking(kind), value=said)
    with pytest.raises(InvalidResolutionError, match=f"{path}: {ADVICE}"):
        call.change(has_code=False, value=wanted)
    # Nothing was decided: with the code, the person can still.
    call.change(has_code=True, number=2)
    assert call.run().endswith(" 2")


@pytest.mark.parametrize(
    ("kind", "said", "wanted", "got"),
    [
        (Holder, {"found": {"d": [1]}}, {"found": {"d": [1], "y": 3}, "more": [], "note": "m"}, "note='m'"),
        (
            Holder,
            {"found": {"d": [1]}, "more": [{"d": [2]}, {"d": [3]}]},
            {"found": {"d": [1], "y": 3}, "more": [{"d": [2], "y": 3}, {"d": [3], "y": 3}], "note": "m"},
            "note='m'",
        ),
        (Either, {"value": {"d": [1]}}, {"value": None, "n": 1}, "value=None"),
        (Either, {"value": {"d": [1]}}, {"value": {"d": [1], "y": 3}, "n": 2}, "n=2"),
        (Named, {"x": 1}, {"x": 5}, "x=5"),
        (Choice, {"xx": 1}, {"xx": 5}, "x=5"),
    ],
)
@anywhere
def test_what_is_left_alone_needs_no_code(
    db_file: Path, has_code: bool, kind: Any, said: Any, wanted: Any, got: str
) -> None:
    call = Editing(db_file, taking(kind), value=said)
    call.change(has_code=has_code, value=wanted)
    assert call.shown["value"] == wanted
    assert got in call.run()


@pytest.mark.parametrize(
    ("kind", "said", "wanted"),
    [
        (complex, "1+2j", "2+3j"),
        (Base64Str, "aGk=", "ho"),
        (Base64Str, "aGk=", "aG8="),
        (Base64Bytes, "//79AA==", "base64://79AQ=="),
        (list[Base64Bytes], ["//79AA=="], ["base64://79AQ=="]),
    ],
)
def test_so_is_an_edit_of_what_is_shown_in_another_notation(db_file: Path, kind: Any, said: Any, wanted: Any) -> None:
    call = Editing(db_file, taking(kind), value=said)
    with pytest.raises(InvalidResolutionError, match=ADVICE):
        call.change(has_code=False, value=wanted)
    call.change(has_code=False, number=2)
    assert call.run().endswith(" 2")


def test_a_member_of_a_typed_dictionary_may_be_left_out(db_file: Path) -> None:
    call = Editing(db_file, taking(Partly), value={"a": 1, "b": 2})
    call.change(has_code=False, value={"a": 1})
    assert call.run() == "{'a': 1} 1"


@pytest.mark.parametrize("wanted", [{"n": 2, "tags": []}, {"n": 2, "day": "2024-01-01"}])
def test_a_default_that_only_the_code_knows_stays_as_it_was_shown(db_file: Path, wanted: Any) -> None:
    call = Editing(db_file, taking(Defaults), value={"n": 1})
    shown = {**call.shown["value"], "n": 2}
    call.change(has_code=False, value=wanted)
    assert call.shown["value"] == shown
    assert call.run() == f"{Defaults(n=2)!r} 1"
