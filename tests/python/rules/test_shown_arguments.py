"""What a person is shown is what runs: defaults, conversions and validators included, whatever the code is by then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainValidator, SecretStr

from haltpoint import (
    Agent,
    InvalidResolutionError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    ToolChangedError,
    tool,
)
from support.replies import results_in, wants

ran: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


def confirmed_tool(function: Callable[..., Any]) -> Callable[..., Any]:
    return tool(requires_confirmation=True, name="work")(function)


def agent(db: SqliteDatabase, function: Callable[..., Any], arguments: dict[str, Any]) -> Agent:
    last = ScriptedModel([wants("work", **arguments), lambda request: "; ".join(map(str, results_in(request)))])
    return Agent(last, db=db, tools=[function])


def asked(db: SqliteDatabase, function: Callable[..., Any], **arguments: Any) -> RunRequirement:
    output = agent(db, function, arguments).do("Work.", return_output=True)
    (requirement,) = output.active_requirements
    return requirement


def run_on(db: SqliteDatabase, requirement: RunRequirement, function: Callable[..., Any], **options: Any) -> Any:
    assert requirement.run_id is not None
    return agent(db, function, {}).continue_run(run_id=requirement.run_id, **options)


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


class Limits(BaseModel):
    euros: int = 5
    until: date | None = None


@dataclass
class Place:
    city: str = "Lisbon"


# Each default, what is shown of it, and what a later deployment has in its place.
DEFAULTS: dict[str, tuple[Any, Any, Any, Any]] = {
    "text": (str, "ann", "ann", "eve"),
    "int": (int, 5, 5, 5000),
    "none": (str | None, None, None, "eve"),
    "list": (list[int], [1, 2], [1, 2], [9]),
    "decimal": (Decimal, Decimal("5.10"), "5.10", Decimal(5000)),
    "date": (date, date(2024, 2, 29), "2024-02-29", date(2030, 1, 1)),
    "duration": (timedelta, timedelta(hours=1), "PT1H", timedelta(days=9)),
    "path": (Path, Path("/srv/a"), "/srv/a", Path("/etc")),
    "uuid": (UUID, UUID(int=1), str(UUID(int=1)), UUID(int=2)),
    "enum": (Mode, Mode.FAST, "fast", Mode.SLOW),
    "model": (Limits, Limits(), {"euros": 5, "until": None}, Limits(euros=9)),
    "dataclass": (Place, Place(), {"city": "Lisbon"}, Place("Madrid")),
    "set": (set[str], {"b", "a"}, ["a", "b"], {"c"}),
}


def with_default(kind: Any, default: Any) -> Callable[..., Any]:
    def work(charge: str, value=default) -> str:  # type: ignore[no-untyped-def]
        ran.append((charge, value))
        return "done"

    work.__annotations__ = {"charge": str, "value": kind, "return": str}
    return confirmed_tool(work)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_shown_and_runs_as_it_was_shown(db: SqliteDatabase, name: str) -> None:
    kind, default, shown, later = DEFAULTS[name]
    requirement = asked(db, with_default(kind, default), charge="c")
    execution = requirement.tool_execution
    assert execution.tool_args == {"charge": "c", "value": shown}
    assert execution.defaulted == ["value"]
    assert execution.original_tool_args == {"charge": "c"}
    assert execution.changed_by_person is False
    requirement.confirm(by="ann")
    requirement.commit()
    run_on(db, requirement, with_default(kind, later))
    assert ran == [("c", default)]


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_runs_as_it_was_shown_where_the_rest_of_the_tool_may_change(db: SqliteDatabase, name: str) -> None:
    kind, default, _, later = DEFAULTS[name]
    requirement = asked(db, with_default(kind, default), charge="c")
    requirement.confirm(by="ann")
    requirement.commit()
    run_on(db, requirement, with_default(kind, later), allow_changed_tools=True)
    assert ran == [("c", default)]


class Connection:
    def __init__(self, host: str) -> None:
        self.host = host


class Other(Connection):
    pass


def with_object(default: Any) -> Callable[..., Any]:
    def work(charge: str, connection: Any = default) -> str:
        ran.append(connection)
        return "done"

    return confirmed_tool(work)


def test_a_default_without_a_json_form_is_shown_by_its_type(db: SqliteDatabase) -> None:
    requirement = asked(db, with_object(Connection("db-1")), charge="c")
    assert requirement.tool_execution.tool_args == {"charge": "c", "connection": "<Connection>"}
    requirement.confirm()
    requirement.commit()
    with pytest.raises(ToolChangedError, match='connection was shown as "<Connection>" and would be "<Other>"'):
        run_on(db, requirement, with_object(Other("db-1")))
    assert ran == []
    later = Connection("db-2")
    run_on(db, requirement, with_object(later))
    assert ran == [later]


def clamped(most: int) -> Any:
    return Annotated[int, AfterValidator(lambda value: min(value, most))]


def with_type(kind: Any) -> Callable[..., Any]:
    def work(value) -> str:  # type: ignore[no-untyped-def]
        ran.append(value)
        return "done"

    work.__annotations__ = {"value": kind, "return": str}
    return confirmed_tool(work)


def nested(default: Callable[[], str]) -> Any:
    class Order(BaseModel):
        euros: int
        to: str = Field(default_factory=default)

    return Order


class Padded(BaseModel):
    euros: int
    total: int = 0

    def model_post_init(self, context: Any) -> None:
        self.total += self.euros


CHANGES: dict[str, tuple[Any, Any, Any]] = {
    "a clamp": (clamped(100), 500, 100),
    "a factor": (Annotated[int, AfterValidator(lambda value: value * 100)], 5, 500),
    "a factor before": (Annotated[int, BeforeValidator(lambda value: int(value) * 100)], 5, 500),
    "a conversion": (int, "5", 5),
    "a date": (date, "2024-02-29", "2024-02-29"),
    "a strip": (Annotated[str, AfterValidator(str.strip)], " ann ", "ann"),
    "a field": (Padded, {"euros": 5}, {"euros": 5, "total": 5}),
    "a nested default": (nested(lambda: "ann"), {"euros": 5}, {"euros": 5, "to": "ann"}),
    "a new id": (nested(lambda: "any"), {"euros": 5, "to": "x"}, {"euros": 5, "to": "x"}),
    "a secret": (SecretStr, "abc", "**********"),
}


def plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else str(value) if isinstance(value, date) else value


@pytest.mark.parametrize("name", CHANGES)
def test_the_approver_sees_what_validation_makes_of_a_value(db: SqliteDatabase, name: str) -> None:
    kind, said, shown = CHANGES[name]
    requirement = asked(db, with_type(kind), value=said)
    assert requirement.tool_execution.tool_args == {"value": shown}
    assert requirement.tool_execution.original_tool_args == {"value": said}
    requirement.confirm()
    run_on(db, requirement, with_type(kind))
    (got,) = ran
    assert got.get_secret_value() == "abc" if isinstance(got, SecretStr) else plain(got) == shown


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (clamped(100), clamped(50), 500),
        (clamped(100), clamped(1000), 500),
        (Annotated[int, AfterValidator(lambda value: value)], Annotated[int, AfterValidator(lambda value: -value)], 5),
    ],
)
def test_a_validator_that_changed_since_keeps_the_call_from_running(
    db: SqliteDatabase, before: Any, after: Any, said: Any
) -> None:
    requirement = asked(db, with_type(before), value=said)
    requirement.confirm(by="ann")
    requirement.commit()
    with pytest.raises(ToolChangedError, match="value was shown as") as caught:
        run_on(db, requirement, with_type(after))
    assert caught.value.run_id == requirement.run_id
    assert ran == []
    assert requirement.run_id is not None
    assert db.run(requirement.run_id).is_paused
    run_on(db, requirement, with_type(after), allow_changed_tools=True)
    assert len(ran) == 1


def test_a_nested_default_that_changed_since_never_reaches_the_tool(db: SqliteDatabase) -> None:
    requirement = asked(db, with_type(nested(lambda: "ann")), value={"euros": 5})
    requirement.confirm()
    requirement.commit()
    run_on(db, requirement, with_type(nested(lambda: "eve")))
    assert [order.to for order in ran] == ["ann"]


def test_what_is_made_up_for_each_call_is_made_up_once(db: SqliteDatabase) -> None:
    requirement = asked(db, with_type(nested(lambda: str(uuid4()))), value={"euros": 5})
    shown = requirement.tool_execution.tool_args["value"]
    requirement.confirm()
    run_on(db, requirement, with_type(nested(lambda: str(uuid4()))))
    assert [order.model_dump() for order in ran] == [shown]


# Edits


def pay(charge: str, euros: Decimal = Decimal(5), to: str = "Ann") -> str:
    ran.append((charge, euros, to))
    return "done"


def test_an_edit_without_a_defaulted_argument_keeps_the_value_that_was_shown(db: SqliteDatabase) -> None:
    requirement = asked(db, confirmed_tool(pay), charge="c")
    requirement.confirm(tool_args={"charge": "d"})
    run_on(db, requirement, confirmed_tool(pay))
    assert ran == [("d", Decimal(5), "Ann")]


def test_an_edit_that_changes_nothing_is_a_plain_confirmation(db: SqliteDatabase) -> None:
    requirement = asked(db, confirmed_tool(pay), charge="c")
    requirement.confirm(tool_args={"charge": "c", "to": "Ann"})
    requirement.commit()
    assert requirement.decision == {"type": "confirm"}
    assert requirement.tool_execution.changed_by_person is False


def test_after_an_edit_what_will_run_is_shown(db: SqliteDatabase) -> None:
    requirement = asked(db, with_type(clamped(100)), value=7)
    requirement.confirm(tool_args={"value": 500}, by="ann")
    requirement.commit()
    execution = requirement.tool_execution
    assert execution.tool_args == {"value": 100}
    assert execution.original_tool_args == {"value": 7}
    assert execution.changed_by_person is True
    stored = db.requirements(open_only=False)[0].tool_execution
    assert (stored.tool_args, stored.original_tool_args, stored.changed_by_person) == (
        {"value": 100},
        {"value": 7},
        True,
    )
    run_on(db, requirement, with_type(clamped(100)))
    assert ran == [100]


@pytest.mark.parametrize(
    ("kind", "said"),
    [(int, "5"), (bool, "yes"), (date, "2024-02-29"), (Limits, {"euros": "7"}), (list[int], ["1"]), (SecretStr, "abc")],
)
def test_what_was_not_changed_passes_as_it_was_accepted(db: SqliteDatabase, kind: Any, said: Any) -> None:
    def work(value, to: str) -> str:  # type: ignore[no-untyped-def]
        ran.append((value, to))
        return "done"

    work.__annotations__ = {"value": kind, "to": str, "return": str}
    requirement = asked(db, confirmed_tool(work), value=said, to="Bob")
    requirement.confirm(tool_args={**requirement.tool_execution.tool_args, "to": "Ann"})
    run_on(db, requirement, confirmed_tool(work))
    assert [to for _, to in ran] == ["Ann"]
    if kind is SecretStr:
        assert ran[0][0].get_secret_value() == "abc"


def test_what_was_changed_is_checked(db: SqliteDatabase) -> None:
    requirement = asked(db, confirmed_tool(pay), charge="c", to="Bob")
    for wrong in ({"charge": "c", "to": 5}, {"to": "Ann"}):
        requirement.confirm(tool_args=wrong)
        with pytest.raises(InvalidResolutionError):
            run_on(db, requirement, confirmed_tool(pay))
    with pytest.raises(InvalidResolutionError, match="more: there is no such argument"):
        requirement.confirm(tool_args={"charge": "c", "to": "Bob", "more": 1})
    assert ran == []
    requirement.confirm()
    run_on(db, requirement, confirmed_tool(pay))
    assert ran == [("c", Decimal(5), "Bob")]


# Remembered approvals


def test_an_approval_with_arguments_is_remembered_for_what_was_shown(db: SqliteDatabase) -> None:
    def deploy(default: Decimal) -> Callable[..., Any]:
        return with_default(Decimal, default)

    def work_agent(function: Callable[..., Any]) -> Agent:
        replies = [wants("work", charge="c"), "done"]
        return Agent(ScriptedModel(replies), db=db, tools=[function], session_id="s")

    first = work_agent(deploy(Decimal(5))).do("Work.", return_output=True)
    first.active_requirements[0].confirm(remember="session", remember_args=True)
    work_agent(deploy(Decimal(5))).continue_run(run_id=first.run_id)
    assert work_agent(deploy(Decimal(5))).do("Again.", return_output=True).is_complete
    assert work_agent(deploy(Decimal(5000))).do("Again.", return_output=True).is_paused
    assert ran == [("c", Decimal(5)), ("c", Decimal(5))]


# The other kinds


def test_an_external_call_shows_its_defaults(db: SqliteDatabase) -> None:
    @tool(external_execution=True, name="work")
    def work(query: str, most: int = 10) -> str:
        raise NotImplementedError

    requirement = asked(db, work, query="q")
    assert requirement.tool_execution.tool_args == {"query": "q", "most": 10}


def test_an_answer_replaces_the_guess_and_defaults_stay_as_shown(db: SqliteDatabase) -> None:
    def deploy(default: Decimal) -> Callable[..., Any]:
        @tool(requires_user_input=True, user_input_fields=["to"], name="work")
        def work(to: str, euros: Decimal = default) -> str:
            ran.append((to, euros))
            return "done"

        return work

    requirement = asked(db, deploy(Decimal(5)), to="guess")
    assert requirement.tool_execution.tool_args == {"euros": "5"}
    requirement.answer({"to": "Ann"})
    requirement.commit()
    run_on(db, requirement, deploy(Decimal(5000)))
    assert ran == [("Ann", Decimal(5))]
    assert requirement.run_id is not None
    execution = db.run(requirement.run_id).tools[0]
    assert (execution.tool_args, execution.original_tool_args) == ({"to": "Ann", "euros": "5"}, {"to": "guess"})
    assert execution.changed_by_person is True


def test_a_call_that_asks_no_person_shows_what_the_model_said(db: SqliteDatabase) -> None:
    def quick(charge: str, euros: Decimal = Decimal(5)) -> str:
        return "done"

    output = agent(db, tool(name="work")(quick), {"charge": "c"}).do("Work.", return_output=True)
    execution = output.tools[0]
    assert (execution.tool_args, execution.original_tool_args) == ({"charge": "c"}, {"charge": "c"})


class Rate(BaseModel):
    percent: int
    name: str = "usual"


@pytest.mark.parametrize(
    ("kind", "answer", "shown"),
    [
        (Annotated[int, AfterValidator(lambda euros: min(euros, 100))], 900, 100),
        (list[int], ["1", 2], [1, 2]),
        (Rate, {"percent": 5}, {"percent": 5, "name": "usual"}),
        (Mode, "fast", "fast"),
    ],
)
def test_what_the_tool_gets_for_an_answer_is_shown_once_it_is_committed(
    db: SqliteDatabase, kind: Any, answer: Any, shown: Any
) -> None:
    def work(order: str, value: Any) -> str:
        ran.append(value)
        return "done"

    work.__annotations__["value"] = kind
    function = tool(requires_user_input=True, user_input_fields=["value"], name="work")(work)
    asked(db, function, order="A-1")
    (requirement,) = db.requirements()
    requirement.answer({"value": answer}, by="ann")
    requirement.commit()

    assert requirement.tool_execution.tool_args == {"order": "A-1", "value": shown}
    committed = db.requirement(requirement.id)
    assert committed.tool_execution.tool_args == {"order": "A-1", "value": shown}
    run_on(db, committed, function)
    (got,) = ran
    assert (got.value if isinstance(got, Mode) else plain(got)) == shown


MADE: dict[str, Any] = {}


def _made(_: str) -> Any:
    return MADE["value"]


@pytest.mark.parametrize(
    ("shown", "made"),
    [
        ("007", 7),
        (7, "007"),
        (1, "1"),
        ("1e5", 100000),
        (" 1", 1),
        (1.5, "1.50"),
        (1, Decimal("1.00")),
        ([1], ["1"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": "1"}]}),
        ("12345678901234567890", 12345678901234567890),
        (10**30, 1e30),
        (1, True),
    ],
)
def test_a_number_in_the_place_of_text_is_another_value(db: SqliteDatabase, shown: Any, made: Any) -> None:
    @confirmed_tool
    def work(value: Annotated[Any, PlainValidator(_made, json_schema_input_type=str)]) -> None:
        """Work."""
        ran.append(value)

    MADE["value"] = shown
    requirement = asked(db, work, value="in")
    requirement.confirm()
    MADE["value"] = made
    with pytest.raises(ToolChangedError, match="value was shown as"):
        run_on(db, requirement, work)
    assert ran == []


@pytest.mark.parametrize(("shown", "made"), [(1, 1.0), (10**30, 10**30), ({"a": 0.5}, {"a": 0.5}), ("1.0", "1.0")])
def test_the_same_value_runs(db: SqliteDatabase, shown: Any, made: Any) -> None:
    @confirmed_tool
    def work(value: Annotated[Any, PlainValidator(_made, json_schema_input_type=str)]) -> None:
        """Work."""
        ran.append(value)

    MADE["value"] = shown
    requirement = asked(db, work, value="in")
    requirement.confirm()
    MADE["value"] = made
    run_on(db, requirement, work)
    assert [made] == ran
