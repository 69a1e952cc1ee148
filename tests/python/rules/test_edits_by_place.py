"""Fields that validation finds by their place in a list: shown there, edited there, kept where they are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field

from haltpoint import InvalidResolutionError
from support.editing import Editing, anywhere


class Pair(BaseModel):
    model_config = ConfigDict(extra="forbid")
    second: int = Field(validation_alias=AliasPath("values", 1))
    first: int = Field(validation_alias=AliasPath("values", 0))
    note: str = "n"


class Deep(BaseModel):
    city: str = Field(validation_alias=AliasPath("to", 0, "city"))
    code: int = Field(default=7, validation_alias=AliasPath("to", 0, "code"))


class Last(BaseModel):
    last: int = Field(validation_alias=AliasPath("values", -1))
    note: str = "n"


class Choices(BaseModel):
    name: str = Field(validation_alias=AliasChoices(AliasPath("names", 0), "name"))
    note: str = "n"


class Gap(BaseModel):
    """What stands at the first place is not known."""

    second: int = Field(validation_alias=AliasPath("values", 1))
    note: str = "n"


class Outer(BaseModel):
    gap: Gap
    note: str = "n"


def taking(annotation: Any) -> Callable[..., Any]:
    def take(value: Any) -> str:
        """Take."""
        return repr(value)

    take.__annotations__["value"] = annotation
    return take


EDITS: dict[str, tuple[Any, Any, Any, Any, Any]] = {
    "one of two": (
        *(Pair, {"values": [1, 2]}, {"values": [1, 2], "note": "n"}),
        *({"values": [5, 2], "note": "n"}, Pair.model_validate({"values": [5, 2]})),
    ),
    "beside two": (
        *(Pair, {"values": [1, 2]}, {"values": [1, 2], "note": "n"}),
        *({"values": [1, 2], "note": "m"}, Pair.model_validate({"values": [1, 2], "note": "m"})),
    ),
    "within an item": (
        *(Deep, {"to": [{"city": "x"}]}, {"to": [{"city": "x", "code": 7}]}),
        *({"to": [{"city": "y", "code": 7}]}, Deep.model_validate({"to": [{"city": "y", "code": 7}]})),
    ),
    "the last one": (
        *(Last, {"values": [1, 2]}, {"values": [2], "note": "n"}),
        *({"values": [5], "note": "n"}, Last.model_validate({"values": [5]})),
    ),
    "beside the last one": (
        *(Last, {"values": [1, 2]}, {"values": [2], "note": "n"}),
        *({"values": [2], "note": "m"}, Last.model_validate({"values": [2], "note": "m"})),
    ),
    "one that has a name, too": (
        *(Choices, {"names": ["a", "b"]}, {"name": "a", "note": "n"}),
        *({"name": "z", "note": "n"}, Choices.model_validate({"name": "z"})),
    ),
    "beside one that is not at the first place": (
        *(Gap, {"values": [0, 2]}, {"second": 2, "note": "n"}),
        *({"second": 2, "note": "m"}, Gap.model_validate({"values": [0, 2], "note": "m"})),
    ),
    "one that is not at the first place": (
        *(Gap, {"values": [0, 2]}, {"second": 2, "note": "n"}),
        *({"values": [0, 5], "note": "n"}, Gap.model_validate({"values": [0, 5]})),
    ),
    "beside one within another": (
        *(Outer, {"gap": {"values": [0, 2]}}, {"gap": {"second": 2, "note": "n"}, "note": "n"}),
        *(
            {"gap": {"second": 2, "note": "m"}, "note": "n"},
            Outer.model_validate({"gap": {"values": [0, 2], "note": "m"}}),
        ),
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_they_are_edited_where_they_are_shown(db_file: Path, name: str) -> None:
    kind, said, shown, wanted, got = EDITS[name]
    call = Editing(db_file, taking(kind), value=said)
    assert call.shown["value"] == shown
    call.change(has_code=True, value=wanted)
    assert call.run() == repr(got)


@anywhere
def test_what_is_left_alone_is_what_the_model_said(db_file: Path, has_code: bool) -> None:
    def take(value: Pair, number: int = 1) -> str:
        """Take."""
        return f"{value!r} {number}"

    call = Editing(db_file, take, value={"values": [1, 2]})
    call.change(has_code=has_code, number=2)
    assert call.run() == f"{Pair.model_validate({'values': [1, 2]})!r} 2"


@pytest.mark.parametrize(
    ("kind", "said", "wanted", "problem"),
    [
        (Gap, {"values": [0, 2]}, {"second": 5, "note": "n"}, r"value\.values\.1: Field required"),
        (Pair, {"values": [1, 2]}, {"values": [1], "note": "n"}, r"value\.values\.1: Field required"),
        (Pair, {"values": [1, 2]}, {"first": 5, "second": 2}, r"value\.values\.0: Field required"),
        (Last, {"values": [1, 2]}, {"last": 5}, r"value\.values\.-1: Field required"),
    ],
)
def test_by_another_name_they_are_refused_and_the_place_is_named(
    db_file: Path, kind: Any, said: Any, wanted: Any, problem: str
) -> None:
    call = Editing(db_file, taking(kind), value=said)
    with pytest.raises(InvalidResolutionError, match=problem):
        call.change(has_code=True, value=wanted)
