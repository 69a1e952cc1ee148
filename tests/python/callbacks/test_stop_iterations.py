"""A handler's StopIteration: neither coroutine nor future can end with one, so that it arrives as a cause."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from haltpoint import Agent, InMemoryDatabase, RunStatus, ScriptedModel, tool
from support.replies import wants


@tool(requires_confirmation=True)
def act(x: int) -> str:
    """Act."""
    return "acted"


@tool(external_execution=True)
def look(x: int) -> str:
    """Look."""
    return "not here"


def stops(requirement: Any) -> None:
    raise StopIteration(4)


async def stops_later(requirement: Any) -> None:
    raise StopIteration(4)


@pytest.mark.parametrize("handler", [stops, stops_later])
@pytest.mark.parametrize(("name", "place"), [("act", "hitl_handler"), ("look", "external_tool_executor")])
@pytest.mark.parametrize("is_async", [False, True], ids=["do", "do_async"])
def test_it_is_the_cause_of_a_runtime_error(handler: Any, name: str, place: str, is_async: bool) -> None:
    db = InMemoryDatabase()
    agent = Agent(ScriptedModel([wants(name, x=1), "END"]), db=db, tools=[act, look])
    options: Any = {place: handler}

    def work() -> object:
        return (
            asyncio.run(cast("Any", agent).do_async("Work.", **options)) if is_async else agent.do("Work.", **options)
        )

    with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
        work()
    assert isinstance(caught.value.__cause__, StopIteration)
    assert caught.value.__cause__.value == 4
    assert [run.status for run in db.runs()] == [RunStatus.paused]
