"""A secret that a person puts into a call: others agree to it as they see it, and no view of the decision holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, SecretStr

from haltpoint import Agent, RequirementConflictError, RunRequirement, ScriptedModel, SqliteDatabase, tool
from haltpoint.run.approvals import approved_arguments
from support.replies import results_in, wants

MASK = "**********"


@tool(requires_confirmation=True, approvals=2, name="enter")
def enter_together(user: str, password: SecretStr, most: Annotated[int, AfterValidator(lambda it: min(it, 9))]) -> str:
    """Enter."""
    return f"{user} {password.get_secret_value()} {most}"


@tool(requires_confirmation=True, name="enter")
def enter(user: str, password: SecretStr, most: int) -> str:
    """Enter."""
    return f"{user} {password.get_secret_value()} {most}"


SAID = {"user": "x", "password": "first", "most": 9}


def _agent(db: SqliteDatabase, function: Any) -> Agent:
    script = [wants("enter", **SAID), lambda request: str(results_in(request)[-1])]
    return Agent(ScriptedModel(script), db=db, tools=[function])


@pytest.fixture
def asked(db: SqliteDatabase) -> Iterator[RunRequirement]:
    """A call that ann approved with another secret, which is shown as the first one was."""
    requirement = _agent(db, enter_together).do("Work.", return_output=True).active_requirements[0]
    requirement.confirm(tool_args={**SAID, "password": "second"}, by="ann")
    requirement.commit()
    return db.requirements()[0]


def _ran(db: SqliteDatabase, requirement: RunRequirement, function: Any = enter_together, **options: Any) -> str:
    assert requirement.run_id is not None
    return str(_agent(db, function).continue_run(run_id=requirement.run_id, **options)).rpartition("\n\n")[2]


def _views(db: SqliteDatabase, requirement: RunRequirement) -> str:
    assert requirement.run_id is not None
    run, records = db.run(requirement.run_id), db.audit(requirement.run_id)
    found = db.requirement(requirement.id)
    return json.dumps(
        [found.to_dict(), [item.to_dict() for item in run.requirements], [it.to_dict() for it in records]]
    )


def test_what_the_next_person_sees_is_what_they_agree_to(db: SqliteDatabase, asked: RunRequirement) -> None:
    assert asked.approvals[0]["tool_args"] == {"user": "x", "password": MASK, "most": 9}
    asked.confirm(tool_args=asked.approvals[0]["tool_args"], by="bob")
    asked.commit()
    assert asked.decision is not None
    assert _ran(db, asked) == "x second 9"


def test_a_page_agrees_to_what_was_approved(db: SqliteDatabase, asked: RunRequirement) -> None:
    assert approved_arguments(asked) == asked.approvals[0]["tool_args"]
    asked.confirm(tool_args=approved_arguments(asked), by="bob")
    assert _ran(db, asked) == "x second 9"


def test_what_the_model_asked_for_is_not_what_was_approved(db: SqliteDatabase, asked: RunRequirement) -> None:
    asked.confirm(by="bob")
    with pytest.raises(RequirementConflictError, match="confirm the same"):
        asked.commit()
    asked.confirm(tool_args={**SAID, "password": "second"}, by="bob")
    assert _ran(db, asked) == "x second 9"


def test_an_approval_travels_as_data(db: SqliteDatabase, asked: RunRequirement) -> None:
    asked.confirm(tool_args=asked.approvals[0]["tool_args"], by="bob")
    data = json.loads(json.dumps(asked.to_dict()))
    assert _ran(db, asked, requirements=[data]) == "x second 9"
    # What is decided is passed once more.
    decided = json.loads(json.dumps(db.requirements(open_only=False)[0].to_dict()))
    assert _ran(db, asked, requirements=[decided]) == "x second 9"


def test_no_view_shows_the_secret_and_the_journal_keeps_it(db: SqliteDatabase, asked: RunRequirement) -> None:
    assert "second" not in _views(db, asked)
    asked.confirm(tool_args=asked.approvals[0]["tool_args"], by="bob")
    asked.commit()
    assert "second" not in _views(db, asked) and "second" not in json.dumps(asked.to_dict())
    assert asked.run_id is not None
    assert "second" in json.dumps(db.journal(asked.run_id))
    shown = db.requirement(asked.id).to_dict()
    assert (
        shown["decision"]["tool_args"] == shown["approvals"][0]["decision"]["tool_args"] == {**SAID, "password": MASK}
    )


def test_a_decision_of_one_person_shows_no_secret(db_file: Path) -> None:
    with SqliteDatabase(db_file) as db:
        requirement = _agent(db, enter).do("Work.", return_output=True).active_requirements[0]
        requirement.confirm(tool_args={**SAID, "password": "second", "most": 3}, by="ann")
        requirement.commit()
        assert "second" not in _views(db, requirement)
        data = json.loads(json.dumps(db.requirement(requirement.id).to_dict()))
        assert data["decision"]["tool_args"] == {"user": "x", "password": MASK, "most": 3}
        # Who says it again is not refused.
        again = db.requirement(requirement.id)
        again.confirm(tool_args={**SAID, "password": "second", "most": 3}, by="ann")
        again.commit()
        assert _ran(db, requirement, enter, requirements=[data]) == "x second 3"


def test_what_is_shown_as_it_was_and_was_changed_is_agreed_to(db: SqliteDatabase) -> None:
    requirement = _agent(db, enter_together).do("Work.", return_output=True).active_requirements[0]
    requirement.confirm(tool_args={**SAID, "password": MASK, "most": 500}, by="ann")
    requirement.commit()
    (asked,) = db.requirements()
    assert asked.approvals[0]["tool_args"] == asked.tool_execution.tool_args
    asked.confirm(tool_args=approved_arguments(asked), by="bob")
    assert _ran(db, asked) == "x first 9"
