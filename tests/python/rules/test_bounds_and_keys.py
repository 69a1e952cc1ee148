"""Bounds of times and keys of dicts are checked wherever a person decides, with the tool's code and without."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import pytest
from pydantic import (
    UUID4,
    AwareDatetime,
    BaseModel,
    Field,
    FutureDate,
    HttpUrl,
    IPvAnyAddress,
    NaiveDatetime,
    PastDate,
    PostgresDsn,
)

from haltpoint import InvalidResolutionError
from haltpoint.tools import define_tool, tool
from haltpoint.tools.input_form import fits_form, user_input_schema
from haltpoint.tools.user_values import check_form_values, check_user_input
from support.editing import Editing, anywhere


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Stay(BaseModel):
    day: Annotated[date, Field(ge=date(2026, 1, 1), lt=date(2027, 1, 1))]
    nights: dict[int, str] = {}


def taking(annotation: Any) -> Callable[..., Any]:
    """A tool with one parameter of a type, which tells what it gets."""

    def take(value: Any) -> str:
        """Take."""
        return repr(value)

    take.__annotations__["value"] = annotation
    return take


BAD: list[tuple[Any, Any, str]] = [
    (Annotated[date, Field(ge=date(2026, 1, 1))], "2025-12-31", "value: must be greater than or equal to 2026-01-01"),
    (Annotated[datetime, Field(gt=datetime(2026, 1, 1))], "2026-01-01T00:00", "value: must be greater than 2026-01-01"),
    (Annotated[time, Field(lt=time(18))], "18:00", "value: must be less than 18:00:00"),
    (Annotated[timedelta, Field(ge=timedelta(0))], "-PT1H", "value: must be greater than or equal to "),
    (Annotated[timedelta, Field(le=timedelta(days=1))] | None, "P2D", "value: must be less than or equal to "),
    (FutureDate, "2020-01-01", "value: must be in the future"),
    (PastDate, "2999-01-01", "value: must be in the past"),
    (AwareDatetime, "2026-01-01T00:00:00", "value: must have a time zone"),
    (NaiveDatetime, "2026-01-01T00:00:00Z", "value: must not have a time zone"),
    (HttpUrl, "ftp://a.example/", "value: must be a URL that begins with 'http' or 'https'"),
    (UUID4, "12345678-1234-1678-9234-567812345678", "value: "),
    (IPv4Network, "10.0.0.1/8", "value: "),
    (Stay, {"day": "2027-01-01"}, "value.day: must be less than 2027-01-01"),
    (Stay, {"day": "2026-01-01", "nights": {"x": "a"}}, 'value.nights.x: the key "x" must be a whole number'),
    (dict[int, int], {"1": 1, "x": 7, "y": 7}, 'value.y: the key "y" must be a whole number'),
    (dict[Annotated[int, Field(ge=3)], int], {"1": 1}, 'value.1: the key "1" must be greater than or equal to 3'),
    (dict[Literal["a", "b"], int], {"c": 1}, "value.c: the key \"c\" must be 'a' or 'b'"),
    (dict[Level, int], {"3": 1}, 'value.3: the key "3" must be 1 or 2'),
    (dict[date, int], {"x": 1}, 'value.x: the key "x" must be a date such as 2024-02-29'),
    (dict[Annotated[str, Field(pattern="^a")], int], {"b": 1}, 'value.b: the key "b" must match the pattern ^a'),
]
GOOD: list[tuple[Any, Any]] = [
    (Annotated[date, Field(ge=date(2026, 1, 1))], "2026-01-01"),
    (Annotated[timedelta, Field(ge=timedelta(0))], "PT1H"),
    (AwareDatetime, "2026-01-01T00:00:00Z"),
    (HttpUrl, "http://a.example/"),
    (PostgresDsn, "postgres://user:pass@a.example:5432/app"),
    (UUID4, "12345678-1234-4678-9234-567812345678"),
    (IPv4Network, "10.0.0.0/9"),
    (IPvAnyAddress, "::1"),
    (Stay, {"day": "2026-01-01", "nights": {"2": "a"}}),
    (dict[Annotated[int, Field(ge=3)], int], {"3": 1}),
    (dict[Level, int], {"2": 1}),
    (dict[bool, int], {"true": 1}),
    (dict[Annotated[str, Field(pattern="^a")], int], {"ab": 1}),
]


@pytest.mark.parametrize(("annotation", "value", "words"), BAD)
@pytest.mark.parametrize("has_code", [True, False])
def test_an_answer_that_does_not_fit_is_refused(annotation: Any, value: Any, words: str, has_code: bool) -> None:
    with pytest.raises(InvalidResolutionError) as caught:
        answered(annotation, value, has_code=has_code)
    assert words in str(caught.value)
    assert caught.value.field_name == words.partition(":")[0] or len(value) == 3


@pytest.mark.parametrize(("annotation", "value"), GOOD)
@pytest.mark.parametrize("has_code", [True, False])
def test_an_answer_that_fits_is_taken(annotation: Any, value: Any, has_code: bool) -> None:
    assert answered(annotation, value, has_code=has_code) == {"value": value}


def answered(annotation: Any, value: Any, *, has_code: bool) -> dict[str, Any]:
    definition = define_tool(tool(requires_user_input=True, user_input_fields=["value"])(taking(annotation)))
    form = user_input_schema(definition, {})
    assert fits_form(definition, form)
    if has_code:
        return check_user_input(definition, {}, {"value": value})
    return check_form_values("take", form, {"value": value}, ["value"], is_dynamic=False)


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "words"),
    [
        (Stay, {"day": "2026-01-01"}, {"day": "2027-01-01"}, "value.day: must be less than 2027-01-01"),
        (dict[int, int], {}, {"x": 7}, 'value.x: the key "x" must be a whole number'),
        (Annotated[timedelta, Field(ge=timedelta(0))], "PT1H", "-PT1H", "value: must be greater than or equal to "),
    ],
)
@anywhere
def test_an_edit_that_does_not_fit_is_refused(
    db_file: Path, annotation: Any, said: Any, wanted: Any, words: str, has_code: bool
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    with pytest.raises(InvalidResolutionError) as caught:
        call.change(has_code=has_code, value=wanted)
    assert words in str(caught.value)


def test_models_are_told_nothing_of_it() -> None:
    assert "haltpoint" not in str(define_tool(taking(Stay)).parameters)


def test_forms_of_older_journals_are_still_checked_by_the_tool() -> None:
    definition = define_tool(tool(requires_user_input=True, user_input_fields=["value"])(taking(Stay)))
    (field,) = user_input_schema(definition, {})
    older = {**field, "json_schema": without_marks(field["json_schema"])}
    assert older != field
    assert fits_form(definition, [older])


def without_marks(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    members = cast("dict[str, Any]", schema)
    return {key: without_marks(value) for key, value in members.items() if not key.startswith("haltpoint:")}
