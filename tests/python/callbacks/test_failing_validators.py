"""What validators and default factories raise is in the log with its traceback: once for a check, without secrets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, SqliteDatabase, ToolChangedError, tool
from support.callbacks import FORMS, in_form
from support.editing import Editing
from support.replies import results_in, wants

every_form = pytest.mark.parametrize("form", FORMS)
SECRET = "40-00-12"


def out_of_order(given: Any) -> Any:
    raise OSError(f"no register for {given}")


def refusing(given: Any) -> Any:
    raise ValueError("must be even")


def picky(given: Any) -> Any:
    if given in ("bad", 13):
        raise LookupError(f"nothing known of {given}")
    return given


def broken_default() -> int:
    raise RuntimeError("the counter is gone")


class Counted(BaseModel):
    name: str
    number: int = Field(default_factory=broken_default)


def last_result(request: Any) -> str:
    return str(results_in(request)[-1])


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """What was logged of validators."""
    caplog.set_level(logging.DEBUG, logger="haltpoint")
    return lambda: [record for record in caplog.records if "validator or default factory" in record.getMessage()]


Records = Callable[[], list[logging.LogRecord]]


def taking(annotation: Any, **options: Any) -> Any:
    def take(value: Any) -> str:
        """Take."""
        return f"took {value!r}"

    take.__annotations__["value"] = annotation
    return tool(**options)(take) if options else tool(take)


def agent(db: SqliteDatabase, annotation: Any, said: Any, **options: Any) -> Agent:
    script = [wants("take", **({} if said is None else {"value": said})), last_result]
    return Agent(ScriptedModel(script), db=db, tools=[taking(annotation, **options)])


def check(record: logging.LogRecord, error: type[BaseException], words: str, function: str) -> None:
    assert record.name == "haltpoint.tools"
    assert record.levelno == logging.WARNING
    assert words in record.getMessage()
    assert record.exc_text is not None
    assert error.__name__ in record.exc_text
    assert f"in {function}" in record.exc_text


@pytest.mark.parametrize(
    ("annotation", "said", "error", "function"),
    [
        (Annotated[int, AfterValidator(out_of_order)], 5, OSError, "out_of_order"),
        (Annotated[int, BeforeValidator(out_of_order)], 5, OSError, "out_of_order"),
        (list[Annotated[int, AfterValidator(out_of_order)]], [5, 6], OSError, "out_of_order"),
        (Counted, {"name": "a"}, RuntimeError, "broken_default"),
        (Annotated[int, AfterValidator(lambda _: (_ for _ in ()).throw(SystemExit(3)))], 5, SystemExit, "<genexpr>"),
    ],
)
@every_form
def test_where_a_model_calls_a_tool(
    form: str, db: SqliteDatabase, records: Records, annotation: Any, said: Any, error: Any, function: str
) -> None:
    output = in_form(form, agent(db, annotation, said))
    assert "could not be checked" in str(output.output)
    (record,) = records()
    check(record, error, "the arguments of take", function)


@pytest.mark.parametrize("options", [{"requires_confirmation": True}, {"read_only": True}])
def test_an_ordinary_refusal_is_none(db: SqliteDatabase, records: Records, options: Any) -> None:
    output = in_form("do", agent(db, Annotated[int, AfterValidator(refusing)], 5, **options))
    assert "must be even" in str(output.output)
    in_form("do", agent(db, int, "many", **options))
    assert records() == []


def asking(db: SqliteDatabase, annotation: Any, **options: Any) -> Any:
    given = {"requires_user_input": True, "user_input_fields": ["value"], **options}
    return in_form("do", agent(db, annotation, None, **given)).active_requirements[0]


@pytest.mark.parametrize(
    ("annotation", "answer"),
    [
        (Annotated[str, AfterValidator(picky)], "bad"),
        (Annotated[int, BeforeValidator(picky)], 13),
        (Annotated[int | str, AfterValidator(picky)], "13"),
        (dict[str, Annotated[int, AfterValidator(out_of_order)]], '{"a": 1}'),
    ],
)
def test_where_a_person_answers(db: SqliteDatabase, records: Records, annotation: Any, answer: Any) -> None:
    requirement = asking(db, annotation)
    if annotation == Annotated[int | str, AfterValidator(picky)]:
        requirement.answer({"value": answer})
        assert records() == []
        return
    with pytest.raises(InvalidResolutionError, match="could not be checked"):
        requirement.answer({"value": answer})
    (record,) = records()
    assert "the answers to take" in record.getMessage()


def test_where_a_person_changes_arguments(tmp_path: Path, records: Records) -> None:
    def take(value: Annotated[int, AfterValidator(picky)]) -> str:
        """Take."""
        return str(value)

    call = Editing(tmp_path / "runs.db", take, value=5)
    with pytest.raises(InvalidResolutionError, match="nothing known of 13"):
        call.change(has_code=True, value=13)
    (record,) = records()
    check(record, LookupError, "the changed arguments of take", "picky")


def test_where_the_call_runs_with_what_no_code_checked(tmp_path: Path, records: Records) -> None:
    def take(value: Annotated[int, AfterValidator(picky)]) -> str:
        """Take."""
        return str(value)

    call = Editing(tmp_path / "runs.db", take, value=5)
    call.change(has_code=False, value=13)
    assert "nothing known of 13" in call.run()
    (record,) = records()
    check(record, LookupError, "the arguments of take", "picky")


BROKEN = {"is": False}


def breaking(given: int) -> int:
    if BROKEN["is"]:
        raise OSError("the register is gone")
    return given


def test_where_a_call_can_not_run_as_it_was_decided(
    db: SqliteDatabase, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = agent(db, Annotated[int, AfterValidator(breaking)], 5, requires_confirmation=True)
    output = in_form("do", clerk)
    output.active_requirements[0].confirm()
    monkeypatch.setitem(BROKEN, "is", True)
    with pytest.raises(ToolChangedError, match="the register is gone"):
        in_form("do", clerk, run_id=output.run_id)
    (record,) = records()
    check(record, OSError, "the arguments of take", "breaking")


class Report(BaseModel):
    pages: Annotated[int, AfterValidator(picky)]


def test_where_a_model_answers_in_a_form(db: SqliteDatabase, records: Records) -> None:
    from haltpoint import Task

    clerk = Agent(ScriptedModel(['{"pages": 13}', '{"pages": 3}']), db=db)
    assert clerk.do(Task("Report.", response_format=Report)) == Report(pages=3)
    (record,) = records()
    check(record, LookupError, "an answer in the form of Report", "picky")


@pytest.mark.parametrize(
    ("annotation", "given", "options"),
    [
        (Annotated[SecretStr, BeforeValidator(out_of_order)], SECRET, {}),
        (Annotated[str, AfterValidator(out_of_order)], SECRET, {"sensitive": ["value"]}),
        (Annotated[str, AfterValidator(lambda pin: out_of_order(pin[-5:]))], SECRET, {"sensitive": ["value"]}),
        (dict[str, Annotated[str, AfterValidator(out_of_order)]], {"a": SECRET}, {"sensitive": ["value"]}),
    ],
)
@pytest.mark.parametrize("asks", [False, True])
def test_a_secret_is_in_no_record(
    db: SqliteDatabase,
    caplog: pytest.LogCaptureFixture,
    records: Records,
    annotation: Any,
    given: Any,
    options: Any,
    asks: bool,
) -> None:
    if asks:
        requirement = asking(db, annotation, **options)
        with pytest.raises(InvalidResolutionError):
            requirement.answer({"value": given})
    else:
        in_form("do", agent(db, annotation, given, **options))
    (record,) = records()
    check(record, OSError, "take", "out_of_order")
    assert record.exc_info is None
    assert SECRET not in caplog.text
    assert SECRET[-5:] not in f"{record.getMessage()} {record.exc_text}"


def test_a_validator_that_fails_on_one_reading_and_takes_another_is_silent(
    db: SqliteDatabase, records: Records
) -> None:
    def text_only(given: Any) -> Any:
        return given.strip()

    requirement = asking(db, Annotated[str, BeforeValidator(text_only)])
    requirement.answer({"value": "7"})
    requirement.commit()
    assert records() == []


def test_two_arguments_that_fail_in_their_own_ways_are_both_there(db: SqliteDatabase, records: Records) -> None:
    @tool
    def take(first: Annotated[int, AfterValidator(out_of_order)], second: Annotated[int, AfterValidator(picky)]) -> str:
        """Take."""
        return "took"

    Agent(ScriptedModel([wants("take", first=1, second=13), last_result]), db=db, tools=[take]).do("Take.")
    assert [record.exc_info[0] for record in records() if record.exc_info] == [OSError, LookupError]
