"""One value, given by answer(), by assignment, or in a dict that never left the process: taken, or refused, alike."""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections import ChainMap, deque
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, tool
from support.replies import wants

got: list[Any] = []


class Address(BaseModel):
    a: int
    note: str = "n"


class Grade(enum.Enum):
    A = "a"


class Named(str):
    def __str__(self) -> str:
        return "another"


@pytest.fixture(autouse=True)
def nothing_got() -> None:
    got.clear()


def asked(kind: Any) -> tuple[Agent, RunRequirement]:
    def ask(x: Any) -> str:
        """Ask."""
        got.append(x)
        return "asked"

    ask.__annotations__["x"] = kind
    tools = [tool(requires_user_input=True, user_input_fields=["x"])(ask)]
    agent = Agent(ScriptedModel([wants("ask"), "END"]), db=InMemoryDatabase(), tools=tools)
    return agent, agent.do("Work.", return_output=True).requirements[0]


def give(way: str, requirement: RunRequirement, value: Any) -> Any:
    """Give a value in one of the ways, and return what is to be handed over."""
    if way == "answer":
        requirement.answer({"x": value})
        return requirement
    if way == "assignment":
        (requirement.user_input_schema or [])[0]["value"] = value
        return requirement
    data = requirement.to_dict()
    data["tool_execution"]["answered"] = True
    for name in ("top", "call") if way == "dict" else (way,):
        form = (data if name == "top" else data["tool_execution"])["user_input_schema"]
        form[0]["value"] = value
    if way == "top":
        data["tool_execution"]["user_input_schema"] = None
    return data


WAYS = ["answer", "assignment", "dict", "top", "call"]

TAKEN: list[tuple[Any, Any, Any]] = [
    (dt.datetime, dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc), dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)),
    (dt.date, dt.date(2024, 2, 29), dt.date(2024, 2, 29)),
    (Decimal, Decimal("1.10"), Decimal("1.10")),
    (int, Decimal(5), 5),
    (str, Grade.A, "a"),
    (Grade, Grade.A, Grade.A),
    (Address, Address(a=1), Address(a=1)),
    (Address, MappingProxyType({"a": 1}), Address(a=1)),
    (Address, ChainMap[str, Any]({"a": 1}, {"note": "z"}), Address(a=1, note="z")),
    (list[int], {1}, [1]),
    (list[int], deque([1, 2]), [1, 2]),
    (dict[str, int], {1: 2}, {"1": 2}),
    (dict[str, int], {Named("k"): 1}, {"k": 1}),
    (list[Address], [Address(a=2)], [Address(a=2)]),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("kind", "value", "meant"), TAKEN, ids=repr)
def test_what_has_a_json_form_is_taken(way: str, kind: Any, value: Any, meant: Any) -> None:
    agent, requirement = asked(kind)
    said = give(way, requirement, value)
    agent.continue_run(run_id=requirement.run_id, requirements=[said])
    assert repr(got) == repr([meant]) or got == [meant]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [object(), b"\xff", iter([1]), float("nan"), range(3)], ids=repr)
def test_what_has_none_is_refused(way: str, value: Any) -> None:
    agent, requirement = asked(Any)
    with pytest.raises(InvalidResolutionError) as caught:
        agent.continue_run(run_id=requirement.run_id, requirements=[give(way, requirement, value)])
    assert caught.value.field_name == "x"
    assert got == []


def test_the_data_of_an_assigned_value_is_json() -> None:
    _, requirement = asked(dt.date)
    give("assignment", requirement, dt.date(2024, 2, 29))
    data = json.loads(json.dumps(requirement.to_dict()))
    assert data["user_input_schema"][0]["value"] == "2024-02-29"
    assert data["tool_execution"]["user_input_schema"][0]["value"] == "2024-02-29"


@tool(requires_confirmation=True)
def book(day: dt.date, guests: list[str]) -> str:
    """Book."""
    got.append((day, guests))
    return "booked"


@pytest.mark.parametrize("way", ["confirm", "dict"])
def test_changed_arguments_are_taken_alike(way: str) -> None:
    agent = Agent(
        ScriptedModel([wants("book", day="2024-01-01", guests=["ann"]), "END"]), db=InMemoryDatabase(), tools=[book]
    )
    requirement = agent.do("Work.", return_output=True).requirements[0]
    changed: Any = {"day": dt.date(2024, 2, 29), "guests": ("bob", Grade.A)}
    said: Any = requirement
    if way == "confirm":
        requirement.confirm(tool_args=changed)
    else:
        requirement.confirm()
        said = {**requirement.to_dict(), "confirmation_draft": {"tool_args": changed}}
    agent.continue_run(run_id=requirement.run_id, requirements=[said])
    assert got == [(dt.date(2024, 2, 29), ["bob", "a"])]
