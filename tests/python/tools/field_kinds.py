"""Fields of many kinds: values that fit them, values that don't, and what a person is told of those."""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from typing_extensions import TypedDict

__all__ = ["FITTING", "REFUSED", "Kind", "Refusal"]


class Kind(NamedTuple):
    """A value that fits a type, and the value that is kept of it."""

    annotation: Any
    given: Any
    kept: Any


class Refusal(NamedTuple):
    """A value that does not fit a type: where within the field, and in which words."""

    annotation: Any
    given: Any
    path: str
    words: str


class Color(enum.Enum):
    """Names of colors."""

    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    """Numbers."""

    SMALL = 1
    LARGE = 2


class Address(BaseModel):
    """A model."""

    street: str
    code: int


class Guest(BaseModel):
    """A model in which another stands."""

    name: str = Field(min_length=2)
    address: Address


class Folder(BaseModel):
    """A model that refers to itself."""

    name: str
    folders: list[Folder] = []


class Cat(BaseModel):
    """One branch of a union."""

    kind: Literal["cat"]
    lives: int = Field(ge=1)


class Dog(BaseModel):
    """Another one."""

    kind: Literal["dog"]
    bark: str


class Stay(BaseModel):
    """A model with a day."""

    since: date


class Closed(BaseModel):
    """A model that takes nothing else."""

    model_config = ConfigDict(extra="forbid")
    a: int


class Renamed(BaseModel):
    """A model whose field has another name in JSON."""

    order_id: str = Field(alias="orderId", pattern="^[A-Z]")


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int


class Sizes(TypedDict):
    """A typed dict."""

    width: int


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
Nights = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Step = Annotated[int, Field(multiple_of=5)]
State = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Pin = Annotated[SecretStr, Field(min_length=4)]

FITTING = [
    Kind(Nights, "3", 3),
    Kind(Rate, "0.5", 0.5),
    Kind(bool, "yes", True),
    Kind(bool, "off", False),
    Kind(bool, "1", True),
    Kind(int, 3.0, 3),
    Kind(list[int], [3.0], [3]),
    Kind(list[int], (1, 2), (1, 2)),
    Kind(tuple[int, str], (1, "a"), (1, "a")),
    Kind(Sizes | None, {"width": 3}, {"width": 3}),
    Kind(int | date, "7", 7),
    Kind(str, 5, "5"),
    Kind(str | int, "7", "7"),
    Kind(int | bool, "7", 7),
    Kind(int | None, "null", None),
    Kind(Color, "red", "red"),
    Kind(Size, "2", 2),
    Kind(Literal["a", 3], "3", 3),
    Kind(date, "2024-02-29", "2024-02-29"),
    Kind(datetime, "2024-02-29 12:30", "2024-02-29 12:30"),
    Kind(time, "12:30", "12:30"),
    Kind(timedelta, "PT90M", "PT90M"),
    Kind(list[date | None], ["2024-02-29", None], ["2024-02-29", None]),
    Kind(uuid.UUID, "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
    Kind(Decimal, "1.10", "1.10"),
    Kind(SecretStr, "hush", "hush"),
    Kind(list[int], "[1, 2]", [1, 2]),
    Kind(set[int], [1, 1], [1, 1]),
    Kind(Address, '{"street": "A", "code": 7}', {"street": "A", "code": 7}),
    Kind(list[Address], [{"street": "A", "code": 7}], [{"street": "A", "code": 7}]),
    Kind(Folder, {"name": "a", "folders": [{"name": "b"}]}, {"name": "a", "folders": [{"name": "b"}]}),
    Kind(Pet, {"kind": "dog", "bark": "wuff"}, {"kind": "dog", "bark": "wuff"}),
    Kind(Renamed, {"orderId": "A1"}, {"orderId": "A1"}),
    Kind(Point, {"x": 1, "y": 2}, {"x": 1, "y": 2}),
    Kind(Sizes, {"width": 3}, {"width": 3}),
]

REFUSED = [
    Refusal(Nights, 0, "", "must be greater than or equal to 1, got 0"),
    Refusal(Nights, "many", "", 'must be a whole number, got "many"'),
    Refusal(Nights, 1.5, "", "must be a whole number, got 1.5"),
    Refusal(Rate, 1, "", "must be less than 1, got 1"),
    Refusal(Rate, 0, "", "must be greater than 0, got 0"),
    Refusal(Step, 7, "", "must be a multiple of 5, got 7"),
    Refusal(State, "abc", "", 'must match the pattern ^[A-Z]{2}$, got "abc"'),
    Refusal(bool, "perhaps", "", 'must be yes or no, got "perhaps"'),
    Refusal(Color, "green", "", "must be 'red' or 'blue', got \"green\""),
    Refusal(Size, 3, "", "must be 1 or 2, got 3"),
    Refusal(Literal["bug", "wish"], "joke", "", "must be 'bug' or 'wish', got \"joke\""),
    Refusal(date, "31 February", "", 'must be a date such as 2024-02-29, got "31 February"'),
    Refusal(date, "2024-02-30", "", 'must be a date such as 2024-02-29, got "2024-02-30"'),
    Refusal(datetime, "20240229", "", 'must be a date and time such as 2024-02-29T12:30:00, got "20240229"'),
    Refusal(time, "25:00", "", 'must be a time such as 12:30:00, got "25:00"'),
    # Pydantic reads numbers as seconds, which a person who is asked for a day or a time does not mean.
    Refusal(date, 0, "", "must be a date such as 2024-02-29, got 0"),
    Refusal(date, 0.0, "", "must be a date such as 2024-02-29, got 0.0"),
    Refusal(date, "0", "", 'must be a date such as 2024-02-29, got "0"'),
    Refusal(datetime, 1709164800, "", "must be a date and time such as 2024-02-29T12:30:00, got 1709164800"),
    Refusal(datetime, "0.5", "", 'must be a date and time such as 2024-02-29T12:30:00, got "0.5"'),
    Refusal(time, 5, "", "must be a time such as 12:30:00, got 5"),
    Refusal(timedelta, 60, "", "must be a duration such as P1DT2H, got 60"),
    Refusal(date | None, 0, "", "must be a date such as 2024-02-29, got 0"),
    Refusal(date | datetime, "0", "", "must be a date such as 2024-02-29 or a date and time"),
    Refusal(list[date], [0], ".0", "must be a date such as 2024-02-29, got 0"),
    Refusal(list[date | None], ["0"], ".0", 'must be a date such as 2024-02-29, got "0"'),
    Refusal(Stay, {"since": 0}, ".since", "must be a date such as 2024-02-29, got 0"),
    # Nor are yes and no numbers, or numbers yes and no.
    Refusal(int, True, "", "must be a whole number, got true"),
    Refusal(int, "true", "", 'must be a whole number, got "true"'),
    Refusal(int, "yes", "", 'must be a whole number, got "yes"'),
    Refusal(float, False, "", "must be a number, got false"),
    Refusal(bool, 1, "", "must be yes or no, got 1"),
    Refusal(bool, 0.0, "", "must be yes or no, got 0.0"),
    Refusal(list[int], [True], ".0", "must be a whole number, got true"),
    Refusal(list[int], "[true]", ".0", "must be a whole number, got true"),
    Refusal(dict[str, bool], {"a": 1}, ".a", "must be yes or no, got 1"),
    Refusal(Literal[1, 2], True, "", "must be 1 or 2, got true"),
    Refusal(uuid.UUID, "me", "", 'must be a UUID, got "me"'),
    Refusal(int | date, "soon", "", 'must be a whole number or a date such as 2024-02-29, got "soon"'),
    Refusal(int | None, "x", "", 'must be a whole number, got "x"'),
    Refusal(Pin, "123", "", "must have at least 4 characters, got a secret value"),
    Refusal(list[int], [1, "x"], ".1", 'must be a whole number, got "x"'),
    Refusal(list[str], "a, b", "", 'must be a list of texts, as JSON text such as ["text"], got "a, b"'),
    Refusal(Annotated[list[int], Field(max_length=1)], [1, 2], "", "must have at most 1 item, got [1,2]"),
    Refusal(dict[str, int], {"a": "x"}, ".a", 'must be a whole number, got "x"'),
    Refusal(Address, {"street": "A"}, ".code", "Field required (a whole number)"),
    Refusal(Address, '{"street": "A"}', ".code", "Field required (a whole number)"),
    Refusal(Guest, {"name": "Bo", "address": {"street": "A"}}, ".address.code", "Field required (a whole number)"),
    Refusal(Guest, {"name": "B", "address": {"street": "A", "code": 1}}, ".name", "must have at least 2 characters"),
    Refusal(list[Address], [{"street": "A", "code": 1}, {"street": "B"}], ".1.code", "Field required"),
    Refusal(Folder, {"name": "a", "folders": [{}]}, ".folders.0.name", "Field required (text)"),
    Refusal(Pet, {"kind": "cat", "lives": 0}, ".lives", "must be greater than or equal to 1, got 0"),
    Refusal(Pet, {"kind": "cow"}, ".kind", "must be 'cat' or 'dog', got \"cow\""),
    Refusal(Pet, {}, ".kind", "Field required"),
    Refusal(Cat | Dog, {"kind": "dog"}, ".bark", "Field required (text)"),
    Refusal(Closed, {"a": 1, "b": 2}, ".b", "there is no such field; the fields are: a"),
    Refusal(Renamed, {"orderId": "a1"}, ".orderId", 'must match the pattern ^[A-Z], got "a1"'),
    Refusal(Point, {"x": 1}, ".y", "Field required (a whole number)"),
    Refusal(Sizes, {"width": "wide"}, ".width", 'must be a whole number, got "wide"'),
]
