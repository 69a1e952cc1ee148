"""A person answers where the tool's code is not at hand: the call runs with the value that they gave, or not at all."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest
from pydantic import (
    AfterValidator,
    AliasPath,
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
)

from haltpoint import Agent, ModelRequest, ScriptedModel, SqliteDatabase, tool
from support.command import CommandLine
from support.replies import results_in, wants

Capped = Annotated[int, AfterValidator(lambda euros: min(euros, 100))]
Upper = Annotated[str, AfterValidator(str.upper)]
Grown = Annotated[dict[str, int], AfterValidator(lambda shares: {**shares, "me": 1})]
Euros = Annotated[Decimal, BeforeValidator(lambda given: str(given).removeprefix("EUR "))]
CappedEuros = Annotated[Euros, AfterValidator(lambda euros: min(euros, Decimal(100)))]


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass
class Part:
    name: str
    tags: set[str] = field(default_factory=set[str])


class Account(BaseModel):
    name: str
    secret: SecretStr = SecretStr("")
    limit: Capped = 5


@dataclass
class Money:
    amount: int
    currency: str


def money_of(given: Any) -> Any:
    if not isinstance(given, str):
        raise ValueError("must be text such as EUR 5")
    currency, amount = given.split()
    return Money(int(amount), currency)


Price = Annotated[Money, BeforeValidator(money_of), WithJsonSchema({"type": "string"})]


def giving(annotation: Any) -> Callable[..., Any]:
    """A tool that a person gives a value of a type."""

    def give(value: Any) -> str:
        """Give."""
        RAN.append(value)
        return f"gave {sorted(value) if annotation == set[int] else value}"

    give.__annotations__["value"] = annotation
    return tool(requires_user_input=True, user_input_fields=["value"])(give)


def last_result(request: ModelRequest) -> str:
    return str(results_in(request)[-1])


RAN: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    RAN.clear()


class Answering:
    """One call of one tool, for which a person gives the value in a process without the tool's code."""

    def __init__(self, db_file: Path, annotation: Any) -> None:
        self._file = db_file
        self._tool = giving(annotation)
        with SqliteDatabase(db_file) as db:
            self.run_id = self._agent(db).do("Give.", return_output=True).run_id

    def _agent(self, db: SqliteDatabase) -> Agent:
        return Agent(ScriptedModel([wants("give"), last_result]), db=db, tools=[self._tool])

    def answer(self, text: str) -> None:
        with SqliteDatabase(self._file) as db:
            requirement_id = db.requirements()[0].id
        printed = CommandLine(self._file)("answer", requirement_id, f"value={text}", "--by", "ann")
        assert printed.code == 0, printed.err

    def run(self, **options: Any) -> str:
        with SqliteDatabase(self._file) as db:
            return str(self._agent(db).continue_run(run_id=self.run_id, **options))


@pytest.mark.parametrize(
    ("annotation", "answer", "said"),
    [
        (Capped, "500", "value: a person answered 500, of which the tool would make 100; the call was not run."),
        (list[Capped], "[5, 500]", "value: a person answered [5,500], of which the tool would make [5,100]"),
        (Annotated[float, AfterValidator(round)], "1.5", "answered 1.5, of which the tool would make 2"),
        (Upper, "ann", 'a person answered "ann", of which the tool would make "ANN"'),
        (Grown, '{"ann": 1}', 'a person answered {"ann":1}, of which the tool would make {"ann":1,"me":1}'),
        (CappedEuros, "EUR 500", 'a person answered "EUR 500", of which the tool would make "100"'),
        (Account, '{"name": "a", "secret": "s3cret", "limit": 500}', "a person answered a secret value"),
    ],
)
def test_a_value_that_the_tool_makes_another_of_does_not_run(
    db_file: Path, annotation: Any, answer: str, said: str
) -> None:
    call = Answering(db_file, annotation)
    call.answer(answer)
    told = call.run()
    assert said in told
    assert "s3cret" not in told
    assert told.endswith("Call the tool once more, so that the person is asked again")
    assert RAN == []


def test_it_runs_where_whoever_continues_says_that_it_may(db_file: Path) -> None:
    call = Answering(db_file, Capped)
    call.answer("500")
    assert call.run(allow_changed_tools=True) == "gave 100"


def test_the_person_is_asked_again_as_soon_as_the_model_does_what_it_is_told(db_file: Path) -> None:
    give = giving(Capped)
    script = [wants("give"), wants("give"), last_result]
    with SqliteDatabase(db_file) as db:
        agent = Agent(ScriptedModel(script), db=db, tools=[give])
        run_id = agent.do("Give.", return_output=True).run_id
        for answer in ("500", "70"):
            requirement_id = db.requirements()[0].id
            assert CommandLine(db_file)("answer", requirement_id, f"value={answer}").code == 0
            output = agent.continue_run(run_id=run_id, return_output=True)
        assert output.output == "gave 70"
    assert RAN == [70]


@pytest.mark.parametrize(
    ("annotation", "answer", "got"),
    [
        (Capped, "70", "70"),
        (Decimal, "1.10 ", "1.10"),
        (Decimal, "+007.", "7"),
        (list[Decimal], '[".50", 1e2]', "[Decimal('0.50'), Decimal('1E+2')]"),
        (float, "2", "2.0"),
        (set[int], "[2, 1, 2]", "[1, 2]"),
        (date, "2026-01-02T00:00:00", "2026-01-02"),
        (datetime, "2026-01-02", "2026-01-02 00:00:00"),
        (timedelta, "PT90M", "1:30:00"),
        (uuid.UUID, "12345678123456781234567812345678", "12345678-1234-5678-1234-567812345678"),
        (bytes, "a\x01", r"b'a\x01'"),
        (Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True)], " Bob ", "bob"),
        (Point, "[1]", "Point(x=1, y=0)"),
        (Part, '{"name": "a", "tags": []}', "Part(name='a', tags=set())"),
        (Account, '{"name": "a", "secret": "s3cret"}', "name='a' secret=SecretStr('**********') limit=5"),
        (dict[int, str], '{"02": "b"}', "{2: 'b'}"),
        (Euros, "EUR 5", "5"),
        (Price, "EUR 5", "Money(amount=5, currency='EUR')"),
        (ByteSize, "1GB", "1000000000"),
        (Json[list[int]], "[1, 2]", "[1, 2]"),
        (Annotated[str | None, BeforeValidator(lambda text: text or None)], "", "None"),
    ],
)
def test_a_value_that_is_only_written_in_another_way_runs(
    db_file: Path, annotation: Any, answer: str, got: str
) -> None:
    call = Answering(db_file, annotation)
    call.answer(answer)
    assert call.run() == f"gave {got}"


class Cash(BaseModel):
    euros: int


class Wire(BaseModel):
    euros: int
    fee: int = 0


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")
    euros: int


FirstThatFits = Field(union_mode="left_to_right")

# Each type that is one of several, an answer, what is shown of it, and what the tool gets.
UNIONS: dict[str, tuple[Any, str, Any, str]] = {
    "the model with most members": (
        Cash | Wire,
        '{"euros": 2, "fee": 500}',
        {"euros": 2, "fee": 500},
        "euros=2 fee=500",
    ),
    "either model": (Cash | Wire, '{"euros": 2}', {"euros": 2}, "euros=2"),
    "in a list": (
        list[Cash | Wire],
        '[{"euros": 2, "fee": 500}]',
        [{"euros": 2, "fee": 500}],
        "[Wire(euros=2, fee=500)]",
    ),
    "in a dict": (
        dict[str, Cash | Wire],
        '{"a": {"euros": 2, "fee": 500}}',
        {"a": {"euros": 2, "fee": 500}},
        "{'a': Wire(euros=2, fee=500)}",
    ),
    "two lists": (
        list[Cash] | list[Wire],
        '[{"euros": 2, "fee": 500}]',
        [{"euros": 2, "fee": 500}],
        "[Wire(euros=2, fee=500)]",
    ),
    "or null": (Cash | Wire | None, '{"euros": 2, "fee": 500}', {"euros": 2, "fee": 500}, "euros=2 fee=500"),
    "text and a time": (datetime | str, "2026-01-01", "2026-01-01", "2026-01-01"),
    "a day and a time": (date | datetime, "2026-01-01T00:00:00", "2026-01-01T00:00:00", "2026-01-01 00:00:00"),
    "a set and a list": (set[int] | list[int], "[2, 1, 1]", [2, 1, 1], "[2, 1, 1]"),
    "a decimal and text": (Decimal | str, ".50", ".50", "0.50"),
    "an address and text": (HttpUrl | str, "HTTP://A.c", "HTTP://A.c", "HTTP://A.c"),
}


@pytest.mark.parametrize("name", UNIONS)
def test_a_value_of_one_of_several_types_is_shown_as_the_tool_gets_it(db_file: Path, name: str) -> None:
    annotation, answer, shown, got = UNIONS[name]
    call = Answering(db_file, annotation)
    call.answer(answer)
    with SqliteDatabase(db_file) as db:
        (requirement,) = db.requirements(run_id=call.run_id, open_only=False)
    assert requirement.tool_execution.tool_args == {"value": shown}
    assert call.run() == f"gave {got}"


@pytest.mark.parametrize(
    ("annotation", "answer"),
    [
        (Cash | dict[str, int], '{"euros": 1, "b": 5}'),
        (Annotated[Cash | Wire, FirstThatFits], '{"euros": 1, "fee": 5}'),
        (Cash | Anything, '{"euros": 1, "fee": 66}'),
        (Annotated[int | str, FirstThatFits], "007"),
        (Annotated[str, AfterValidator(int)], "007"),
        (Annotated[str, AfterValidator(lambda text: unicodedata.normalize("NFKC", text))], "\u2460"),
        (Annotated[str, AfterValidator(lambda text: text.lstrip("0"))], "007"),
        (Annotated[int, AfterValidator(bool)], "1"),
    ],
)
def test_the_tool_gets_nothing_else_than_was_shown(db_file: Path, annotation: Any, answer: str) -> None:
    call = Answering(db_file, annotation)
    call.answer(answer)
    told = call.run()
    assert RAN == []
    assert "the call was not run" in told


class Found(BaseModel):
    x: int = Field(validation_alias=AliasPath("d", 0))


@pytest.mark.parametrize("kind", [Found, list[Found], Annotated[Found | None, "maybe"]])
@pytest.mark.parametrize("answer", ['{"d": [1]}', '{"x": 1}'])
def test_an_answer_that_only_the_code_can_check_is_refused(db_file: Path, kind: Any, answer: str) -> None:
    call = Answering(db_file, kind)
    with pytest.raises(AssertionError, match="the tool's code is needed to tell what this value means; decide where"):
        call.answer(f"[{answer}]" if kind == list[Found] else answer)
    assert RAN == []


@pytest.mark.parametrize(("kind", "answer", "got"), [(Base64Bytes, "//79AQ==", b"\xff\xfe\xfd\1"), (complex, "2j", 2j)])
def test_what_the_schema_describes_needs_no_code(db_file: Path, kind: Any, answer: str, got: Any) -> None:
    call = Answering(db_file, kind)
    call.answer(answer)
    call.run()
    assert [got] == RAN
