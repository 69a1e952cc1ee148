"""A second answer to a form is the same one, or a conflict: also one with fewer fields, or with others of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from haltpoint import (
    Agent,
    InvalidResolutionError,
    RequirementConflictError,
    RunRequirement,
    ScriptedModel,
    tool,
)
from haltpoint.db.database import Database
from support.databases import opened
from support.replies import results_in, wants

ANN = {"b": "q", "lim": 3}


@tool(requires_user_input=True, user_input_fields=["lim", "b"])
def f(x: int, b: str, lim: int | None = 50) -> str:
    """Cap."""
    return f"{x} {b} {lim}"


@tool(requires_user_input=True, user_input_fields=["euros"])
def pay(euros: Annotated[int, AfterValidator(lambda value: min(value, 100))], flag: bool = True) -> str:
    """Pay."""
    return f"{euros} {flag}"


@tool(external_execution=True)
def ship(to: str) -> str:
    """Ship."""
    raise NotImplementedError


@pytest.fixture
def db(tmp_path: Any) -> Iterator[Database]:
    """A database."""
    with opened(tmp_path / "runs.db") as database:
        yield database


def asked(db: Database, name: str = "f", **arguments: Any) -> tuple[Agent, RunRequirement]:
    model = ScriptedModel([wants(name, **(arguments or {"x": 1})), lambda request: str(results_in(request)[-1])])
    agent = Agent(model, db=db, tools=[f, pay, ship])
    return agent, agent.do("Work.", return_output=True).active_requirements[0]


def answered(db: Database, values: dict[str, Any], name: str = "f", **arguments: Any) -> tuple[Agent, RunRequirement]:
    """A run whose form Ann has answered, and the requirement as somebody finds it then."""
    agent, requirement = asked(db, name, **arguments)
    requirement.answer(values, by="ann")
    requirement.commit()
    return agent, db.requirement(requirement.id)


OTHERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (ANN, {}),
    (ANN, {"b": "q"}),
    (ANN, {"lim": 3}),
    (ANN, {"b": "q", "lim": None}),
    (ANN, {"b": "q", "lim": 50}),
    (ANN, {"b": "q", "lim": "many"}),
    (ANN, {"x": 2}),
    (ANN, {**ANN, "x": 2}),
    ({**ANN, "x": 2}, ANN),
    ({**ANN, "x": 2}, {**ANN, "x": 1}),
    ({"b": "q"}, {"b": "q", "lim": None}),
    ({"b": "q", "lim": None}, {"b": "q"}),
]
SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (ANN, ANN),
    (ANN, {**ANN, "x": 1}),
    (ANN, {"lim": "3", "b": "q", "x": "1"}),
    ({**ANN, "x": 1}, ANN),
    ({**ANN, "x": 2}, {**ANN, "x": 2}),
    ({"b": "q"}, {"b": "q"}),
    ({"b": "q"}, {"b": "q", "lim": 50}),
    ({"b": "q", "lim": None}, {"b": "q", "lim": None}),
]


@pytest.mark.parametrize(("first", "second"), OTHERS)
def test_another_answer_is_a_conflict_and_leaves_the_first(
    db: Database, first: dict[str, Any], second: dict[str, Any]
) -> None:
    agent, found = answered(db, first)
    before = found.to_dict()
    with pytest.raises(RequirementConflictError, match="by ann"):
        found.answer(second, by="bob")
    assert found.to_dict() == before
    assert agent.continue_run(run_id=str(found.run_id)).startswith(f"{first.get('x', 1)} q ")


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_answer_again_is_harmless(db: Database, first: dict[str, Any], second: dict[str, Any]) -> None:
    agent, found = answered(db, first)
    before = found.to_dict()
    found.answer(second, by="bob")
    assert found.commit().decided_by == "ann"
    assert found.to_dict() == before
    assert agent.continue_run(run_id=str(found.run_id), requirements=[found]).startswith(f"{first.get('x', 1)} q ")


def commit(requirement: RunRequirement, values: dict[str, Any]) -> None:
    requirement.answer(values, by="bob")
    requirement.commit()


@pytest.mark.parametrize(("first", "second"), [*OTHERS, *SAME])
def test_it_is_judged_alike_on_an_object_that_was_read_before(
    db: Database, first: dict[str, Any], second: dict[str, Any]
) -> None:
    _, requirement = asked(db)
    stale = db.requirement(requirement.id)
    requirement.answer(first, by="ann")
    requirement.commit()
    if (first, second) in SAME:
        stale.answer(second, by="bob")
        assert stale.commit().decided_by == "ann"
        return
    with pytest.raises((RequirementConflictError, InvalidResolutionError)):
        commit(stale, second)


def assign(requirement: RunRequirement, name: str, value: Any) -> None:
    for field in requirement.user_input_schema or []:
        if field["name"] == name:
            field["value"] = value


@pytest.mark.parametrize(("name", "value"), [("x", 2), ("x", None), ("lim", None), ("lim", 4), ("b", "z"), ("x", True)])
def test_what_is_assigned_to_a_field_is_held_against_it(db: Database, name: str, value: Any) -> None:
    _, found = answered(db, ANN)
    assign(found, name, value)
    with pytest.raises(RequirementConflictError):
        found.commit()


@pytest.mark.parametrize(("name", "value"), [("x", 2), ("x", None), ("lim", None), ("lim", 4), ("b", "z")])
def test_so_it_is_in_data(db: Database, name: str, value: Any) -> None:
    agent, found = answered(db, ANN)
    data = found.to_dict()
    for form in (data["user_input_schema"], data["tool_execution"]["user_input_schema"]):
        next(field for field in form if field["name"] == name)["value"] = value
    with pytest.raises(RequirementConflictError):
        agent.continue_run(run_id=str(found.run_id), requirements=[data])
    assert agent.continue_run(run_id=str(found.run_id), requirements=[found.to_dict()]) == "1 q 3"


def test_what_the_tool_makes_of_an_answer_is_the_same_answer(db: Database) -> None:
    _, found = answered(db, {"euros": 500}, "pay", flag=True)
    found.answer({"euros": 100})
    found.answer({"euros": 500})
    with pytest.raises(RequirementConflictError):
        found.answer({"euros": 50})
    with pytest.raises(RequirementConflictError):
        found.answer({"euros": 500, "flag": False})


def test_a_result_in_data_is_held_against_the_one_on_disk(db: Database) -> None:
    agent, requirement = asked(db, "ship", to="Oslo")
    requirement.set_external_execution_result({"sent": 1}, by="ann")
    requirement.commit()
    found = db.requirement(requirement.id)
    found.tool_execution.result = {"sent": 1}
    found.commit()
    data = {**found.to_dict(), "tool_execution": {**found.tool_execution.to_dict(), "result": "lost"}}
    with pytest.raises(RequirementConflictError):
        agent.continue_run(run_id=str(found.run_id), requirements=[data])


DECISIONS: list[dict[str, Any]] = [
    {"type": "input", "values": ANN},
    {"type": "input", "values": {}},
    {"type": "confirm"},
]


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("beside", [{}, {"confirmation": False}, {"decided_by": "boss"}])
def test_data_of_an_open_requirement_has_no_decision(
    db: Database, decision: dict[str, Any], beside: dict[str, Any]
) -> None:
    agent, requirement = asked(db)
    data = {**requirement.to_dict(), "decision": decision, **beside}
    with pytest.raises(InvalidResolutionError, match="user_input_schema, tool_execution and the drafts") as caught:
        agent.continue_run(run_id=str(requirement.run_id), requirements=[data])
    assert caught.value.field_name == "decision"
    assert db.requirement(requirement.id).decision is None


def test_a_decision_is_not_assigned(db: Database) -> None:
    _, requirement = asked(db)
    assigned: Any = requirement
    with pytest.raises(AttributeError, match="call answer"):
        assigned.decision = {"type": "input", "values": ANN}
    assert not requirement.is_resolved
