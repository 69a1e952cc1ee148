"""A default that changes between two deployments: the shown one runs, as the type that it had, or nothing runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import pytest
from annotated_types import Gt
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, ToolChangedError, tool
from support.replies import results_in, wants

ran: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


class Rate(BaseModel):
    percent: float = 1.0


def tool_with(kind: Any, *default: Any, **options: Any) -> Callable[..., Any]:
    if default:

        def work(to: str, value=default[0]) -> str:  # type: ignore[no-untyped-def]
            ran.append(value)
            return "done"
    else:

        def work(to: str, value) -> str:  # type: ignore[no-untyped-def,misc]
            ran.append(value)
            return "done"

    work.__annotations__ = {"to": str, "value": kind, "return": str}
    return tool(name="work", **(options or {"requires_confirmation": True}))(work)


def agent(db: InMemoryDatabase, function: Any, **said: Any) -> Agent:
    last = ScriptedModel([wants("work", **said), lambda request: str(results_in(request)[-1])])
    return Agent(last, db=db, tools=[function])


def asked(db: InMemoryDatabase, function: Any, **said: Any) -> RunRequirement:
    return agent(db, function, **said).do("Work.", return_output=True).active_requirements[0]


def go_on(db: InMemoryDatabase, requirement: RunRequirement, function: Any, **options: Any) -> Any:
    assert requirement.run_id is not None
    return agent(db, function).continue_run(run_id=requirement.run_id, **options)


# Each type, the default that was shown, and one of a later deployment.
READ_BACK: list[tuple[Any, Any, Any]] = [
    (list[Rate], [Rate(percent=2.5)], []),
    (dict[str, Rate], {"a": Rate(percent=2.5)}, {}),
    (list[Rate] | None, [Rate(percent=2.5)], None),
    (tuple[Rate, ...], (Rate(percent=2.5),), []),
    (float, float("inf"), 1.0),
    (list[float], [float("-inf")], [1.0]),
    (int, 2**70, 3),
    (int | None, 2**70, None),
    (dict[str, int], {"a": 2**70}, {}),
    (Decimal | str, Decimal("1.10"), "x"),
    (date | str, date(2024, 1, 1), "2024-01-01"),
    (bytes | str, b"ab", "ab"),
    (float, 5, 6),
    (list[float], [5], [6]),
    (Any, True, 1),
]


@pytest.mark.parametrize(("kind", "default", "later"), READ_BACK)
@pytest.mark.parametrize("allow", [False, True])
def test_a_default_reaches_the_tool_as_the_type_that_it_had(kind: Any, default: Any, later: Any, allow: bool) -> None:
    db = InMemoryDatabase()
    requirement = asked(db, tool_with(kind, default), to="a")
    requirement.confirm()
    requirement.commit()
    go_on(db, requirement, tool_with(kind, later), allow_changed_tools=allow)
    assert [repr(value) for value in ran] == [repr(default)]


# Those of which the type makes no more, or something else.
SHOWN_ALONE: list[tuple[Any, Any, Any, Any]] = [
    (bytes, b"\xff", "base64:/w==", b"\xfe"),
    (float, float("nan"), "nan", 1.0),
    (Decimal, Decimal("NaN"), "NaN", Decimal(1)),
    (Any, Decimal("1.10"), "1.10", Decimal(99)),
    (Any, date(2024, 1, 1), "2024-01-01", date(2030, 1, 1)),
    (date | str, "2024-01-01", "2024-01-01", "x"),
    (int | str, 2**70, str(2**70), 2**71),
    (Any, 2**70, str(2**70), 2**71),
    (Any, 1 + 2j, "(1+2j)", 3j),
    (Any, (1, 2), [1, 2], (3,)),
    (dict[str, Any], {"a": float("inf")}, {"a": "inf"}, {"a": float("-inf")}),
    (str, 5, 5, "x"),
    (Annotated[int, Gt(0)], -1, -1, 5),
]


@pytest.mark.parametrize(("kind", "default", "shown", "later"), SHOWN_ALONE)
@pytest.mark.parametrize("allow", [False, True])
def test_one_that_can_not_be_made_again_is_refused_once_it_has_changed(
    kind: Any, default: Any, shown: Any, later: Any, allow: bool
) -> None:
    db = InMemoryDatabase()
    requirement = asked(db, tool_with(kind, default), to="a")
    assert requirement.tool_execution.tool_args["value"] == shown
    requirement.confirm()
    requirement.commit()
    with pytest.raises(ToolChangedError, match=r"the default of value was shown as .+ cancel the run"):
        go_on(db, requirement, tool_with(kind, later), allow_changed_tools=allow)
    assert ran == []
    go_on(db, requirement, tool_with(kind, default))
    assert [repr(value) for value in ran] == [repr(default)]


class Connection:
    """An object without a form."""


class Other(Connection):
    """Another one."""


def test_an_object_that_is_shown_by_its_type_may_be_of_another_type_once_that_is_allowed() -> None:
    db = InMemoryDatabase()
    requirement = asked(db, tool_with(Any, Connection()), to="a")
    requirement.confirm()
    requirement.commit()
    with pytest.raises(ToolChangedError, match="or pass allow_changed_tools=True"):
        go_on(db, requirement, tool_with(Any, Other()))
    go_on(db, requirement, tool_with(Any, Other()), allow_changed_tools=True)
    assert [type(value) for value in ran] == [Other]


@pytest.mark.parametrize(
    ("kind", "default", "runs"), [(Decimal, 5, Decimal(5)), (date, "2024-02-01", date(2024, 2, 1))]
)
def test_a_plain_default_in_the_place_of_what_the_model_said_is_read_by_its_type(
    kind: Any, default: Any, runs: Any
) -> None:
    db = InMemoryDatabase()
    function = tool_with(kind, default)
    requirement = asked(db, function, to="a", value="2024-01-01" if kind is date else "7")
    requirement.confirm(tool_args={"to": "a"})
    requirement.commit()
    assert requirement.tool_execution.tool_args["value"] == str(runs)
    go_on(db, requirement, function)
    assert ran == [runs]


# Forms


def form_tool(kind: Any, *default: Any) -> Callable[..., Any]:
    return tool_with(kind, *default, requires_user_input=True, user_input_fields=["to", "value"])


def by_values(requirement: RunRequirement) -> dict[str, Any]:
    requirement.answer({"to": "Ann"}, by="p")
    requirement.commit()
    return {}


def by_null(requirement: RunRequirement) -> dict[str, Any]:
    requirement.answer({"to": "Ann", "value": None}, by="p")
    requirement.commit()
    return {}


def by_attribute(requirement: RunRequirement) -> dict[str, Any]:
    fields = {field["name"]: field for field in requirement.user_input_schema or ()}
    fields["to"]["value"] = "Ann"
    requirement.tool_execution.answered = True
    return {"requirements": [requirement]}


def by_data(requirement: RunRequirement) -> dict[str, Any]:
    data = json.loads(json.dumps(requirement.to_dict()))
    for form in (data["user_input_schema"], data["tool_execution"]["user_input_schema"]):
        next(field for field in form if field["name"] == "to")["value"] = "Ann"
    data["tool_execution"]["answered"] = True
    return {"requirements": [data]}


def by_handler(_: RunRequirement) -> dict[str, Any]:
    return {"hitl_handler": lambda requirement: requirement.answer({"to": "Ann"}, by="p")}


@pytest.mark.parametrize("give", [by_values, by_null, by_attribute, by_data, by_handler])
def test_a_field_that_stays_empty_has_the_default_that_was_shown(give: Callable[..., dict[str, Any]]) -> None:
    db = InMemoryDatabase()
    shown = asked(db, form_tool(int, 1))
    assert shown.tool_execution.defaulted == ["value"]
    later = form_tool(int, 14)
    # As a process of the later deployment finds it.
    go_on(db, shown, later, hitl_handler=lambda _: None, return_output=True)
    options = give(db.requirement(shown.id))
    assert go_on(db, shown, later, **options).startswith("done")
    assert ran == [1]
    assert db.requirement(shown.id).tool_execution.tool_args == {"to": "Ann", "value": 1}


def leveled(level: int) -> tuple[Any, Any]:
    class Leveled(BaseModel):
        name: str = "m"
        level: int = Field(default_factory=lambda: level)

    return Leveled, Leveled()


@pytest.mark.parametrize(
    ("before", "after", "runs"),
    [
        ((int | None, 1), (int | None, None), 1),
        ((int, 1), (int,), 1),
        (leveled(1), leveled(9), {"name": "m", "level": 1}),
        ((list[Rate], [Rate(percent=2.5)]), (list[Rate], []), [Rate(percent=2.5)]),
    ],
    ids=["it became None", "it became required", "a default_factory within it", "a list of models"],
)
def test_so_it_has_whatever_became_of_the_default(before: Any, after: Any, runs: Any) -> None:
    db = InMemoryDatabase()
    shown = asked(db, form_tool(*before))
    later = form_tool(*after)
    requirement = db.requirement(shown.id)
    requirement.answer({"to": "Ann"}, by="p")
    go_on(db, shown, later, requirements=[requirement], allow_changed_tools=True)
    assert [value.model_dump() if isinstance(value, BaseModel) else value for value in ran] == [runs]


def test_null_that_is_meant_is_no_empty_field() -> None:
    db = InMemoryDatabase()
    shown = asked(db, form_tool(int | None, 1))
    shown.answer({"to": "Ann", "value": None}, by="p")
    shown.commit()
    go_on(db, shown, form_tool(int | None, 14))
    assert ran == [None]


# Defaults within what a person gives


@pytest.mark.parametrize("has_factory", [False, True])
@pytest.mark.parametrize("is_answer", [False, True])
def test_a_nested_default_stays_as_it_was_shown(has_factory: bool, is_answer: bool) -> None:
    def deploy(number: int) -> Any:
        class Options(BaseModel):
            name: str
            level: int = Field(default_factory=lambda: number) if has_factory else number

        return form_tool(Options) if is_answer else tool_with(Options)

    db = InMemoryDatabase()
    requirement = asked(db, deploy(1), **({} if is_answer else {"to": "a", "value": {"name": "m"}}))
    if is_answer:
        requirement.answer({"to": "a", "value": {"name": "Ann"}})
    else:
        requirement.confirm(tool_args={"to": "a", "value": {"name": "Ann"}})
    requirement.commit()
    assert requirement.tool_execution.tool_args["value"] == {"name": "Ann", "level": 1}
    go_on(db, requirement, deploy(9), allow_changed_tools=True)
    assert [value.model_dump() for value in ran] == [{"name": "Ann", "level": 1}]


@pytest.mark.parametrize("shape", ["list", "dict", "required now"])
def test_so_it_does_within_lists_and_where_it_has_become_required(shape: str) -> None:
    def deploy(*number: int) -> Any:
        class Options(BaseModel):
            name: str
            level: int = Field(*number)

        return form_tool({"list": list[Options], "dict": dict[str, Options]}.get(shape, Options))

    given: Any = {"list": [{"name": "Ann"}], "dict": {"a": {"name": "Ann"}}}.get(shape, {"name": "Ann"})
    db = InMemoryDatabase()
    requirement = asked(db, deploy(1))
    requirement.answer({"to": "a", "value": given})
    requirement.commit()
    go_on(db, requirement, deploy() if shape == "required now" else deploy(9), allow_changed_tools=True)
    assert "level=1" in repr(ran[0])


def test_the_answer_that_gives_a_shown_default_and_the_one_that_leaves_it_are_the_same() -> None:
    db = InMemoryDatabase()
    requirement = asked(db, form_tool(int, 1))
    stale = db.requirement(requirement.id)
    requirement.answer({"to": "Ann"}, by="ann")
    requirement.commit()
    stale.answer({"to": "Ann", "value": 1}, by="bob")
    assert stale.commit().decided_by == "ann"


class Connection:
    """An object that is shown by its type."""


class Login(BaseModel):
    user: str = "ann"
    password: SecretStr = SecretStr("s3cret")


@pytest.mark.parametrize(
    ("kind", "was", "now"),
    [
        (Any, Connection(), "<Connection>"),
        (Annotated[Any, AfterValidator(lambda value: value)], Connection(), "<Connection>"),
        (Any, Login(), {"user": "ann", "password": "**********"}),
        (Any, SecretStr("s3cret"), "<SecretStr>"),
    ],
)
@pytest.mark.parametrize("allows", [False, True])
def test_text_that_reads_like_what_stood_for_an_object_is_another_default(
    kind: Any, was: Any, now: Any, allows: bool
) -> None:
    db = InMemoryDatabase()
    requirement = asked(db, tool_with(kind, was), to="a")
    assert requirement.tool_execution.tool_args["value"] == now
    requirement.confirm()
    requirement.commit()
    with pytest.raises(ToolChangedError, match="the default of value was shown as"):
        go_on(db, requirement, tool_with(kind, now), allow_changed_tools=allows)
    assert ran == []


@pytest.mark.parametrize("kind", [str, Any, Annotated[str, AfterValidator(str.upper)]])
def test_such_a_text_that_was_shown_itself_runs(kind: Any) -> None:
    db = InMemoryDatabase()
    requirement = asked(db, tool_with(kind, "<Connection>"), to="a")
    requirement.confirm()
    requirement.commit()
    go_on(db, requirement, tool_with(kind, "<Connection>"))
    assert ran == ["<Connection>"]
