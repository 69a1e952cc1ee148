"""What is said of an edit that does not fit: the words and the paths of answers, with the tool's code and without."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, SqliteDatabase, tool
from haltpoint.inbox import create_app
from support.asgi import asked
from support.replies import results_in, wants


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Line(BaseModel):
    sku: str
    quantity: int = Field(gt=0)


def taking(annotation: Any) -> Callable[..., Any]:
    """A tool with one parameter of a type, which tells what it gets."""

    def take(lines: Any) -> str:
        """Take."""
        return repr(lines)

    take.__annotations__["lines"] = annotation
    return tool(requires_confirmation=True)(take)


def refused(db: SqliteDatabase, annotation: Any, said: Any, wanted: Any, *, has_code: bool) -> InvalidResolutionError:
    """What an edit is refused with; the requirement stays open, and takes a better edit."""
    function = taking(annotation)
    model = ScriptedModel([wants("take", lines=said), lambda request: str(results_in(request)[-1])])
    run_id = Agent(model, db=db, tools=[function]).do("Work.", return_output=True).run_id
    (requirement,) = db.requirements(run_id=run_id)
    if not has_code:
        hide(db, run_id)
    requirement.confirm(tool_args={"lines": wanted}, by="ann")
    with pytest.raises(InvalidResolutionError) as caught:
        requirement.commit()
    assert requirement.needs_confirmation
    requirement.confirm(by="ann")
    requirement.commit()
    return caught.value


def hide(db: SqliteDatabase, run_id: str | None) -> None:
    """Let this process know nothing of the tool."""
    from haltpoint.resolution import changed_arguments

    assert run_id is not None
    _HIDDEN.setattr(changed_arguments, "_at_hand", lambda *_: None)


_HIDDEN = pytest.MonkeyPatch()


@pytest.fixture(autouse=True)
def _shown_again() -> Any:
    yield
    _HIDDEN.undo()


@pytest.mark.parametrize("has_code", [True, False], ids=["with code", "without code"])
@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "path", "words"),
    [
        (list[Line], [], [{"sku": "a", "quantity": "3"}], "lines.0.quantity", 'must be a whole number, got "3"'),
        (list[Line], [], [{"sku": "a", "quantity": 0}], "lines.0.quantity", "must be greater than 0, got 0"),
        (list[Line], [], [{"quantity": 1}], "lines.0.sku", "Field required (text)"),
        (dict[str, list[Line]], {}, {"a": [{"sku": 1, "quantity": 1}]}, "lines.a.0.sku", "must be text, got 1"),
        (date, "2026-01-01", "soon", "lines", 'must be a date such as 2024-02-29, got "soon"'),
        (int | date, 1, "x", "lines", 'must be a whole number or a date such as 2024-02-29, got "x"'),
        (Size, "s", "S", "lines", "must be 's' or 'l', got \"S\""),
        (bool, True, "maybe", "lines", 'must be yes or no, got "maybe"'),
    ],
)
def test_it_is_what_is_said_of_an_answer(
    db: SqliteDatabase, annotation: Any, said: Any, wanted: Any, path: str, words: str, has_code: bool
) -> None:
    error = refused(db, annotation, said, wanted, has_code=has_code)
    told = f"the changed arguments do not fit 'take': {path}: {words}. Correct them and decide again"
    assert str(error).endswith(told)
    assert error.field_name == path


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "got"),
    [
        (Annotated[timedelta, Field(ge=timedelta(0))], "PT1H", "-PT1H", '"-PT1H"'),
        (Annotated[date, Field(ge=date(2026, 1, 1))], "2026-01-01", "2025-01-01", '"2025-01-01"'),
        (Annotated[time, Field(lt=time(18))], "10:00:00", "19:00:00", '"19:00:00"'),
        (Annotated[Decimal, Field(gt=0)], "1", "-1.50", '"-1.50"'),
        (Annotated[bytes, Field(max_length=1)], "a", "abc", '"abc"'),
        (Annotated[set[int], Field(max_length=1)], [1], [1, 2], "[1,2]"),
        (
            Annotated[frozenset[date], Field(max_length=1)],
            [],
            ["2026-01-01", "2026-01-02"],
            '["2026-01-01","2026-01-02"]',
        ),
        (list[Annotated[timedelta, Field(ge=timedelta(0))]], [], ["-PT1H"], '"-PT1H"'),
    ],
)
def test_it_tells_what_was_given_whatever_the_type_had_made_of_it(
    db: SqliteDatabase, annotation: Any, said: Any, wanted: Any, got: str
) -> None:
    assert str(refused(db, annotation, said, wanted, has_code=True)).endswith(
        f", got {got}. Correct them and decide again"
    )


@pytest.mark.parametrize("kind", [timedelta, date, Decimal, bytes, Path, uuid.UUID, Size, set[int]])
def test_it_is_said_of_values_of_all_kinds(db: SqliteDatabase, kind: Any) -> None:
    said = {timedelta: "PT1H", date: "2026-01-01", Decimal: "1", Size: "s", set[int]: [1]}.get(
        kind, str(uuid.UUID(int=1))
    )
    first = True

    def refuse_later(value: Any) -> Any:
        nonlocal first
        if not first:
            raise ValueError("must be another")
        return value

    annotation = Annotated[kind, AfterValidator(refuse_later)]
    function = taking(annotation)
    run_id = Agent(ScriptedModel([wants("take", lines=said)]), db=db, tools=[function]).do("Work.", return_output=True)
    (requirement,) = run_id.active_requirements
    first = False
    other = {timedelta: "PT2H", date: "2026-01-02", Decimal: "2", Size: "l", set[int]: [2]}.get(
        kind, str(uuid.UUID(int=2))
    )
    requirement.confirm(tool_args={"lines": other}, by="ann")
    with pytest.raises(InvalidResolutionError, match="lines: must be another, got "):
        requirement.commit()
    assert requirement.needs_confirmation


def test_the_api_says_so_too(db: SqliteDatabase) -> None:
    function = taking(Annotated[timedelta, Field(ge=timedelta(0))])
    Agent(ScriptedModel([wants("take", lines="PT1H")]), db=db, tools=[function]).do("Work.", return_output=True)
    requirement_id = db.requirements()[0].id
    app = create_app(db, authenticate=lambda request: "ann")
    headers = {"content-type": "application/json", "sec-fetch-site": "same-origin"}
    body = b'{"type": "confirm", "tool_args": {"lines": "-PT1H"}}'
    told = asked(app, "POST", f"/api/requirements/{requirement_id}/decision", headers, body)
    assert told.status == 422, told.text
    assert "lines: must be greater than or equal to " in told.text
