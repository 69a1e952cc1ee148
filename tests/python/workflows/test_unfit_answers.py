"""What people and other programs give that the type a body waits for does not take, or of which it makes another value.

Where the body has run in the process, it is refused when it is given. Elsewhere it is accepted by its schema, and asked
for again when the body gets it: nothing fails, and the body gets no other value than the one that was given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, SecretStr, model_validator

from haltpoint import (
    InMemoryDatabase,
    InvalidResolutionError,
    RunRequirement,
    RunStatus,
    StepExpiredError,
    UnresolvedRequirementsError,
    Workflow,
    ask,
    external,
    step,
    workflow,
)
from support.command import CommandLine
from support.databases import opened
from support.running import asynchronous


def known(order: str) -> str:
    if order not in ("A-1", "A-2"):
        raise ValueError("no such order")
    return order


def crash(value: str) -> str:
    raise KeyError(value)


class Order(BaseModel):
    order: Annotated[str, AfterValidator(known)]


class Capped(BaseModel):
    euros: Annotated[int, AfterValidator(lambda euros: min(euros, 100))]
    note: str | None = None


class Span(BaseModel):
    low: int
    high: int

    @model_validator(mode="after")
    def in_order(self) -> Span:
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


class Price(BaseModel):
    euros: Decimal
    day: date


class Crashing(BaseModel):
    name: Annotated[str, AfterValidator(crash)]


class Login(BaseModel):
    name: Annotated[str, AfterValidator(known)]
    word: SecretStr


class Inner(BaseModel):
    cap: Annotated[int, AfterValidator(lambda cap: min(cap, 9))] = 1


class Outer(BaseModel):
    inner: Inner


def asking(model: type[BaseModel], **options: Any) -> Workflow[[], str]:
    @workflow(name="asking")
    async def body() -> str:
        answer = await ask("Which?", model, **options)
        return answer.model_dump_json()

    return body


def shipping(returns: Any) -> Workflow[[], str]:
    @workflow(name="shipping")
    async def body() -> str:
        return repr(await external("ship", {"order": "A"}, returns=returns))

    return body


async def asked(case: Workflow[[], str], db: Any) -> RunRequirement:
    output = await case.start(db=db, return_output=True)
    (requirement,) = output.active_requirements
    return requirement


REFUSED: list[tuple[type[BaseModel], dict[str, Any], str | None, str]] = [
    (Order, {"order": "A-9"}, "order", 'order: no such order, got "A-9"'),
    (Span, {"low": 5, "high": 1}, None, "low must not be above high"),
    (Capped, {"euros": 500}, "euros", "euros: 500 would become 100"),
    (Price, {"euros": "EUR 5", "day": "2024-02-29"}, "euros", 'euros: must be a number, got "EUR 5"'),
    (Price, {"euros": "", "day": "2024-02-29"}, "euros", "euros: must be a number"),
    (Crashing, {"name": "ann"}, None, "could not be checked"),
    (Outer, {"inner": {"cap": 50}}, "inner", "inner: "),
]


@pytest.mark.parametrize(("model", "values", "field", "words"), REFUSED)
@asynchronous
async def test_an_answer_is_held_against_the_model_where_the_body_has_run(
    model: type[BaseModel], values: dict[str, Any], field: str | None, words: str
) -> None:
    db = InMemoryDatabase()
    requirement = await asked(asking(model), db)
    with pytest.raises(InvalidResolutionError) as caught:
        requirement.answer(values)
    assert words in str(caught.value)
    assert (caught.value.field_name or "").partition(".")[0] == (field or "")
    assert (caught.value.requirement_id, requirement.is_resolved) == (requirement.id, False)
    # Assigned, or out of a list of the database, it is the same.
    for other in (requirement, db.requirement(requirement.id)):
        for form_field in other.user_input_schema or ():
            form_field["value"] = values.get(form_field["name"])
        other.tool_execution.answered = True
        with pytest.raises(InvalidResolutionError) as caught:
            await other
        assert words in str(caught.value)
    assert [item.id for item in db.requirements()] == [requirement.id]


@pytest.mark.parametrize(
    ("model", "values", "result"),
    [
        (Order, {"order": "A-1"}, {"order": "A-1"}),
        (Capped, {"euros": 100}, {"euros": 100, "note": None}),
        (Capped, {"euros": "7"}, {"euros": 7, "note": None}),
        (Price, {"euros": "1.50", "day": "2024-02-29"}, {"euros": "1.50", "day": "2024-02-29"}),
        (Price, {"euros": 1.5, "day": "2024-02-29"}, {"euros": "1.5", "day": "2024-02-29"}),
        (Outer, {"inner": {}}, {"inner": {"cap": 1}}),
    ],
)
@asynchronous
async def test_another_writing_of_the_same_value_is_no_other_value(
    model: type[BaseModel], values: dict[str, Any], result: dict[str, Any]
) -> None:
    db, case = InMemoryDatabase(), asking(model)
    requirement = await asked(case, db)
    requirement.answer(values)
    await requirement
    content = await case.continue_run_async(str(requirement.run_id), db=db)
    assert json.loads(content or "") == result


@pytest.mark.parametrize(
    ("model", "first", "second", "words"),
    [
        (Order, ["order=A-9"], ["order=A-2"], 'order: no such order, got "A-9"'),
        (Span, ["low=5", "high=1"], ["low=1", "high=5"], "low must not be above high"),
        (Capped, ["euros=500"], ["euros=100"], "euros: 500 would become 100"),
        (Crashing, ["name=ann"], ["name=bob"], "could not be checked"),
    ],
)
@asynchronous
async def test_elsewhere_a_person_is_asked_again_until_it_fits(
    tmp_path: Path, model: type[BaseModel], first: list[str], second: list[str], words: str
) -> None:
    db_file, case = tmp_path / "runs.db", asking(model)
    elsewhere = CommandLine(db_file)
    with opened(db_file) as db:
        requirement = await asked(case, db)
        run_id = str(requirement.run_id)
        given = elsewhere("answer", requirement.id, *first, "--db", str(db_file))
        assert given.code == 0, given.err
        output = await case.continue_run_async(run_id, db=db, return_output=True)
        assert output.status == RunStatus.paused
        (again,) = output.active_requirements
        # Nobody answers meanwhile: it stays that question.
        with pytest.raises(UnresolvedRequirementsError):
            await case.continue_run_async(run_id, db=db)
        assert [item.id for item in db.requirements()] == [again.id]
        shown = again.tool_execution.tool_args
        assert (again.id != requirement.id, shown["question"]) == (True, "Which?")
        assert words in shown["refused"]
        assert dict(item.split("=") for item in first) == {
            name: str(value) for name, value in shown["given"].items() if value is not None
        }
        if model is Crashing:
            return
        assert elsewhere("answer", again.id, *second, "--db", str(db_file)).code == 0
        content = await case.continue_run_async(run_id, db=db)
        assert str(json.loads(content or "")[first[0].partition("=")[0]]) == second[0].partition("=")[2]
        # The whole story is replayed: the same way again.
        assert await case.continue_run_async(run_id, db=db) == content


@asynchronous
async def test_what_is_asked_again_shows_no_secret(tmp_path: Path) -> None:
    db_file, case = tmp_path / "runs.db", asking(Login)
    with opened(db_file) as db:
        requirement = await asked(case, db)
        elsewhere = CommandLine(db_file)
        assert elsewhere("answer", requirement.id, "name=eve", "word=hunter2", "--db", str(db_file)).code == 0
        output = await case.continue_run_async(str(requirement.run_id), db=db, return_output=True)
        shown = output.active_requirements[0].tool_execution.tool_args
        assert shown["given"] == {"name": "eve"}
        assert "hunter2" not in json.dumps(shown)


@asynchronous
async def test_the_same_question_later_is_another_one(tmp_path: Path) -> None:
    """How often the first was asked does not move what the second is known by."""

    @step
    async def note(text: str) -> str:
        return text

    @workflow(name="twice")
    async def twice() -> str:
        first = await ask("Which?", Order)
        await note(first.order)
        second = await ask("Which?", Order)
        return f"{first.order} {second.order}"

    db_file = tmp_path / "runs.db"
    elsewhere = CommandLine(db_file)
    with opened(db_file) as db:
        output = await twice.start(db=db, return_output=True)
        for order in ("A-8", "A-9", "A-1", "A-7", "A-2"):
            (requirement,) = output.active_requirements
            assert elsewhere("answer", requirement.id, f"order={order}", "--db", str(db_file)).code == 0
            output = await twice.continue_run_async(output.run_id, db=db, return_output=True)
        assert output.output == "A-1 A-2"


@asynchronous
async def test_who_is_asked_again_may_let_the_time_pass(tmp_path: Path) -> None:
    @workflow(name="patient")
    async def patient() -> str:
        try:
            return (await ask("Which?", Order, expires_after=3600.0)).order
        except StepExpiredError:
            return "nobody"

    db_file = tmp_path / "runs.db"
    with opened(db_file) as db:
        output = await patient.start(db=db, return_output=True)
        (requirement,) = output.active_requirements
        assert CommandLine(db_file)("answer", requirement.id, "order=A-9", "--db", str(db_file)).code == 0
        output = await patient.continue_run_async(output.run_id, db=db, return_output=True)
        (again,) = output.active_requirements
        assert again.expires_at is not None
        assert requirement.expires_at is not None
        assert again.expires_at > requirement.expires_at


@asynchronous
async def test_who_changed_the_arguments_of_a_step_is_asked_again(tmp_path: Path) -> None:
    paid: list[int] = []

    @step(requires_confirmation=True)
    async def pay(euros: Annotated[int, AfterValidator(lambda euros: min(euros, 100))]) -> str:
        paid.append(euros)
        return f"paid {euros}"

    @workflow(name="paying")
    async def paying() -> str:
        return await pay(50)

    db_file = tmp_path / "runs.db"
    elsewhere = CommandLine(db_file)
    with opened(db_file) as db:
        output = await paying.start(db=db, return_output=True)
        for euros in (500, 700, 70):
            (requirement,) = output.active_requirements
            assert requirement.tool_execution.tool_args == {"euros": 50}
            changed = json.dumps({"euros": euros})
            assert elsewhere("approve", requirement.id, "--args", changed, "--db", str(db_file)).code == 0
            output = await paying.continue_run_async(output.run_id, db=db, return_output=True)
        assert (output.output, paid) == ("paid 70", [70])


@dataclass
class Parcel:
    number: int


@pytest.mark.parametrize(
    ("returns", "result", "words"),
    [
        (int, "forty", 'must be a whole number, got "forty"'),
        (int, 1.5, "must be a whole number, got 1.5"),
        (int, True, "true would become 1"),
        (bool, 1, "1 would become true"),
        (list[int], [1, True], "would become [1,1]"),
        (date, "soon", "must be a date"),
        (Parcel, {"number": "x"}, "number: must be a whole number"),
        (Parcel, {"number": 1, "weight": 2}, "weight"),
        (Capped, {"euros": 500}, "would become"),
        (Annotated[str, AfterValidator(str.upper)], "abc", '"abc" would become "ABC"'),
    ],
)
@asynchronous
async def test_a_result_is_held_against_its_type_where_the_body_has_run(returns: Any, result: Any, words: str) -> None:
    db = InMemoryDatabase()
    requirement = await asked(shipping(returns), db)
    with pytest.raises(InvalidResolutionError) as caught:
        requirement.set_external_execution_result(result)
    assert words in str(caught.value)
    other = db.requirement(requirement.id)
    other.tool_execution.result = result
    with pytest.raises(InvalidResolutionError) as caught:
        await other
    assert words in str(caught.value)
    assert [item.id for item in db.requirements()] == [requirement.id]


@pytest.mark.parametrize(
    ("returns", "result", "value"),
    [
        (int, 40, "40"),
        (int, "40", "40"),
        (float, 1, "1.0"),
        (str, "5", "'5'"),
        (str | None, "5", "'5'"),
        (date, "2024-02-29", "datetime.date(2024, 2, 29)"),
        (Decimal, "1.50", "Decimal('1.50')"),
        (Parcel, {"number": 1}, "Parcel(number=1)"),
        (Any, {"a": [1]}, "{'a': [1]}"),
        (Any, "word", "'word'"),
        (None, None, "None"),
    ],
)
@asynchronous
async def test_a_result_that_fits_is_what_the_body_gets(returns: Any, result: Any, value: str) -> None:
    db, case = InMemoryDatabase(), shipping(returns)
    requirement = await asked(case, db)
    requirement.set_external_execution_result(result)
    await requirement
    content = await case.continue_run_async(str(requirement.run_id), db=db)
    assert (content or "").endswith(value)


@asynchronous
async def test_elsewhere_a_result_is_held_against_the_schema_that_is_shown(tmp_path: Path) -> None:
    db_file, case = tmp_path / "runs.db", shipping(int)
    elsewhere = CommandLine(db_file)
    with opened(db_file) as db:
        requirement = await asked(case, db)
        assert requirement.tool_execution.tool_args == {
            "name": "ship",
            "args": {"order": "A"},
            "returns": {"type": "integer"},
        }
        for wrong in ("forty", "1.5", "true"):
            refused = elsewhere("result", requirement.id, wrong, "--db", str(db_file))
            assert refused.code != 0
            assert "must be a whole number" in refused.err
        assert elsewhere("result", requirement.id, "40", "--db", str(db_file)).code == 0
        assert await case.continue_run_async(str(requirement.run_id), db=db) == "40"


@asynchronous
async def test_elsewhere_a_result_that_only_the_type_refuses_is_asked_for_again(tmp_path: Path) -> None:
    db_file, case = tmp_path / "runs.db", shipping(Order)
    elsewhere = CommandLine(db_file)
    with opened(db_file) as db:
        requirement = await asked(case, db)
        given = elsewhere("result", requirement.id, '{"order": "A-9"}', "--db", str(db_file))
        assert given.code == 0, given.err
        output = await case.continue_run_async(str(requirement.run_id), db=db, return_output=True)
        (again,) = output.active_requirements
        shown = again.tool_execution.tool_args
        assert (shown["name"], shown["given"]) == ("ship", '{"order": "A-9"}')
        assert "no such order" in shown["refused"]
        again.set_external_execution_result({"order": "A-2"})
        await again
        content = await case.continue_run_async(output.run_id, db=db)
        assert content == "Order(order='A-2')"


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=2)), None])
@asynchronous
async def test_a_moment_that_an_answer_leaves_out_has_its_default(zone: timezone | None) -> None:
    moment = datetime(2026, 1, 1, tzinfo=zone)

    class Inner(BaseModel):
        at: datetime = moment

    class Claim(BaseModel):
        euros: int
        at: datetime = moment
        all: list[datetime] = [moment]
        inner: Inner = Inner()

    @workflow(name="claiming")
    async def claiming() -> str:
        claim = await ask("Claim?", Claim)
        return f"{claim.euros} {claim.at == moment} {claim.all == [moment]} {claim.inner.at == moment}"

    db = InMemoryDatabase()
    output = await claiming.start(db=db, return_output=True)
    (requirement,) = output.active_requirements
    requirement.answer({"euros": 5})
    await requirement
    assert await claiming.continue_run_async(str(output.run_id), db=db) == "5 True True True"
