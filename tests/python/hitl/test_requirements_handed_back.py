"""Functions of the user's that hand a requirement back: whoever called them waits for no decision on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InMemoryDatabase,
    RunRequirement,
    RunStatus,
    ScriptedModel,
    current_tool_call,
    tool,
)
from support.replies import results_in, wants

# A call that waits for a decision of somebody else's waits for ever; this ends it, and fails the test.
SOON = 5.0


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay."""
    return "paid"


@tool(external_execution=True)
def ship(amount: int) -> str:
    """Ship."""
    return ""


def agent(name: str, **options: Any) -> Agent:
    def last(request: Any) -> str:
        return "; ".join(map(str, results_in(request)))

    return Agent(ScriptedModel([wants(name, amount=5), last]), tools=[pay, ship], **options)


def back(requirement: RunRequirement) -> RunRequirement:
    return requirement


async def back_async(requirement: RunRequirement) -> RunRequirement:
    return requirement


def back_in_task(requirement: RunRequirement) -> Any:
    async def later() -> RunRequirement:
        return requirement

    return later()


class Another:
    """Hands back another object of the same requirement."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def __call__(self, requirement: RunRequirement) -> RunRequirement:
        return self._database.requirement(requirement.id)


BACK: list[Callable[[RunRequirement], Any]] = [back, back_async, back_in_task]


@pytest.mark.parametrize("handler", BACK)
@pytest.mark.parametrize("name", ["pay", "ship"])
def test_a_handler_that_hands_it_back_undecided_leaves_it_undecided(name: str, handler: Any) -> None:
    output = agent(name).do("Work.", return_output=True, hitl_handler=handler, timeout=SOON)
    assert (output.status, len(output.active_requirements)) == (RunStatus.paused, 1)


@pytest.mark.parametrize("handler", BACK)
def test_so_does_an_executor(handler: Any) -> None:
    output = agent("ship").do("Work.", return_output=True, external_tool_executor=handler, timeout=SOON)
    assert (output.status, output.active_requirements[0].tool_execution.result) == (RunStatus.paused, None)


@pytest.mark.parametrize("role", ["hitl_handler", "external_tool_executor"])
def test_another_object_of_it_is_no_result_either(role: str) -> None:
    database = InMemoryDatabase()
    worker = agent("ship", db=database)
    functions: dict[str, Any] = {role: Another(database)}
    output = worker.do("Work.", return_output=True, timeout=SOON, **functions)
    assert (output.status, len(output.active_requirements)) == (RunStatus.paused, 1)


def test_a_handler_is_asked_where_the_executor_hands_it_back() -> None:
    def supply(requirement: RunRequirement) -> None:
        requirement.set_external_execution_result("A")

    content = agent("ship").do("Work.", external_tool_executor=back, hitl_handler=supply, timeout=SOON)
    assert content == "A"


@pytest.mark.parametrize("handler", BACK)
def test_what_was_decided_before_it_is_handed_back_counts(handler: Any) -> None:
    def decide(requirement: RunRequirement) -> Any:
        requirement.confirm(by="ann")
        return handler(requirement)

    assert agent("pay").do("Work.", hitl_handler=decide, timeout=SOON) == "paid"

    def supply(requirement: RunRequirement) -> Any:
        requirement.set_external_execution_result("A")
        return handler(requirement)

    assert agent("ship").do("Work.", external_tool_executor=supply, timeout=SOON) == "A"


def test_async_forms_alike() -> None:
    async def run() -> RunStatus:
        output = await agent("pay").do_async("Work.", return_output=True, hitl_handler=back, timeout=SOON)
        return output.status

    assert asyncio.run(run()) == RunStatus.paused


def test_listeners_that_hand_one_back_hold_up_nobody() -> None:
    heard: list[str] = []

    def paused(output: AgentRunOutput[Any]) -> Any:
        heard.append("paused")
        return output.requirements[0]

    def told(event: Any) -> Any:
        heard.append("told")
        return requirement_of_another_run()

    output = agent("pay", on_pause=paused, on_event=told).do("Work.", return_output=True, timeout=SOON)
    assert output.status == RunStatus.paused
    assert {"paused", "told"} <= set(heard)


def requirement_of_another_run() -> RunRequirement:
    return agent("pay").do("Work.", return_output=True).requirements[0]


def test_a_rule_that_returns_one_has_said_neither_yes_nor_no() -> None:
    @tool(requires_confirmation=lambda amount: requirement_of_another_run(), name="pay")
    def careful(amount: int) -> str:
        """Pay."""
        return "paid"

    model = ScriptedModel([wants("pay", amount=5), "done"])
    output = Agent(model, tools=[careful]).do("Work.", return_output=True, timeout=SOON)
    assert output.status == RunStatus.paused
    details = output.active_requirements[0].details or {}
    assert "it returned RunRequirement, not True or False" in details["rule_failure"]


def test_a_tool_that_returns_one_has_failed() -> None:
    @tool
    def look(amount: int) -> Any:
        """Look."""
        assert current_tool_call() is not None
        return requirement_of_another_run()

    model = ScriptedModel([wants("look", amount=5), lambda request: "; ".join(map(str, results_in(request)))])
    content = Agent(model, tools=[look]).do("Work.", timeout=SOON)
    assert content is not None
    assert "RunRequirement" in content
