"""A person writes a value in another way than the tool does, where the tool's code is not at hand: the call runs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest
from pydantic import AfterValidator, AnyUrl, BaseModel, ByteSize, ConfigDict, Field, Json, StringConstraints
from typing_extensions import TypedDict

from haltpoint import InvalidResolutionError
from support.editing import Editing, anywhere

ID = "12345678-1234-5678-1234-567812345678"


class Filter(BaseModel):
    tags: set[str] = {"a", "b"}
    after: date | None = None
    most: int = 10


class Place(NamedTuple):
    number: int
    label: str = "here"


class Point(NamedTuple):
    place: timedelta
    label: str = "here"


Trimmed = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]


class Shelf(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)
    name: str
    place: int = 1


class Loose(TypedDict, total=False):
    a: int


def taking(annotation: Any) -> Callable[..., Any]:
    """A tool with one parameter of a type, which tells what it gets."""

    def take(value: Any) -> str:
        """Take."""
        return str(sorted(value)) if isinstance(value, (set, frozenset)) else str(value)

    take.__annotations__["value"] = annotation
    return take


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "shown", "got"),
    [
        (set[str], ["a"], ["c", "b", "a", "b"], ["a", "b", "c"], "['a', 'b', 'c']"),
        (frozenset[int], [1], [30, 10, 20], [10, 20, 30], "[10, 20, 30]"),
        (uuid.UUID, str(uuid.UUID(int=1)), ID.replace("-", ""), ID, ID),
        (uuid.UUID, str(uuid.UUID(int=1)), f"{{{ID.upper()}}}", ID, ID),
        (AnyUrl, "http://a.example", "http://B.example", "http://b.example/", "http://b.example/"),
        (Path, "a", "b//c/./d", "b/c/d", "b/c/d"),
        (timedelta, "PT1H", "PT90M", "PT1H30M", "1:30:00"),
        (time, "10:00", "11:00:00.120", "11:00:00.120000", "11:00:00.120000"),
        (datetime, "2026-01-01T00:00:00", "2026-02-01 00:00", "2026-02-01T00:00:00", "2026-02-01 00:00:00"),
        (IPv6Address, "::1", "2001:0db8::0001", "2001:db8::1", "2001:db8::1"),
        (dict[str, uuid.UUID], {}, {"a": ID.replace("-", "")}, {"a": ID}, f"{{'a': UUID('{ID}')}}"),
        (timedelta | int, 5, "PT60S", "PT1M", "0:01:00"),
        (Decimal, 1, ".50", "0.50", "0.50"),
        (Decimal, 1, "+90", "90", "90"),
        (Decimal, 1, "007", "7", "7"),
        (Decimal, 1, "5.", "5", "5"),
        (Decimal, 1, "1e2", "1E+2", "1E+2"),
        (Decimal | None, None, "12.00 ", "12.00", "12.00"),
        (dict[str, Decimal], {}, {"a": " 1"}, {"a": "1"}, "{'a': Decimal('1')}"),
        (list[Decimal], [], ["1_000"], ["1000"], "[Decimal('1000')]"),
        (str | Decimal, "", ".50", ".50", ".50"),
        (ByteSize, 1, "1GB", 1000000000, "1000000000"),
        (Json[list[int]], "[]", "[1, 2]", [1, 2], "[1, 2]"),
        (Place, [1, "a"], [2], [2, "here"], "Place(number=2, label='here')"),
        (dict[int, str], {}, {"02": "b"}, {"2": "b"}, "{2: 'b'}"),
        (Trimmed, "ann", " Bob ", "bob", "bob"),
        (Shelf, {"name": "a"}, {"name": " b "}, {"name": "b", "place": 1}, "name='b' place=1"),
        (Loose, {"a": 1, "b": 3}, {"a": 2, "b": 3}, {"a": 2}, "{'a': 2}"),
    ],
)
@anywhere
def test_values_are_shown_as_the_tool_writes_them(
    db_file: Path, annotation: Any, said: Any, wanted: Any, shown: Any, got: str, has_code: bool
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    call.change(has_code=has_code, value=wanted)
    assert call.shown == {"value": shown}
    assert call.run() == got


@anywhere
def test_members_that_are_left_out_are_shown_as_their_defaults(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, taking(list[Filter]), value=[])
    call.change(has_code=has_code, value=[{"after": "2026-02-01"}, {"tags": ["z", "y"], "most": 5}])
    assert call.shown["value"] == [
        {"tags": ["a", "b"], "after": "2026-02-01", "most": 10},
        {"tags": ["y", "z"], "after": None, "most": 5},
    ]
    assert "datetime.date(2026, 2, 1)" in call.run()


def test_text_with_a_format_stays_as_it_was_written(db_file: Path) -> None:
    text_of_a_date = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    call = Editing(db_file, taking(text_of_a_date), value="2026-01-01T00:00:00")
    call.change(has_code=False, value="2026-02-01 00:00")
    assert call.run() == "2026-02-01 00:00"


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "problem"),
    [
        (Annotated[str, AfterValidator(str.lower)], "ann", "Bob", 'answered "Bob", of which the tool would make "bob"'),
        (Annotated[int, AfterValidator(lambda number: min(number, 10))], 5, 50, "of which the tool would make 10"),
    ],
)
def test_a_value_that_the_tool_makes_another_of_is_not_run_in_silence(
    db_file: Path, annotation: Any, said: Any, wanted: Any, problem: str
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    call.change(has_code=False, value=wanted)
    assert problem in call.run()


def test_text_of_which_nothing_is_left_is_refused(db_file: Path) -> None:
    call = Editing(db_file, taking(Trimmed), value="ann")
    with pytest.raises(InvalidResolutionError, match="value: must have at least 1 character"):
        call.change(has_code=False, value="  ")


def test_a_value_that_the_tool_does_not_take_is_the_models_to_hear_of(db_file: Path) -> None:
    def is_even(number: int) -> int:
        if number % 2:
            raise ValueError("must be even")
        return number

    call = Editing(db_file, taking(Annotated[int, AfterValidator(is_even)]), value=2)
    call.change(has_code=False, value=3)
    assert "must be even" in call.run()


def test_tuples_and_decimals_within_are_written_as_the_tool_does(db_file: Path) -> None:
    call = Editing(db_file, taking(tuple[Point, Decimal]), value=[["PT1H"], "1.10"])
    call.change(has_code=False, value=[["PT90M", "there"], "2.50"])
    assert call.shown["value"] == [["PT1H30M", "there"], "2.50"]
    assert "Decimal('2.50')" in call.run()
