"""What an object takes or holds beside its fields: it is shown, or it counts as not shown in full."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import InitVar
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, PrivateAttr, SecretStr, model_validator

from haltpoint import (
    Agent,
    InMemoryDatabase,
    InvalidResolutionError,
    RunNotCompletedWarning,
    RunRequirement,
    ScriptedModel,
    ToolChangedError,
    tool,
)
from support.replies import wants

ran: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@dataclasses.dataclass
class Pay:
    to: str
    euros: InitVar[int] = 1

    def __post_init__(self, euros: int) -> None:
        self.cents = euros * 100


@dataclasses.dataclass
class Keyed:
    to: str
    key: InitVar[SecretStr]

    def __post_init__(self, key: SecretStr) -> None:
        self.opened = key.get_secret_value() == "k"


@dataclasses.dataclass
class Pays:
    all: list[Pay]
    by_name: dict[str, Pay]


class Kept(BaseModel):
    to: str
    _euros: int = PrivateAttr(0)

    @model_validator(mode="wrap")
    @classmethod
    def keep(cls, value: Any, handler: Callable[[Any], Any]) -> Any:
        made = handler({"to": value["to"]})
        made._euros = value.get("euros", 0)
        return made


@dataclasses.dataclass
class Limited:
    amount: int
    limit: int = dataclasses.field(default=5, compare=False, init=False)


class AllAlike(BaseModel):
    url: str
    _session: Any = PrivateAttr(None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AllAlike)

    __hash__ = None  # type: ignore[assignment]


def paying(kind: Any, read: Callable[[Any], Any], **options: Any) -> Any:
    def pay(p):  # type: ignore[no-untyped-def]
        ran.append(read(p))
        return "paid"

    pay.__annotations__ = {"p": kind, "return": str}
    return tool(requires_confirmation=True, **options)(pay)


def asked(db: InMemoryDatabase, pay: Any, *said: Any) -> tuple[Agent, RunRequirement]:
    replies = [wants("pay", **({} if item is None else {"p": item})) for item in said]
    agent = Agent(ScriptedModel([*replies, "END"]), db=db, tools=[pay])
    return agent, agent.do("Pay.", return_output=True).requirements[0]


def cents(p: Pay) -> int:
    return p.cents


def test_what_an_init_var_takes_is_shown_and_gets_to_the_tool() -> None:
    db = InMemoryDatabase()
    agent, requirement = asked(db, paying(Pay, cents), {"to": "bob", "euros": 3})
    assert requirement.tool_execution.tool_args == {"p": {"to": "bob", "euros": 3}}
    requirement.confirm()
    assert agent.continue_run(run_id=requirement.run_id) == "END"
    assert ran == [300]


def test_the_default_of_an_init_var_is_shown_and_kept() -> None:
    db = InMemoryDatabase()
    _, requirement = asked(db, paying(Pay, cents), {"to": "bob"})
    assert requirement.tool_execution.tool_args == {"p": {"to": "bob", "euros": 1}}
    requirement.confirm()
    requirement.commit()

    @dataclasses.dataclass
    class Later(Pay):
        euros: InitVar[int] = 900

    agent = Agent(ScriptedModel([wants("pay", p={}), "END"]), db=db, tools=[paying(Later, cents)])
    agent.continue_run(run_id=requirement.run_id, allow_changed_tools=True)
    assert ran == [100]


def test_within_lists_and_mappings_they_are_shown_too() -> None:
    db = InMemoryDatabase()
    said = {"all": [{"to": "a", "euros": 2}, {"to": "b"}], "by_name": {"c": {"to": "c", "euros": 4}}}
    _, requirement = asked(db, paying(Pays, lambda p: p.all[0].cents), said)
    shown = {
        "all": [{"to": "a", "euros": 2}, {"to": "b", "euros": 1}],
        "by_name": {"c": {"to": "c", "euros": 4}},
    }
    assert requirement.tool_execution.tool_args == {"p": shown}


def test_a_secret_that_an_init_var_takes_stays_hidden() -> None:
    db = InMemoryDatabase()
    agent, requirement = asked(db, paying(Keyed, lambda p: p.opened), {"to": "bob", "key": "k"})
    assert requirement.tool_execution.tool_args == {"p": {"to": "bob", "key": "**********", "opened": "<Keyed.opened>"}}
    requirement.confirm()
    agent.continue_run(run_id=requirement.run_id)
    assert ran == [True]


def test_a_remembered_approval_holds_for_the_same_init_var_alone() -> None:
    db = InMemoryDatabase()
    pay = paying(Pay, cents)
    agent, requirement = asked(db, pay, *({"to": "bob", "euros": euros} for euros in (3, 3, 9999)))
    requirement.confirm(remember="run", remember_args=True)
    with pytest.warns(RunNotCompletedWarning):
        agent.continue_run(run_id=requirement.run_id)
    assert ran == [300, 300]


def test_what_is_kept_in_private_is_not_remembered_by_its_arguments() -> None:
    db = InMemoryDatabase()
    _, requirement = asked(db, paying(Kept, lambda p: p._euros), {"to": "bob", "euros": 3})
    assert requirement.tool_execution.tool_args == {"p": {"to": "bob", "_euros": "<Kept._euros>"}}
    with pytest.raises(InvalidResolutionError, match="'p' is not shown in full"):
        requirement.confirm(remember="run", remember_args=True)


def test_a_private_part_that_comes_of_what_is_shown_is_no_secret() -> None:
    db = InMemoryDatabase()
    _, requirement = asked(db, paying(Kept, lambda p: p._euros), {"to": "bob"})
    assert requirement.tool_execution.tool_args == {"p": {"to": "bob"}}
    requirement.confirm(remember="run", remember_args=True)


def test_others_who_approve_see_the_init_var_that_was_changed() -> None:
    db = InMemoryDatabase()
    agent, requirement = asked(db, paying(Pay, cents, approvals=2), {"to": "bob", "euros": 3})
    requirement.confirm(tool_args={"p": {"to": "bob", "euros": 9999}}, by="ann")
    requirement.commit()
    second = db.requirements()[0]
    assert second.approvals[0]["tool_args"] == {"p": {"to": "bob", "euros": 9999}}
    second.confirm(tool_args={"p": {"to": "bob", "euros": 9999}}, by="bea")
    agent.continue_run(run_id=requirement.run_id, requirements=[second])
    assert ran == [999900]


def test_others_who_approve_can_not_see_what_is_kept_in_private() -> None:
    db = InMemoryDatabase()
    _, requirement = asked(db, paying(Kept, lambda p: p._euros, approvals=2), {"to": "bob", "euros": 3})
    requirement.confirm(tool_args={"p": {"to": "bob", "euros": 9999}}, by="ann")
    with pytest.raises(InvalidResolutionError, match=r"p\._euros: it is shown by its type"):
        requirement.commit()


def limited() -> Limited:
    made = Limited(1)
    made.limit = 500
    return made


def alike() -> AllAlike:
    made = AllAlike(url="u")
    made._session = "LIVE"
    return made


BERLIN = ZoneInfo("Europe/Berlin")
# The default, its type, what is shown of it, and what the tool tells of it.
DEFAULTS: dict[str, tuple[Any, Any, Any, Callable[[Any], Any]]] = {
    "an InitVar": (Pay("bob", euros=30), Pay, {"to": "bob", "euros": "<Pay.euros>", "cents": "<Pay.cents>"}, cents),
    "a changed field": (limited(), Limited, "<Limited>", lambda p: p.limit),
    "a private attribute": (alike(), AllAlike, {"url": "u", "_session": "<AllAlike._session>"}, lambda p: p._session),
    "a zone": (
        datetime(2024, 7, 1, tzinfo=BERLIN),
        datetime,
        "2024-07-01T00:00:00+02:00[Europe/Berlin]",
        lambda p: p.tzinfo,
    ),
    "the second of two times": (time(2, 30, fold=1), time, "02:30:00[fold=1]", lambda p: p.fold),
    "within a dictionary": ({"k": OrderedDict(a=1)}, Any, "<dict>", lambda p: type(p["k"])),
}


def with_default(kind: Any, default: Any, read: Callable[[Any], Any]) -> Any:
    def pay(p=default):  # type: ignore[no-untyped-def]
        ran.append(read(p))
        return "paid"

    pay.__annotations__ = {"p": kind, "return": str}
    return tool(requires_confirmation=True)(pay)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_that_its_form_does_not_hold_is_used_itself(name: str) -> None:
    default, kind, shown, read = DEFAULTS[name]
    db = InMemoryDatabase()
    agent, requirement = asked(db, with_default(kind, default, read), None)
    assert requirement.tool_execution.tool_args == {"p": shown}
    requirement.confirm()
    agent.continue_run(run_id=requirement.run_id)
    assert ran == [read(default)]


def test_a_default_in_another_zone_does_not_run_unseen() -> None:
    db = InMemoryDatabase()
    summer = datetime(2024, 7, 1, tzinfo=BERLIN)
    _, requirement = asked(db, with_default(datetime, summer, repr), None)
    requirement.confirm()
    requirement.commit()
    later = with_default(datetime, summer.astimezone(ZoneInfo("Europe/Paris")), repr)
    with pytest.raises(ToolChangedError, match="the default of p was shown as"):
        Agent(ScriptedModel(["END"]), db=db, tools=[later]).continue_run(run_id=requirement.run_id)
    assert ran == []


WRITTEN: dict[str, tuple[Any, Any, str]] = {
    "a decimal": (Decimal("1.5"), Decimal("2.5"), "1.5"),
    "a day": (date(2024, 1, 1), date(2024, 1, 2), "2024-01-01"),
    "an id": (UUID(int=5), UUID(int=6), "00000000-0000-0000-0000-000000000005"),
    "a path": (Path("a"), Path("b"), "a"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_default_of_any_type_is_shown_as_it_is_written_and_another_one_does_not_run(name: str) -> None:
    default, later, shown = WRITTEN[name]
    db = InMemoryDatabase()
    agent, requirement = asked(db, with_default(Any, default, repr), None)
    assert requirement.tool_execution.tool_args == {"p": shown}
    requirement.confirm()
    requirement.commit()
    changed = Agent(ScriptedModel(["END"]), db=db, tools=[with_default(Any, later, repr)])
    with pytest.raises(ToolChangedError, match="the default of p was shown as"):
        changed.continue_run(run_id=requirement.run_id)
    agent.continue_run(run_id=requirement.run_id)
    assert ran == [repr(default)]
