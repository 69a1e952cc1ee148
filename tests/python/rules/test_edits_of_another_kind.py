"""An edit that is of another kind than the person was shown is refused, with the tool's code and without it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator

from haltpoint import InvalidResolutionError
from support.editing import Editing, anywhere


class Stay(BaseModel):
    """A model with a day."""

    since: date


def taking(annotation: Any) -> Callable[..., Any]:
    """A tool with one parameter of a type, which tells what it gets."""

    def take(value: Any) -> str:
        """Take."""
        return repr(value)

    take.__annotations__["value"] = annotation
    return take


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "path"),
    [
        (date, "2026-01-01", 0, "value"),
        (date, "2026-01-01", "0", "value"),
        (datetime, "2026-01-01T00:00:00", "1767225600", "value"),
        (date | None, None, "86400", "value"),
        (list[date], [], ["0"], "value.0"),
        (Stay, {"since": "2026-01-01"}, {"since": "0"}, "value.since"),
        (int, 1, True, "value"),
        (bool, False, 1, "value"),
    ],
)
@anywhere
def test_it_is_refused_and_the_call_stays_as_it_was(
    db_file: Path, annotation: Any, said: Any, wanted: Any, path: str, has_code: bool
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    shown = call.shown
    with pytest.raises(InvalidResolutionError, match=f"{path}: "):
        call.change(has_code=has_code, value=wanted)
    assert call.shown == shown


def test_a_validator_of_the_tool_reads_text_as_it_likes(db_file: Path) -> None:
    def named(day: Any) -> Any:
        return date(2026, 12, 24) if day == "Christmas" else day

    call = Editing(db_file, taking(Annotated[date, BeforeValidator(named)]), value="2026-01-01")
    call.change(has_code=True, value="Christmas")
    assert (call.shown, call.run()) == ({"value": "2026-12-24"}, "datetime.date(2026, 12, 24)")
