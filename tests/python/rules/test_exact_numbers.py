"""Numbers that a person gives as JSON text keep their digits, whether or not the tool's code is at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, WithJsonSchema

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, SqliteDatabase, tool
from haltpoint.inbox import create_app
from support.asgi import asked
from support.command import CommandLine
from support.editing import Editing
from support.replies import results_in, wants

DIGITS = "12345678901234567.89"


class Line(BaseModel):
    """Has a price."""

    price: Decimal
    ratio: float = 1.5


def taking(annotation: Any) -> Callable[..., Any]:
    """A tool with one parameter of a type, which tells what it gets."""

    def take(value: Any) -> str:
        """Take."""
        return repr(value)

    take.__annotations__["value"] = annotation
    return take


def at_the_command_line(db_file: Path, tool_args: str) -> str:
    """Edit in a process without the tool's code; return what is shown from then on."""
    requirement_id = open_requirement(db_file)
    printed = CommandLine(db_file)("approve", requirement_id, "--args", tool_args, "--by", "ann")
    assert printed.code == 0, printed.err
    return shown(db_file, requirement_id)


def by_the_api(db_file: Path, tool_args: str) -> str:
    """Edit where the tool's code is; return what is shown from then on."""
    requirement_id = open_requirement(db_file)
    decide(db_file, f'{{"type": "confirm", "tool_args": {tool_args}}}')
    return shown(db_file, requirement_id)


def decide(db_file: Path, body: str) -> None:
    requirement_id = open_requirement(db_file)
    with SqliteDatabase(db_file) as db:
        app = create_app(db, authenticate=lambda request: "ann")
        headers = {"content-type": "application/json", "sec-fetch-site": "same-origin"}
        told = asked(app, "POST", f"/api/requirements/{requirement_id}/decision", headers, body.encode())
    assert told.status == 200, told.text


def open_requirement(db_file: Path) -> str:
    with SqliteDatabase(db_file) as db:
        return db.requirements()[0].id


def shown(db_file: Path, requirement_id: str) -> str:
    with SqliteDatabase(db_file) as db:
        return json.dumps(db.requirement(requirement_id).tool_execution.tool_args)


everywhere = pytest.mark.parametrize("edit", [at_the_command_line, by_the_api])


@pytest.mark.parametrize("digits", [DIGITS, "0.1000000000000000055", "2.50", "1e-30"])
@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "got"),
    [
        (Decimal, 0.1, "{}", "Decimal('{}')"),
        (Decimal | None, None, "{}", "Decimal('{}')"),
        (Annotated[Decimal, Field(gt=0, max_digits=60)], 5, "{}", "Decimal('{}')"),
        (list[Decimal], [], "[1, {}]", "[Decimal('1'), Decimal('{}')]"),
        (dict[str, Decimal | None], {}, '{{"a": {}}}', "{{'a': Decimal('{}')}}"),
        (Line | None, None, '{{"price": {}}}', "Line(price=Decimal('{}'), ratio=1.5)"),
    ],
)
@everywhere
def test_an_edited_decimal_runs_with_every_digit_and_is_shown_so(
    db_file: Path, annotation: Any, said: Any, wanted: str, got: str, digits: str, edit: Callable[[Path, str], str]
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    after = edit(db_file, f'{{"value": {wanted.format(digits)}}}')
    exact = str(Decimal(digits))
    assert exact in after
    assert call.run() == got.format(exact)


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "got"),
    [
        (float, 1.0, "1.10", "1.1"),
        (float | str, 1.0, "1.10", "1.1"),
        (float | str, 1.0, '"1.10"', "'1.10'"),
        (Any, 1.0, "1.10", "1.1"),
        (Line | None, None, '{"price": 1, "ratio": 2.50}', "Line(price=Decimal('1'), ratio=2.5)"),
    ],
)
@everywhere
def test_other_numbers_and_texts_stay_what_they_are(
    db_file: Path, annotation: Any, said: Any, wanted: str, got: str, edit: Callable[[Path, str], str]
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    edit(db_file, f'{{"value": {wanted}}}')
    assert call.run() == got


def test_a_decimal_whose_schema_says_number_is_not_rounded_in_silence(db_file: Path) -> None:
    call = Editing(db_file, taking(Annotated[Decimal, WithJsonSchema({"type": "number"})]), value=1)
    at_the_command_line(db_file, f'{{"value": {DIGITS}}}')
    assert f'of which the tool would make "{DIGITS}"; the call was not run' in call.run()


@everywhere
def test_one_digit_beyond_a_float_is_a_change(db_file: Path, edit: Callable[[Path, str], str]) -> None:
    call = Editing(db_file, taking(Decimal), value=0.1)
    assert call.shown == {"value": "0.1"}
    edit(db_file, '{"value": 0.1000000000000000000001}')
    assert call.run() == "Decimal('0.1000000000000000000001')"
    with SqliteDatabase(db_file) as db:
        (requirement,) = db.run(call.run_id or "").requirements
        assert requirement.tool_execution.changed_by_person
    with SqliteDatabase(db_file) as db:
        assert "0.1000000000000000000001" in db.export(call.run_id or "")


# Answers


@tool(requires_user_input=True, user_input_fields=["euros", "lines"])
def pay(euros: Decimal, lines: list[Line], ratio: float = 1.0) -> str:
    """Pay."""
    return f"{euros} {[str(line.price) for line in lines]}"


def paying(db: SqliteDatabase) -> Agent:
    return Agent(ScriptedModel([wants("pay"), lambda request: str(results_in(request)[-1])]), db=db, tools=[pay])


ANSWER = f'"euros": {DIGITS}, "lines": [{{"price": 1.10}}]'


def answered_at_the_command_line(db_file: Path) -> None:
    cli = CommandLine(db_file)
    lines = '[{"price": 1.10}]'
    printed = cli("answer", open_requirement(db_file), f"euros={DIGITS}", f"lines={lines}", "--by", "ann")
    assert printed.code == 0, printed.err


def answered_by_the_api(db_file: Path) -> None:
    decide(db_file, f'{{"type": "answer", "values": {{{ANSWER}}}}}')


@pytest.mark.parametrize("answer", [answered_at_the_command_line, answered_by_the_api])
def test_an_answer_keeps_every_digit(db_file: Path, answer: Callable[[Path], None]) -> None:
    with SqliteDatabase(db_file) as db:
        run_id = paying(db).do("Pay.", return_output=True).run_id
    answer(db_file)
    with SqliteDatabase(db_file) as db:
        assert str(paying(db).continue_run(run_id=run_id)).endswith(f"{DIGITS} ['1.10']")


LARGE = 2**70


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "result"),
    [
        (int, 5, str(LARGE), repr(LARGE)),
        (int, 5, str(-LARGE), repr(-LARGE)),
        (list[int], [5], [5, str(LARGE)], repr([5, LARGE])),
    ],
)
def test_a_whole_number_that_only_text_carries_is_taken(
    db_file: Path, annotation: Any, said: Any, wanted: Any, result: str
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    call.change(has_code=True, value=wanted)
    assert call.shown == {"value": wanted}
    assert call.run() == result


@pytest.mark.parametrize(("annotation", "wanted"), [(int, "5"), (bool, str(LARGE)), (int, "9" * 5000)])
def test_other_text_is_no_number(db_file: Path, annotation: Any, wanted: str) -> None:
    call = Editing(db_file, taking(annotation), value=True if annotation is bool else 7)
    with pytest.raises(InvalidResolutionError, match="value: must be"):
        call.change(has_code=True, value=wanted)
