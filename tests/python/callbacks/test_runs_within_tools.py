"""A tool that runs an agent whose run does not get to its end: the tool has failed, and says which run waits."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from haltpoint import (
    Agent,
    NestedRunError,
    RunNotCompletedWarning,
    ScriptedModel,
    SqliteDatabase,
    cancel_run,
    current_tool_call,
    tool,
)
from support.replies import wants
from support.running import asynchronous


@tool(requires_confirmation=True)
def pay() -> str:
    """Pay."""
    return "paid"


@tool
def stop() -> str:
    """Stop the run that asks for it."""
    cancel_run(current_tool_call().run_id)
    return "stopped"


def inner(db: SqliteDatabase, name: str = "pay") -> Agent:
    return Agent(ScriptedModel([wants(name), "bought"]), db=db, tools=[pay, stop])


def outer(db: SqliteDatabase, delegate: Any) -> Agent:
    return Agent(ScriptedModel([wants(delegate.__name__), "passed on"]), db=db, tools=[delegate])


def test_a_pause_within_a_plain_tool_is_its_error_and_can_be_resolved(db: SqliteDatabase) -> None:
    @tool
    def delegate() -> str:
        """Let another agent do it."""
        return inner(db).do("Buy.")

    output = outer(db, delegate).do("Delegate.", return_output=True)
    (requirement,) = db.requirements()
    assert output.output == "passed on"
    assert output.tools[0].tool_call_error
    for part in ("NestedRunError", requirement.run_id, requirement.id, "pay", "continue_run"):
        assert part in output.tools[0].result
    requirement.confirm()
    assert inner(db).continue_run(run_id=requirement.run_id, requirements=[requirement]) == "bought"


@asynchronous
async def test_a_pause_within_an_async_tool_is_its_error(db: SqliteDatabase) -> None:
    @tool
    async def delegate() -> str:
        """Let another agent do it."""
        return await inner(db).do_async("Buy.")

    output = await outer(db, delegate).do_async("Delegate.", return_output=True)
    assert output.tools[0].tool_call_error
    assert "paused" in output.tools[0].result


@pytest.mark.parametrize("form", ["continue_run", "print_do", "list"])
def test_each_way_to_ask_for_content_says_so(db: SqliteDatabase, form: str) -> None:
    paused = inner(db).do("Buy.", return_output=True)

    @tool
    def delegate() -> Any:
        """Let another agent do it."""
        if form == "continue_run":
            return inner(db).continue_run(run_id=paused.run_id, hitl_handler=lambda requirement: None)
        return inner(db).print_do("Buy.") if form == "print_do" else inner(db).do(["Buy.", "Buy."])

    output = outer(db, delegate).do("Delegate.", return_output=True)
    assert output.tools[0].tool_call_error
    assert "NestedRunError" in output.tools[0].result


def test_a_cancelled_run_within_a_tool_is_its_error(db: SqliteDatabase) -> None:
    @tool
    def delegate() -> str:
        """Let another agent do it."""
        return inner(db, "stop").do("Buy.")

    output = outer(db, delegate).do("Delegate.", return_output=True)
    assert output.is_complete
    assert output.tools[0].tool_call_error
    assert "cancelled" in output.tools[0].result


def test_a_tool_that_asks_for_the_output_gets_it(db: SqliteDatabase) -> None:
    @tool
    def delegate() -> str:
        """Let another agent do it, and say how far it got."""
        return str(inner(db).do("Buy.", return_output=True).status.value)

    output = outer(db, delegate).do("Delegate.", return_output=True)
    assert (output.tools[0].result, output.tools[0].tool_call_error) == ("PAUSED", False)


def test_a_tool_may_handle_the_error(db: SqliteDatabase) -> None:
    found: list[NestedRunError] = []

    @tool
    def delegate() -> str:
        """Let another agent do it, or leave it."""
        try:
            return inner(db).do("Buy.")
        except NestedRunError as error:
            found.append(error)
            return "left it"

    output = outer(db, delegate).do("Delegate.", return_output=True)
    assert output.tools[0].result == "left it"
    assert (found[0].status, found[0].run_id) == ("PAUSED", db.requirements()[0].run_id)
    copied = pickle.loads(pickle.dumps(found[0]))
    assert (str(copied), copied.run_id, copied.status) == (str(found[0]), found[0].run_id, "PAUSED")


def test_outside_of_a_tool_it_stays_a_warning(db: SqliteDatabase) -> None:
    with pytest.warns(RunNotCompletedWarning):
        assert inner(db).do("Buy.") is None
