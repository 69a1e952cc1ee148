"""Enumerations whose members nobody could name in JSON are refused where the tool is defined."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator

from haltpoint.tools import define_tool


class Day(enum.Enum):
    FIRST = date(2026, 1, 1)


class Pair(enum.Enum):
    ONE = (1, 2)


class Rate(enum.Enum):
    LOW = Decimal("1.5")


class Mixed(enum.Enum):
    ONE = 1
    TEXT = "1"
    NONE = None
    HALF = 1.5


class Named(str, enum.Enum):
    A = "a"


class Read(enum.Enum):
    FIRST = date(2026, 1, 1)

    @classmethod
    def _missing_(cls, value: object) -> Read:
        return cls(date.fromisoformat(str(value)))


class Flags(enum.IntFlag):
    READ = 1
    WRITE = 2


class Plan(BaseModel):
    day: Day | None = None


def taking(annotation: Any) -> Callable[..., Any]:
    """A tool with one parameter of a type."""

    def take(when: Any) -> str:
        """Take."""
        return str(when)

    take.__annotations__["when"] = annotation
    return take


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (
            Day,
            "takes Day.FIRST, which can't be read from JSON, so that nobody could choose it: its value is of type date",
        ),
        (
            Pair,
            "takes Pair.ONE, .* its value is of type tuple; give the members of Pair values that are text or numbers",
        ),
        (Rate, "takes Rate.LOW, .* its value is of type Decimal"),
        (list[Day], "takes Day.FIRST"),
        (dict[Day, int], "takes Day.FIRST"),
        (Plan, "takes Day.FIRST"),
        (Literal[Day.FIRST], "takes Day.FIRST"),
        (Literal[Mixed.ONE], r"takes Mixed.ONE, .* must derive from int: class Mixed\(int, Enum\)"),
    ],
)
def test_a_choice_that_json_can_not_say_is_refused_by_the_name_of_its_parameter(annotation: Any, words: str) -> None:
    with pytest.raises(TypeError, match=f"parameter 'when' of tool 'take' {words}"):
        define_tool(taking(annotation))


@pytest.mark.parametrize(
    "annotation",
    [
        Mixed,
        Named,
        Flags,
        Read,
        Literal[Named.A],
        Annotated[Day, BeforeValidator(lambda said: Day(date.fromisoformat(said)))],
    ],
)
def test_other_choices_are_taken(annotation: Any) -> None:
    assert define_tool(taking(annotation)).inputs[0].name == "when"
