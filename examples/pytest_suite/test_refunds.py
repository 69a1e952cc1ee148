"""How an agent is tested: with a scripted model, without a network, on a database of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from haltpoint import (
    InMemoryDatabase,
    ModelError,
    ModelReply,
    RequirementConflictError,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
)
from refunds import BANK, refund_agent


@pytest.fixture(autouse=True)
def _empty_bank() -> None:
    BANK.clear()


def wants_refund(euros: int) -> ModelReply:
    """A reply in which the model calls the tool."""
    return ModelReply(tool_calls=[ToolCall("refund", {"charge_id": "ch_2", "euros": euros})])


def test_a_small_refund_is_paid_at_once() -> None:
    agent = refund_agent(ScriptedModel([wants_refund(49), "Done."]), InMemoryDatabase())
    assert agent.do("Pay it back.") == "Done."
    assert BANK == [("ch_2", 49)]


def test_a_large_refund_waits_for_a_person() -> None:
    agent = refund_agent(ScriptedModel([wants_refund(900), "Done."]), InMemoryDatabase())
    paused = agent.do("Pay it back.", return_output=True)
    assert (paused.status.value, paused.pause_reason, BANK) == ("PAUSED", "confirmation", [])
    [requirement] = paused.active_requirements
    assert requirement.tool_execution.tool_args == {"charge_id": "ch_2", "euros": 900}


def test_a_rejected_refund_is_never_paid_and_the_model_reads_why() -> None:
    model = ScriptedModel([wants_refund(900), lambda request: request.messages[-1].content or ""])
    agent = refund_agent(model, InMemoryDatabase())
    answer = agent.do("Pay it back.", hitl_handler=lambda one: one.reject(note="too much"))
    assert answer is not None
    assert "too much" in answer
    assert BANK == []


def test_the_first_decision_wins(tmp_path: Path) -> None:
    with SqliteDatabase(tmp_path / "runs.db") as database:
        refund_agent(ScriptedModel([wants_refund(900)]), database).do("Pay it back.", return_output=True)
        [of_ann], [of_bob] = database.requirements(), database.requirements()
        of_ann.confirm(by="ann")
        of_ann.commit()
        of_bob.reject(note="no", by="bob")
        with pytest.raises(RequirementConflictError, match="ann"):
            of_bob.commit()


def test_a_refund_is_paid_once_when_the_model_fails_after_it(tmp_path: Path) -> None:
    with SqliteDatabase(tmp_path / "runs.db") as database:
        failing = ScriptedModel([wants_refund(49), ModelError("overloaded", status_code=529)])
        with pytest.raises(ModelError) as failure:
            refund_agent(failing, database).do("Pay it back.")

    # Another process would open the file in the same way.
    with SqliteDatabase(tmp_path / "runs.db") as database:
        repaired = ScriptedModel([wants_refund(49), "Done."])
        assert refund_agent(repaired, database).continue_run(run_id=failure.value.run_id) == "Done."
    assert BANK == [("ch_2", 49)]
