"""What is said twice and differs, or said where nobody reads it, is refused, and the run stays as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from haltpoint import (
    Agent,
    InvalidResolutionError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    ToolResultError,
    tool,
)
from support.replies import results_in, wants

OTHER = "0" * 64


@tool(requires_confirmation=True)
def delete(what: str, force: bool = False) -> str:
    """Delete."""
    return f"deleted {what}"


@tool(external_execution=True)
def ship(what: str) -> str:
    """Ship."""
    raise NotImplementedError


@tool(requires_user_input=True, user_input_fields=["color"])
def paint(color: str) -> str:
    """Paint."""
    return color


def agent_for(db: SqliteDatabase, name: str, **options: Any) -> Agent[Any]:
    arguments = {} if name == "paint" else {"what": "tmp"}
    model = ScriptedModel([wants(name, **arguments), lambda request: str(results_in(request)[-1])])
    return Agent(model, db=db, tools=[delete, ship, paint], **options)


def asked(db: SqliteDatabase, name: str) -> tuple[Agent[Any], RunRequirement]:
    agent = agent_for(db, name)
    return agent, agent.do("Work.", return_output=True).active_requirements[0]


# Results


def sets(value: object, returned: object) -> Callable[[RunRequirement], object]:
    def handle(requirement: RunRequirement) -> object:
        requirement.set_external_execution_result(value)
        return returned

    return handle


def sets_async(value: object, returned: object) -> Callable[[RunRequirement], object]:
    async def handle(requirement: RunRequirement) -> object:
        requirement.tool_execution.result = value
        return returned

    return handle


@pytest.mark.parametrize("make", [sets, sets_async])
@pytest.mark.parametrize("handler", ["external_tool_executor", "hitl_handler"])
@pytest.mark.parametrize("returned", ["B", {"a": 2}, 0, "", object()])
def test_another_result_than_the_one_that_was_set_is_refused(
    db: SqliteDatabase, make: Any, handler: str, returned: object
) -> None:
    agent, requirement = asked(db, "ship")
    with pytest.raises((InvalidResolutionError, ToolResultError)):
        agent.continue_run(run_id=str(requirement.run_id), **{handler: make({"a": 1}, returned)})
    assert db.requirement(requirement.id).decision is None
    assert agent.continue_run(run_id=str(requirement.run_id), external_tool_executor=lambda _: "C") == "C"


@pytest.mark.parametrize("make", [sets, sets_async])
@pytest.mark.parametrize("handler", ["external_tool_executor", "hitl_handler"])
@pytest.mark.parametrize("returned", [None, {"a": 1}, '{"a":1}'])
def test_the_same_result_is_fine(db: SqliteDatabase, make: Any, handler: str, returned: object) -> None:
    agent, requirement = asked(db, "ship")
    handlers: Any = {handler: make({"a": 1}, returned)}
    assert agent.continue_run(run_id=str(requirement.run_id), **handlers) == '{"a":1}'


# Generators


def yields(requirement: RunRequirement) -> Iterator[None]:
    yield requirement.confirm()


async def yields_async(requirement: RunRequirement) -> AsyncIterator[None]:
    yield requirement.confirm()


class Yields:
    def __call__(self, requirement: RunRequirement) -> Iterator[None]:
        yield requirement.confirm()


@pytest.mark.parametrize("function", [yields, yields_async, Yields()])
@pytest.mark.parametrize("name", ["hitl_handler", "external_tool_executor"])
def test_a_generator_is_no_handler(db: SqliteDatabase, name: str, function: Any) -> None:
    agent, _ = asked(db, "delete")
    with pytest.raises(TypeError, match=f"{name} must be a plain or async function"):
        agent.do("Work.", **{name: function})

    def returns(requirement: RunRequirement) -> object:
        return function(requirement)

    returning: Any = {name: returns}
    with pytest.raises(TypeError, match="without yield"):
        agent_for(db, "delete" if name == "hitl_handler" else "ship").do("Work.", **returning)
    assert len(db.requirements()) == 2


@pytest.mark.parametrize("function", [yields, yields_async, Yields()])
def test_nor_is_it_a_listener_or_a_rule(db: SqliteDatabase, function: Any) -> None:
    for name in ("on_pause", "on_event"):
        with pytest.raises(TypeError, match=f"{name} must be a plain or async function"):
            agent_for(db, "delete", **{name: function})
    for option in ("requires_confirmation", "reconcile"):
        with pytest.raises(TypeError, match=f"{option} must be a plain or async function"):
            tool(**{option: function})


# What can be refused at once


DECIDE: dict[str, tuple[str, Callable[..., None]]] = {
    "confirm": ("delete", lambda item, **said: item.confirm(**said)),
    "changed": ("delete", lambda item, **said: item.confirm(tool_args={"what": "x", "force": True}, **said)),
    "reject": ("delete", lambda item, **said: item.reject("no", **said)),
    "answer": ("paint", lambda item, **said: item.answer({"color": "red"}, **said)),
    "result": ("ship", lambda item, **said: item.set_external_execution_result("sent", **said)),
}


@pytest.mark.parametrize("how", DECIDE)
def test_another_digest_is_refused_at_once(db: SqliteDatabase, how: str) -> None:
    name, decide = DECIDE[how]
    agent, requirement = asked(db, name)
    for item in (requirement, db.requirement(requirement.id)):
        with pytest.raises(InvalidResolutionError, match="not what was shown any more") as caught:
            decide(item, expected_digest=OTHER)
        assert caught.value.field_name == "expected_digest"
        assert not item.is_resolved
    assert agent.continue_run(run_id=str(requirement.run_id), return_output=True, hitl_handler=print).is_paused
    decide(requirement, expected_digest=requirement.digest)
    requirement.commit()


def test_an_argument_that_there_is_not_is_refused_at_once(db: SqliteDatabase) -> None:
    _, requirement = asked(db, "delete")
    for item in (requirement, db.requirement(requirement.id)):
        with pytest.raises(InvalidResolutionError, match="zz: there is no such argument") as caught:
            item.confirm(tool_args={"what": "x", "zz": 1})
        assert caught.value.field_name == "zz"
        assert not item.is_resolved


# A form where none is asked for


FORMS: dict[str, Any] = {
    "user_input_schema": [{"name": "what", "value": "other"}],
    "open_fields": ["what"],
    "emptied_fields": ["what"],
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("asking", ["delete", "ship"])
def test_a_form_beside_another_decision_is_refused(db: SqliteDatabase, name: str, asking: str) -> None:
    agent, requirement = asked(db, asking)
    data = {**requirement.to_dict(), name: FORMS[name]}
    said = {"result": "sent"} if asking == "ship" else {"confirmed": True}
    data["tool_execution"] = {**data["tool_execution"], **said}
    with pytest.raises(InvalidResolutionError, match="is no part of the decision") as caught:
        agent.continue_run(run_id=str(requirement.run_id), requirements=[data])
    assert caught.value.field_name == name
    assert db.requirement(requirement.id).decision is None


@pytest.mark.parametrize("asking", ["delete", "ship"])
def test_so_is_one_that_is_assigned(db: SqliteDatabase, asking: str) -> None:
    _, requirement = asked(db, asking)
    requirement.user_input_schema = [{"name": "what", "value": "other"}]
    DECIDE["confirm" if asking == "delete" else "result"][1](requirement)
    with pytest.raises(InvalidResolutionError, match="is no part of the decision"):
        requirement.commit()
