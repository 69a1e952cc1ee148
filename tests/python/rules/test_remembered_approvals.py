"""Approvals that answer later calls of their tool, in the same run or in the whole session; revoked, and refused."""

from __future__ import annotations

from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InMemoryDatabase,
    InvalidResolutionError,
    RequirementConflictError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    tool,
)
from support.replies import results_in, wants, wants_all
from support.running import asynchronous


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def agent(db: Any, *replies: Any, tools: Any = (pay,), session_id: str | None = None) -> Agent:
    script = [*replies, lambda request: str(results_in(request))]
    return Agent(ScriptedModel(script), db=db, tools=list(tools), session_id=session_id)


def thrice(db: Any, *, amounts: tuple[int, int, int] = (5, 5, 7), **options: Any) -> Agent:
    return agent(db, *(wants("pay", amount=amount) for amount in amounts), **options)


async def confirmed(payer: Agent, **options: Any) -> AgentRunOutput:
    """Start a run and confirm the first thing that it waits for."""
    output = await payer.do_async("Work.", return_output=True)
    output.requirements[-1].confirm(by="ann", **options)
    return await payer.continue_run_async(run_id=output.run_id, return_output=True)


@asynchronous
async def test_later_calls_of_the_run_run_without_asking(db: SqliteDatabase) -> None:
    output = await confirmed(thrice(db), remember="run")
    assert output.is_complete
    assert output.output == "['paid 5', 'paid 5', 'paid 7']"
    first, second, third = output.requirements
    assert first.remembered_from is None
    assert first.decision == {"type": "confirm", "remember": {"scope": "run"}}
    for repeated in (second, third):
        assert repeated.remembered_from == {"requirement_id": first.id, "run_id": output.run_id, "by": "ann"}
        assert (repeated.decided_by, repeated.decision) == ("ann", {"type": "confirm"})
    assert db.verify(output.run_id).ok
