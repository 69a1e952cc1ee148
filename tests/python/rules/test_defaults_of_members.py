"""Defaults of an object's members where the tool's code is not at hand: those that read back are shown, and apply."""

from __future__ import annotations

import dataclasses
import json
import re
import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field, SecretStr, create_model

from haltpoint import Agent, InvalidResolutionError, RunRequirement, ScriptedModel, SqliteDatabase, tool
from haltpoint.tools import define_tool
from haltpoint.tools.input_form import fits_form
from support.command import CommandLine
from support.editing import Editing
from support.replies import results_in, wants


class Sub(BaseModel):
    a: int = 1
    on: date = date(2026, 1, 1)


@dataclasses.dataclass
class Part:
    name: str = "a"
    price: Decimal = Decimal("1.00")


class Box:
    """An object that has no JSON form."""


KNOWN: list[tuple[Any, Any, Any]] = [
    (date, date(2026, 1, 1), "2026-01-01"),
    (datetime, datetime(2026, 1, 1, tzinfo=timezone.utc), "2026-01-01T00:00:00Z"),
    (Decimal, Decimal("1.00"), "1.00"),
    (uuid.UUID, uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (timedelta, timedelta(hours=1), "PT1H"),
    (bytes, b"x", "x"),
    (Sub, Sub(a=2), {"a": 2, "on": "2026-01-01"}),
    (Part, Part(), {"name": "a", "price": "1.00"}),
    (list[Sub], [Sub()], [{"a": 1, "on": "2026-01-01"}]),
    (dict[str, date], {"a": date(2026, 1, 1)}, {"a": "2026-01-01"}),
    (date | None, date(2026, 1, 1), "2026-01-01"),
    # The default itself runs, whatever the validator would make of it.
    (Annotated[Decimal, AfterValidator(lambda price: 2 * price)], Decimal("1.00"), "1.00"),
]

ONLY_CODE_KNOWS: list[tuple[Any, Any]] = [
    (date, Field(default_factory=lambda: date(2026, 1, 1))),
    (Any, Box()),
    (SecretStr, SecretStr("s3cret")),
    (Any, Sub()),
    (bytes, b"\xff"),
]


def holding(annotation: Any, default: Any) -> Any:
    return create_model("Holder", name=(str, ...), part=(annotation, default))


def giving(annotation: Any) -> Any:
    def give(value: Any) -> str:
        """Give."""
        return f"gave {value!r}"

    give.__annotations__["value"] = annotation
    return tool(requires_user_input=True, user_input_fields=["value"])(give)


def asked(annotation: Any) -> RunRequirement:
    """What a process has that knows the form alone."""
    form = json.loads(json.dumps(define_tool(giving(annotation)).user_input_schema({})))
    call = {"tool_call_id": "1", "tool_name": "unknown", "tool_args": {}, "requires_user_input": True}
    return RunRequirement.from_dict(
        {"kind": "user_input", "tool_execution": {**call, "user_input_schema": form}},
    )


def refusal_of(annotation: Any, value: Any) -> InvalidResolutionError:
    with pytest.raises(InvalidResolutionError) as refused:
        asked(annotation).answer({"value": value})
    return refused.value


@pytest.mark.parametrize(("annotation", "default", "shown"), KNOWN)
def test_one_that_reads_back_is_in_the_schema_and_applies(annotation: Any, default: Any, shown: Any) -> None:
    requirement = asked(holding(annotation, default))
    schema = (requirement.user_input_schema or [])[0]["json_schema"]
    assert schema["properties"]["part"]["default"] == shown
    requirement.answer({"value": {"name": "a"}})
    decision = requirement.draft_decision()
    assert decision is not None
    assert decision["values"] == {"value": {"name": "a"}}


@pytest.mark.parametrize(("annotation", "default"), ONLY_CODE_KNOWS)
def test_another_needs_the_code(annotation: Any, default: Any) -> None:
    refusal = refusal_of(holding(annotation, default), {"name": "a"})
    assert refusal.field_name == "value.part"
    assert "the tool's code is needed to tell its default" in str(refusal)


class Tree(BaseModel):
    """Refers to itself."""

    name: str
    day: date = date(2026, 1, 1)
    first: Sub | Tree = Sub()
    others: list[Tree] = []


def test_so_do_those_of_a_type_that_refers_to_itself() -> None:
    def give(value: Tree, more: list[Tree]) -> str:
        """Give."""
        return f"gave {value!r} {more!r}"

    definition = define_tool(tool(requires_user_input=True, user_input_fields=["value", "more"])(give))
    for field in definition.user_input_schema({}):
        members = field["json_schema"]["$defs"]["Tree"]["properties"]
        assert members["day"]["default"] == "2026-01-01"
        assert members["first"]["default"] == {"a": 1, "on": "2026-01-01"}


class Many(BaseModel):
    n: str
    day: date = date(2026, 1, 1)
    price: Decimal = Decimal("1.00")
    sub: Sub = Sub()


class Later(BaseModel):
    n: str
    day: date = date(2027, 1, 1)
    price: Decimal = Decimal("2.00")
    sub: Sub = Sub(a=7)


Later.__name__ = Later.__qualname__ = "Many"


@pytest.mark.parametrize("annotation", [Many, Later])
def test_they_are_shown_and_run_whatever_they_are_by_then(db_file: Path, annotation: Any) -> None:
    def agent(db: SqliteDatabase, kind: Any) -> Agent:
        model = ScriptedModel([wants("give"), lambda request: str(results_in(request)[-1])])
        return Agent(model, db=db, tools=[giving(kind)])

    with SqliteDatabase(db_file) as db:
        output = agent(db, Many).do("Give.", return_output=True)
    printed = CommandLine(db_file)("answer", output.requirements[0].id, 'value={"n": "x"}', "--by", "ann")
    assert printed.code == 0, printed.err
    assert '"day": "2026-01-01", "price": "1.00", "sub": {"a": 1, "on": "2026-01-01"}' in printed.out
    with SqliteDatabase(db_file) as db:
        result = agent(db, annotation).continue_run(run_id=output.run_id, allow_changed_tools=annotation is Later)
    assert str(result).endswith(f"gave {Many(n='x')!r}")


@pytest.mark.parametrize(
    "annotation",
    [
        holding(date, date(2026, 1, 1)),
        holding(date, Field(default_factory=lambda: date(2026, 1, 1))),
        holding(Decimal, Field(default_factory=lambda: Decimal(1))),
        holding(list[Sub], Field(default_factory=list[Sub])),
        list[Sub],
        dict[str, int],
    ],
)
def test_the_example_in_a_refusal_is_accepted(annotation: Any) -> None:
    found = re.search(r"as JSON text such as (.+), got", str(refusal_of(annotation, "x")))
    assert found is not None
    asked(annotation).answer({"value": found.group(1)})


def test_there_is_none_where_it_would_be_refused() -> None:
    class Coded(BaseModel):
        code: str = Field(pattern="^[0-9]{5}$")

    assert "such as" not in str(refusal_of(Coded, "x"))


@pytest.mark.parametrize(
    ("value", "field_name"),
    [
        ({"name": 5}, "value.name"),
        ({"nam": "a"}, "value.name"),
        ({"name": "a", "parts": 1}, "value.parts"),
        ({}, "value.name"),
    ],
)
def test_what_is_at_fault_is_named_first(value: Any, field_name: str) -> None:
    annotation = holding(date, Field(default_factory=lambda: date(2026, 1, 1)))
    assert refusal_of(annotation, value).field_name == field_name


@dataclasses.dataclass
class Dims:
    w: int
    h: int = 3
    labels: list[str] = dataclasses.field(default_factory=lambda: ["x"])


def box(dims: Dims) -> str:
    """Box."""
    return repr(dims)


@pytest.mark.parametrize(
    ("edit", "at_fault"),
    [({"w": 2, "h": "4"}, "dims.h: must be"), ({"h": 4}, "dims.w: Field req"), ({"w": 2, "hh": 4}, "dims.hh: there")],
)
def test_so_it_is_in_an_edit_and_what_stays_as_it_was_shown_is_not_blamed(
    db_file: Path, edit: Any, at_fault: str
) -> None:
    call = Editing(db_file, box, dims={"w": 1})
    with pytest.raises(InvalidResolutionError) as refused:
        call.change(has_code=False, dims=edit)
    assert f"do not fit 'box': {at_fault}" in str(refused.value)
    assert "hh" in edit or "dims.labels" not in str(refused.value)


def test_a_form_of_an_older_journal_is_still_one_of_the_tool() -> None:
    definition = define_tool(giving(Many))
    form = json.loads(json.dumps(definition.user_input_schema({})))
    members = form[0]["json_schema"]["properties"]
    for name in ("day", "price", "sub"):
        del members[name]["default"]
        members[name]["haltpoint:unknown_default"] = True
    assert fits_form(definition, form)
    members["price"]["default"] = "3.00"
    assert not fits_form(definition, form)
