"""Half of a surrogate pair is refused where it is given, by the name of what holds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    FunctionModel,
    InMemoryDatabase,
    InvalidResolutionError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    Task,
    cancel_run,
    tool,
)
from support.replies import wants

HALF = "x\ud800y"


def agent(**options: Any) -> Agent:
    return Agent(ScriptedModel(["done"]), **options)


def assigned() -> Task[str]:
    task = Task("Work.")
    task.description = HALF
    return task


def named_model() -> FunctionModel:
    model = FunctionModel(lambda request: "done")
    model.name = HALF
    return model


@tool(description=HALF)
def described(number: int) -> str:
    """Do something."""
    return ""


GIVEN: dict[str, Callable[[], object]] = {
    r"Task\(description=\.\.\.\)": lambda: Task(HALF),
    r"Task\(context=\.\.\.\)": lambda: Task("Work.", context=["a", {"b": HALF}]),
    r"Task\.description": lambda: agent().do(assigned()),
    "name": lambda: agent(name=HALF),
    "session_id": lambda: agent(session_id=HALF),
    "user_id": lambda: agent(user_id=HALF),
    "system_prompt": lambda: agent(system_prompt=HALF),
    "role": lambda: agent(role=HALF),
    "goal": lambda: agent(goal=HALF),
    "instructions": lambda: agent(instructions=HALF),
    r"instructions\[1\]": lambda: agent(instructions=["a", HALF]),
    "agent_id_": lambda: agent(agent_id_=HALF),
    "metadata": lambda: agent(metadata={"a": HALF}),
    "model": lambda: Agent(f"openai/{HALF}"),
    "the name of the model": lambda: Agent(named_model()).do("Work."),
    "session_id ": lambda: agent().do("Work.", session_id=HALF),
    "user_id ": lambda: InMemoryDatabase(user_id=HALF),
    "metadata ": lambda: agent().do("Work.", metadata={HALF: 1}),
    "what is said of the tool 'described'": lambda: agent(tools=[described]).do("Work."),
}


@pytest.mark.parametrize("name", GIVEN)
def test_it_is_refused_where_it_is_given(name: str) -> None:
    words = rf"^{name.strip()} can't be stored: .* holds a lone surrogate \(U\+D800 at character \d+\), .*; replace it"
    with pytest.raises(ValueError, match=words) as caught:
        GIVEN[name]()
    assert type(caught.value) is ValueError


def test_a_path_that_holds_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^db_file can't be stored"):
        SqliteDatabase(f"{tmp_path}/{HALF}")


LOOK_UPS: dict[str, Callable[[InMemoryDatabase], object]] = {
    "run": lambda db: db.run(HALF),
    "journal": lambda db: db.journal(HALF),
    "export": lambda db: db.export(HALF),
    "verify": lambda db: db.verify(HALF),
    "audit": lambda db: db.audit(HALF),
    "cancel": lambda db: db.cancel(HALF),
    "requeue": lambda db: db.requeue(HALF),
    "expire_due": lambda db: db.expire_due(HALF),
    "erase": lambda db: db.erase(run_id=HALF),
    "requirements": lambda db: db.requirements(run_id=HALF),
    "cancel_run": lambda db: cancel_run(HALF),
    "continue_run": lambda db: agent(db=db).continue_run(run_id=HALF),
}


@pytest.mark.parametrize("name", LOOK_UPS)
def test_nothing_is_looked_for_by_it(name: str) -> None:
    with InMemoryDatabase() as db, pytest.raises(ValueError, match=r"^run_id can't be found: .* lone surrogate"):
        LOOK_UPS[name](db)


@tool(requires_confirmation=True)
def act(text: str) -> str:
    """Act."""
    return text


DECISIONS: dict[str, Callable[[RunRequirement], None]] = {
    "its note can't be stored": lambda requirement: requirement.reject(HALF),
    r"by of the decision .* must not hold the character U\+D800": lambda requirement: requirement.confirm(by=HALF),
    "the object holds a lone surrogate": lambda requirement: requirement.confirm(tool_args={"text": HALF}),
    "is not what was shown any more": lambda requirement: requirement.confirm(expected_digest=HALF),
}


@pytest.mark.parametrize("words", DECISIONS)
def test_a_decision_that_holds_one_leaves_the_question_open(words: str) -> None:
    db = InMemoryDatabase()
    output = Agent(ScriptedModel([wants("act", text="a")]), db=db, tools=[act]).do("Work.", return_output=True)
    (requirement,) = output.active_requirements

    def decide() -> None:
        DECISIONS[words](requirement)
        requirement.commit()

    with pytest.raises(InvalidResolutionError, match=words):
        decide()
    assert db.run(output.run_id).is_paused
