"""An edit to what the model said, where that was shown as another value: it counts as any other edit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from haltpoint import InvalidResolutionError
from support.editing import Editing, anywhere


class Switch(BaseModel):
    on: bool
    level: int = 1


Clamped = Annotated[int, AfterValidator(lambda euros: min(euros, 100))]
Stripped = Annotated[str, StringConstraints(strip_whitespace=True)]


def taking(annotation: Any) -> Callable[..., Any]:
    def take(value: Any, note: str = "") -> str:
        """Take."""
        return f"took {value!r} {note}"

    take.__annotations__["value"] = annotation
    return take


@anywhere
@pytest.mark.parametrize(
    ("annotation", "said", "edit", "refusal"),
    [
        (bool, 1, 1, "value: must be yes or no, got 1"),
        (int, "5", "5", 'value: must be a whole number, got "5"'),
        (datetime, 1700000000, 1700000000, "value: must be a date and time"),
        (list[bool], [1, True], [1, False], "value.0: must be yes or no, got 1"),
        (Switch, {"on": 1}, {"on": 1, "level": 2}, "value.on: must be yes or no, got 1"),
    ],
)
def test_it_is_refused_where_it_does_not_fit_and_the_call_stays_open(
    db_file: Path, has_code: bool, annotation: Any, said: Any, edit: Any, refusal: str
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    with pytest.raises(InvalidResolutionError, match=refusal):
        call.change(has_code=has_code, value=edit, note="n")
    call.change(has_code=has_code, note="n")
    assert call.run().endswith(" n")


Code = Annotated[int | str, Field(union_mode="left_to_right")]


class Parcel(BaseModel):
    code: Code


@pytest.mark.parametrize(
    ("annotation", "said", "edit", "made"),
    [
        (Code, 3, "007", "7"),
        (list[Code], [3], ["007"], r"\[7\]"),
        (Parcel, {"code": 3}, {"code": "007"}, r'\{"code":7\}'),
        (Annotated[bool | int, Field(union_mode="left_to_right")], 3, 1, "true"),
    ],
)
def test_an_edit_of_which_the_call_would_make_another_value_is_refused(
    db_file: Path, annotation: Any, said: Any, edit: Any, made: str
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    with pytest.raises(InvalidResolutionError, match=f"value: would become {made}"):
        call.change(has_code=True, value=edit)
    call.change(has_code=True, note="n")
    assert call.run().endswith(" n")


@anywhere
@pytest.mark.parametrize(
    ("annotation", "said", "made"),
    [(Clamped, 500, 100), (Stripped, " a ", "a"), (list[Clamped], [5, 500], [5, 100])],
)
@pytest.mark.parametrize("note", ["", "n"])
def test_where_it_fits_it_is_shown_as_it_was_and_runs(
    db_file: Path, has_code: bool, annotation: Any, said: Any, made: Any, note: str
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    call.change(has_code=has_code, value=said, note=note)
    assert call.shown == {"value": made, "note": note}
    assert call.run() == f"took {made!r} {note}"


@anywhere
def test_what_is_left_as_it_was_shown_beside_a_change_still_passes(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, taking(Switch), value={"on": 1})
    call.change(has_code=has_code, value={"on": True, "level": 2})
    assert call.run() == f"took {Switch(on=True, level=2)!r} "
