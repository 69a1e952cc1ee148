"""Answers may be Python objects that have a JSON form, as results of external calls may be."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, tool
from support.replies import results_in, wants


class Currency(Enum):
    EUR = "eur"


class Card(BaseModel):
    number: str
    until: date


@tool(requires_user_input=True, user_input_fields=["due", "currency", "amount", "card"])
def pay(due: date, currency: Currency, amount: Decimal, card: Card) -> str:
    """Pay."""
    return f"{due} {currency.name} {amount} {card.number} {card.until}"


GIVEN: dict[str, Any] = {
    "due": date(2026, 2, 3),
    "currency": Currency.EUR,
    "amount": Decimal("1.10"),
    "card": Card(number="4", until=date(2027, 1, 1)),
}


def asked() -> tuple[Agent[Any], RunRequirement]:
    agent = Agent(
        ScriptedModel([wants("pay"), lambda request: str(results_in(request)[-1])]), db=InMemoryDatabase(), tools=[pay]
    )
    return agent, agent.do("Work.", return_output=True).active_requirements[0]


def test_they_are_taken_as_their_json() -> None:
    agent, requirement = asked()
    requirement.answer(GIVEN)
    requirement.commit()
    requirement.answer(GIVEN)
    assert agent.continue_run(run_id=str(requirement.run_id)) == "2026-02-03 EUR 1.10 4 2027-01-01"


@pytest.mark.parametrize("value", [object(), float("nan"), iter("a")])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    _, requirement = asked()
    with pytest.raises(InvalidResolutionError):
        requirement.answer({**GIVEN, "due": value})
