"""A decimal of a float that comes from no JSON text: the digits that are shown are those that run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, tool
from support.replies import wants

ran: list[str] = []

FLOATS = [5.0, 100.0, 1e16, 1e22, 0.0, -0.0, 0.1, 1.5, -7.0]


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


class Item(BaseModel):
    price: Decimal


@tool(requires_confirmation=True)
def pay(amount: Decimal) -> None:
    """Pay."""
    ran.append(str(amount))


@tool(requires_confirmation=True)
def pay_all(amounts: list[Decimal], items: dict[str, Item], most: Decimal | None = None) -> None:
    """Pay."""
    ran.append(str([*map(str, amounts), str(items["a"].price), str(most)]))


@tool(requires_user_input=True, user_input_fields=["amount"])
def give(amount: Decimal) -> None:
    """Give."""
    ran.append(str(amount))


def asked(name: str, **said: Any) -> tuple[Agent, RunRequirement]:
    agent = Agent(ScriptedModel([wants(name, **said), "END"]), db=InMemoryDatabase(), tools=[pay, pay_all, give])
    return agent, agent.do("Work.", return_output=True).active_requirements[0]


def runs(agent: Agent, requirement: RunRequirement) -> dict[str, Any]:
    requirement.commit()
    agent.continue_run(run_id=requirement.run_id)
    return requirement.tool_execution.tool_args


@pytest.mark.parametrize("number", FLOATS)
def test_one_that_the_model_gives(number: float) -> None:
    agent, requirement = asked("pay", amount=number)
    requirement.confirm()
    assert [runs(agent, requirement)["amount"]] == ran


@pytest.mark.parametrize("number", FLOATS)
def test_those_within_other_values(number: float) -> None:
    agent, requirement = asked("pay_all", amounts=[number], items={"a": {"price": number}}, most=number)
    requirement.confirm()
    shown = runs(agent, requirement)
    assert [str([*shown["amounts"], shown["items"]["a"]["price"], shown["most"]])] == ran


@pytest.mark.parametrize("number", FLOATS)
def test_one_that_a_person_puts_in_its_place(number: float) -> None:
    agent, requirement = asked("pay", amount="3")
    requirement.confirm(tool_args={"amount": number})
    assert [runs(agent, requirement)["amount"]] == ran


@pytest.mark.parametrize("number", FLOATS)
def test_one_that_a_person_answers(number: float) -> None:
    agent, requirement = asked("give")
    requirement.answer({"amount": number})
    assert [runs(agent, requirement)["amount"]] == ran
