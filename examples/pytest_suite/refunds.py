"""The agent that the tests are about."""

from __future__ import annotations

from haltpoint import Agent, Model, tool
from haltpoint.db import Database

BANK: list[tuple[str, int]] = []
"""What was paid back: a stand-in for a bank."""


def is_large(euros: int) -> bool:
    """Say whether a person has to confirm."""
    return euros > 100


@tool(requires_confirmation=is_large)
def refund(charge_id: str, euros: int) -> str:
    """Pay a charge back."""
    BANK.append((charge_id, euros))
    return f"refunded {euros} EUR"


def refund_agent(model: str | Model, database: Database) -> Agent:
    """Make the agent; the tests give it a script for a model."""
    return Agent(model, name="refunds", db=database, tools=[refund])
