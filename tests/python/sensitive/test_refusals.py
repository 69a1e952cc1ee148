"""What a refusal says shows no sensitive value: words of a tool's own validators, names within a value, and notes."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel

from haltpoint import (
    Agent,
    InvalidResolutionError,
    RequirementConflictError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    tool,
)
from support.command import COMMAND
from support.replies import wants

CARD = "4000111122223333"
MASK = "[sensitive]"


def _check(card: str) -> str:
    if card.startswith("4000"):
        raise ValueError(f"{card} is a test card")
    return card


def _break(card: str) -> str:
    if card.startswith("4000"):
        raise KeyError(card)
    return card


Card = Annotated[str, AfterValidator(_check)]


@tool(requires_confirmation=True, sensitive=["card"])
def pay(card: Card, euros: int = 1) -> str:
    """Pay."""
    return "paid"


@tool(requires_confirmation=True, sensitive=["card"])
def pay_oddly(card: Annotated[str, AfterValidator(_break)], euros: int = 1) -> str:
    """Pay."""
    return "paid"


@tool(requires_user_input=True, user_input_fields=["card"], sensitive=["card"])
def ask(card: Card) -> str:
    """Ask."""
    return "asked"


class Holder(BaseModel):
    """Who holds a card."""

    name: str
    pins: dict[str, int] = {}


@tool(requires_user_input=True, user_input_fields=["holder"], sensitive=["holder"])
def ask_holder(holder: Holder) -> str:
    """Ask."""
    return "asked"


@tool(requires_confirmation=True, sensitive=["holder"])
def pay_as(holder: Holder) -> str:
    """Pay."""
    return "paid"


TOOLS = [pay, pay_oddly, ask, ask_holder, pay_as]
HOLDER: dict[str, Any] = {"name": "Ann", "pins": {}}


def _paused(db: SqliteDatabase, name: str, **arguments: Any) -> RunRequirement:
    agent = Agent(ScriptedModel([wants(name, **arguments), "done"]), db=db, tools=TOOLS)
    return agent.do("Work.", return_output=True).active_requirements[0]


def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have no tool's code."""

    def unknown(*given: object) -> None:
        """Nothing is known here."""

    for module in ("haltpoint.tools.registry", "haltpoint.resolution.changed_arguments"):
        monkeypatch.setattr(f"{module}.registered_tool", unknown)
    for module in ("haltpoint.run.active_runs", "haltpoint.resolution.changed_arguments"):
        monkeypatch.setattr(f"{module}.known_run", unknown)


def _edited(**arguments: Any) -> Callable[[RunRequirement], None]:
    def decide(requirement: RunRequirement) -> None:
        requirement.confirm(tool_args=arguments)
        requirement.commit()

    return decide


def _answered(**values: Any) -> Callable[[RunRequirement], None]:
    return lambda requirement: requirement.answer(values)


@pytest.mark.parametrize(
    ("name", "decide"),
    [
        ("pay", _edited(card=CARD, euros=1)),
        ("pay_oddly", _edited(card=CARD, euros=1)),
        ("ask", _answered(card=CARD)),
    ],
)
def test_the_words_of_a_validator_show_no_value(
    db: SqliteDatabase, name: str, decide: Callable[[RunRequirement], None]
) -> None:
    requirement = _paused(db, name, **({} if name == "ask" else {"card": "9999"}))
    with pytest.raises(InvalidResolutionError) as caught:
        decide(requirement)
    assert CARD not in "".join(traceback.format_exception(caught.value))
    assert MASK in str(caught.value)
    assert caught.value.field_name == "card"


@pytest.mark.parametrize("has_code", [True, False])
@pytest.mark.parametrize("pins", [{CARD: "x"}, {"alice": "x"}])
@pytest.mark.parametrize("tool_name", ["ask_holder", "pay_as"])
def test_names_within_a_value_are_values(
    db: SqliteDatabase, has_code: bool, pins: dict[str, Any], tool_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirement = _paused(db, tool_name, **({} if tool_name == "ask_holder" else {"holder": HOLDER}))
    if not has_code:
        _unknown(monkeypatch)
        requirement = db.requirement(requirement.id)
    decide = _answered if tool_name == "ask_holder" else _edited
    with pytest.raises(InvalidResolutionError) as caught:
        decide(holder={"name": "Ann", "pins": pins})(requirement)
    assert next(iter(pins)) not in str(caught.value)
    # What the type itself names is said.
    assert caught.value.field_name == f"holder.pins.{MASK}"
    with pytest.raises(InvalidResolutionError) as caught:
        decide(holder={"name": 5, "pins": {}})(requirement)
    assert caught.value.field_name == "holder.name"


@pytest.mark.parametrize("has_code", [True, False])
def test_an_unknown_name_within_a_value_is_a_value(
    db: SqliteDatabase, has_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirement = _paused(db, "pay_as", holder=HOLDER)
    if not has_code:
        _unknown(monkeypatch)
        requirement = db.requirement(requirement.id)
    with pytest.raises(InvalidResolutionError) as caught:
        _edited(holder={**HOLDER, CARD: 1})(requirement)
    assert CARD not in f"{caught.value} {caught.value.field_name}"


def test_a_call_that_can_not_run_as_decided_shows_no_value(db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    requirement = _paused(db, "pay", card="9999")
    with monkeypatch.context() as patch:
        _unknown(patch)
        _edited(card=CARD, euros=1)(db.requirement(requirement.id))
    agent = Agent(ScriptedModel(["", "done"]), db=db, tools=TOOLS)
    output = agent.continue_run(run_id=requirement.run_id or "", return_output=True)
    assert output.is_complete
    assert output.tools[0].tool_call_error
    assert CARD not in str(output.tools[0].result)


_WORKING = """
import os
from typing import Annotated
from pydantic import AfterValidator
from haltpoint import Agent, ModelReply, ScriptedModel, ToolCall, tool

def check(card):
    if "CLERK_REFUSES" in os.environ:
        raise ValueError(f"{card} is a test card")
    return card

@tool(requires_confirmation=True, sensitive=["card"])
def charge(card: Annotated[str, AfterValidator(check)]) -> str:
    "Charge."
    return "ok"

clerk = Agent(
    ScriptedModel([ModelReply(tool_calls=[ToolCall("charge", {"card": os.environ["CARD"]})]), "done"]),
    name="clerk",
    tools=[charge],
)
"""


def test_the_log_of_a_worker_shows_no_value(db: SqliteDatabase, db_file: Path, tmp_path: Path) -> None:
    (tmp_path / "clerks.py").write_text(_WORKING)
    start = (
        "import sys, clerks; from haltpoint import SqliteDatabase, Agent\n"
        "with SqliteDatabase(sys.argv[1]) as db:\n"
        "    agent = Agent(clerks.clerk.model, name='clerk', db=db, tools=[clerks.charge])\n"
        "    print(agent.do('Charge.', return_output=True).active_requirements[0].id)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "CARD": CARD}
    begun = subprocess.run(
        [sys.executable, "-c", start, str(db_file)], env=environment, capture_output=True, text=True, check=True
    )
    requirement = db.requirement(begun.stdout.strip())
    requirement.confirm()
    requirement.commit()
    db.close()
    worker = [str(COMMAND), "worker", "clerks:clerk", "--db", str(db_file)]
    refusing = {**environment, "CLERK_REFUSES": "yes"}
    with subprocess.Popen(worker, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=refusing) as started:
        assert started.stdout is not None
        lines = [next(line for line in started.stdout if "left_alone" in line)]
        started.terminate()
        lines += started.stdout
    assert "is a test card" in lines[0]
    assert CARD not in "".join(lines)


@pytest.mark.parametrize("is_fresh", [True, False])
def test_a_second_decision_is_refused_without_the_values_in_the_note_of_the_first(
    db: SqliteDatabase, is_fresh: bool
) -> None:
    requirement = _paused(db, "pay", card="5100222233334444")
    other = db.requirement(requirement.id)
    requirement.reject(f"5100222233334444 is stolen, so is {CARD}", by="ann")
    requirement.commit()
    if is_fresh:
        other = db.requirement(requirement.id)

    def decide() -> None:
        other.confirm(by="ben")
        other.commit()

    with pytest.raises(RequirementConflictError, match="was rejected") as caught:
        decide()
    assert "5100222233334444" not in str(caught.value)
