"""What is kept of an answer in the form of a model class, and the object that every process makes of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Generator, Iterable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    SecretStr,
    ValidationError,
    computed_field,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

from haltpoint import Agent, InvalidOutputError, ScriptedModel, SqliteDatabase, Task
from support.programs import run_program
from support.running import asynchronous


class Price(BaseModel):
    cents: int

    @field_validator("cents", mode="before")
    @classmethod
    def from_euros(cls, value: Any) -> int:
        return round(float(value) * 100)


class Login(BaseModel):
    token: SecretStr


class Order(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    order_id: str


class Renamed(BaseModel):
    inner: int = Field(validation_alias=AliasPath("outer", "inner"))
    either: int = Field(validation_alias=AliasChoices("one", "other"))
    sent: int = Field(serialization_alias="sentAs")


class Shortened(BaseModel):
    when: datetime
    note: str = Field(exclude=True)

    @field_serializer("when")
    def only_the_day(self, value: datetime) -> str:
        return f"{value:%d %B}"


class Hidden(BaseModel):
    total: int

    @model_serializer
    def nothing(self) -> dict[str, Any]:
        return {}


class Box(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int

    @computed_field
    def area(self) -> int:
        return self.width**2


class Extras(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: list[str] = []


class Pets(BaseModel):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]


class Prices(RootModel[list[Price]]):
    pass


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    when: datetime
    tags: set[str]


@dataclasses.dataclass
class Place:
    name: str
    seen: UUID = dataclasses.field(default_factory=uuid4)
    length: int = dataclasses.field(init=False, default=0)


class Made(BaseModel):
    id: UUID = Field(default_factory=uuid4)
    at: datetime = Field(default_factory=lambda: datetime.now(timezone.utc), exclude=True)

    @field_serializer("at")
    def hide(self, value: datetime) -> str:
        return "some time"


class Trip(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    first_stop: Made = Field(default_factory=Made)
    stops: list[Made] = []
    places: dict[str, Place] = {}
    note: str = None  # type: ignore[assignment]


class Numbered(BaseModel):
    number: UUID | None = None
    _seen: UUID = PrivateAttr(default_factory=uuid4)

    @model_validator(mode="after")
    def give_number(self) -> Numbered:
        self.number = self.number or uuid4()
        return self


class Bill(BaseModel):
    total: Decimal
    items: list[Decimal | None] = []
    ratio: float = 1.0


class Doubled(BaseModel):
    total: Annotated[Decimal, BeforeValidator(lambda value: value * 2)]


class Numbers(BaseModel):
    ids: Iterable[int]
    once: Generator[int, None, None]


# Asked in here, answered anew by another process, which has these classes, too.
READER = """
import sys
from pathlib import Path
from haltpoint import Agent, ScriptedModel, Task
from support.databases import opened
from support.programs import tell
sys.path.insert(0, sys.argv[3])
import test_kept_answers as answers
with opened(Path(sys.argv[1])) as db:
    task = Task("x", response_format=getattr(answers, sys.argv[2]))
    tell([repr(Agent(ScriptedModel([]), db=db).continue_run(run_id=run_id, task=task)) for run_id in sys.argv[4:]])
"""

SAID = [
    (Price, '{"cents": "1.50"}', Price.model_construct(cents=150)),
    (Login, '{"token": "abc"}', Login(token=SecretStr("abc"))),
    (Order, '{"orderId": "A1"}', Order.model_validate({"orderId": "A1"})),
    (
        Renamed,
        '{"outer": {"inner": 1}, "other": 2, "sent": 3}',
        Renamed.model_validate({"outer": {"inner": 1}, "one": 2, "sent": 3}),
    ),
    (
        Shortened,
        '{"when": "2024-01-02T03:04:05Z", "note": "n"}',
        Shortened(when=datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc), note="n"),
    ),
    (Hidden, '{"total": 7}', Hidden(total=7)),
    (Box, '{"width": 3}', Box(width=3)),
    (Extras, '{"name": "a", "more": [1.5]}', Extras.model_validate({"name": "a", "more": [1.5]})),
    (Pets, '{"pets": [{"kind": "dog"}, {"kind": "cat", "lives": 8}]}', Pets(pets=[Dog(), Cat(lives=8)])),
    (Prices, '[{"cents": 1}]', Prices.model_construct([Price.model_construct(cents=100)])),
    (
        Strict,
        '{"when": "2024-01-02T03:04:05", "tags": ["b", "a"]}',
        Strict(when=datetime(2024, 1, 2, 3, 4, 5), tags={"a", "b"}),
    ),
]


def _is_part(said: Any, stored: Any) -> bool:
    """Whether all that was said is stored; what the class fills in may stand beside it."""
    if isinstance(said, dict):
        return all(_is_part(value, stored[name]) for name, value in said.items())
    if isinstance(said, list):
        return all(map(_is_part, said, stored)) and len(said) == len(stored)
    return bool(said == stored)


@pytest.mark.parametrize(("form", "text", "expected"), SAID, ids=[form.__name__ for form, _, _ in SAID])
@asynchronous
async def test_the_output_is_what_the_model_said(
    db: SqliteDatabase, form: type[BaseModel], text: str, expected: BaseModel
) -> None:
    agent, task = Agent(ScriptedModel([f"```json\n{text}\n```"]), db=db), Task("x", response_format=form)
    output = await agent.do_async(task, return_output=True)
    assert output.output == task.response == expected
    stored = (await db.run_async(output.run_id)).to_dict()["output"]
    assert _is_part(json.loads(text), stored)
    again = await Agent(ScriptedModel([]), db=db).continue_run_async(
        run_id=output.run_id, task=Task("x", response_format=form)
    )
    assert again == expected


@asynchronous
async def test_another_process_gets_the_same_objects(db: SqliteDatabase, db_file: Path) -> None:
    answers = {
        "Price": '{"cents": "1.50"}',
        "Login": '{"token": "abc"}',
        "Trip": '{"stops": [{}, {"id": "00000000-0000-0000-0000-000000000001"}], "places": {"a": {"name": "A"}}}',
        "Numbered": "{}",
        "Made": "{}",
    }
    program = db_file.parent / "reader.py"
    program.write_text(READER)
    for name, text in answers.items():
        task = Task("x", response_format=globals()[name])
        output = await Agent(ScriptedModel([text]), db=db).do_async(task, return_output=True)
        there = run_program(program, str(db_file), name, str(Path(__file__).parent), output.run_id, cwd=db_file.parent)
        assert there.last == [repr(output.output)]
    assert output.output.at.tzinfo is not None


@asynchronous
async def test_what_the_class_fills_in_is_kept(db: SqliteDatabase) -> None:
    output = await _answered(db, Trip, '{"stops": [{}], "places": {"a": {"name": "A"}}}')
    stored = output.to_dict()["output"]
    assert UUID(stored["firstStop"]["id"]) == output.output.first_stop.id
    assert UUID(stored["stops"][0]["id"]) == output.output.stops[0].id
    assert UUID(stored["places"]["a"]["seen"]) == output.output.places["a"].seen
    # Its default does not fit the field.
    assert "note" not in stored
    assert (await _answered(db, Cat, "{}")).to_dict()["output"] == {"kind": "cat", "lives": 9}


@pytest.mark.parametrize(
    ("form", "text", "total"),
    [
        (Bill, '{"total": 12345678901234567.89}', "12345678901234567.89"),
        (Bill, '{"total": 1.10, "items": [1.0, null, 2.50], "ratio": 1.10}', "1.10"),
        (Bill, '{"total": 1e400}', "1E+400"),
        (Bill, '{"total": 123456789012345678901234567890}', "123456789012345678901234567890"),
        (Bill, '{"total": "1.10"}', "1.10"),
        (Doubled, '{"total": 1.10}', "2.2"),
    ],
)
@asynchronous
async def test_decimals_keep_their_digits(db: SqliteDatabase, form: Any, text: str, total: str) -> None:
    output = await _answered(db, form, text)
    assert str(output.output.total) == total
    if form is Bill:
        assert [str(item) for item in output.output.items] == (["1.0", "None", "2.50"] if "2.50" in text else [])
        assert Decimal(output.to_dict()["output"]["total"]) == output.output.total


@asynchronous
async def test_lazy_fields_are_checked_before_the_answer_is_accepted(db: SqliteDatabase) -> None:
    scripted = ScriptedModel(['{"ids": [1, "x"], "once": []}', '{"ids": [1, 2], "once": ["3"]}'])
    numbers = await Agent(scripted, db=db).do_async(Task("x", response_format=Numbers))
    assert "ids.1" in str(scripted.requests[1].messages[-1].content)
    assert [*numbers.ids, *numbers.ids] == [1, 2, 1, 2]
    assert (next(numbers.once), list(numbers.once)) == (3, [])


class Odd(ValueError):
    def __str__(self) -> str:
        raise RuntimeError


class Checked(BaseModel):
    word: str

    @field_validator("word")
    @classmethod
    def check(cls, word: str) -> str:
        errors: dict[str, BaseException] = {
            "key": KeyError("k"),
            "odd": Odd(),
            "stop": StopIteration(),
            "os": OSError(),
        }
        if word in errors:
            raise errors[word]
        return word


@asynchronous
async def test_whatever_a_validator_raises_is_a_refusal(db: SqliteDatabase) -> None:
    words = ["key", "odd", "stop"]
    scripted = ScriptedModel([f'{{"word": "{word}"}}' for word in [*words, "fine"]])
    assert await Agent(scripted, db=db).do_async(Task("x", response_format=Checked)) == Checked(word="fine")
    assert "KeyError" in str(scripted.requests[1].messages[-1].content)
    with pytest.raises(InvalidOutputError):
        await Agent(ScriptedModel(['{"word": "os"}'] * 4), db=db).do_async(Task("x", response_format=Checked))


@pytest.mark.parametrize(
    "text", ["NaN", '{"ratio": NaN, "total": 1}', '{"ratio": 1e400, "total": 1}', '{"total": "\\ud800"}', "[" * 100_000]
)
@asynchronous
async def test_what_is_no_json_is_refused(db: SqliteDatabase, text: str) -> None:
    scripted = ScriptedModel([text, '{"total": 1}'])
    assert (await Agent(scripted, db=db).do_async(Task("x", response_format=Bill))).total == 1
    assert len(scripted.requests) == 2


def _changed(name: str, **fields: Any) -> type[BaseModel]:
    def refuse(value: Any) -> Any:
        raise LookupError(value)

    return type(name, (BaseModel,), {"__annotations__": {"name": Annotated[str, BeforeValidator(refuse)]}, **fields})


@asynchronous
async def test_a_class_that_changed_since_is_an_error_and_the_run_stays_readable(db: SqliteDatabase) -> None:
    run_id = (await _answered(db, Extras, '{"name": "a"}')).run_id
    for form, cause in ((Price, ValidationError), (_changed("Extras"), ValueError)):
        output = await Agent(ScriptedModel([]), db=db).continue_run_async(
            run_id=run_id, task=Task("x", response_format=form), return_output=True
        )
        with pytest.raises(InvalidOutputError, match=f"run {run_id} does not fit {form.__name__}") as caught:
            _ = output.output
        assert isinstance(caught.value.__cause__, cause)
        assert output.to_dict()["output"] == {"name": "a"}
        assert output.is_complete


async def _answered(db: SqliteDatabase, form: Any, text: str) -> Any:
    return await Agent(ScriptedModel([text]), db=db).do_async(Task("x", response_format=form), return_output=True)
