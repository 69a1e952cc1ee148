"""The agent of the service: it answers tickets, and pays back only what a person approves.

The service submits runs to it, and `haltpoint worker tickets:support` drives them.
"""

from __future__ import annotations

import os

from haltpoint import Agent, Model, ModelReply, ModelRequest, ScriptedModel, ToolCall, tool


@tool(read_only=True)
def find_charges(customer: str) -> list[str]:
    """Find what a customer was charged this week."""
    return [f"ch_1 of {customer}: 49 EUR", f"ch_2 of {customer}: 49 EUR"]


@tool(requires_confirmation=True, idempotent=True)
def refund(charge_id: str, euros: int) -> str:
    """Pay a charge back."""
    # A real one calls the bank, with current_tool_call().idempotency_key.
    return f"refunded {euros} EUR of {charge_id}"


def _script() -> ScriptedModel:
    """Replies as a model might, so that the example runs without a key."""

    def answer(request: ModelRequest) -> str:
        return f"We looked into it: {request.messages[-1].content}."

    return ScriptedModel(
        [
            ModelReply(tool_calls=[ToolCall("find_charges", {"customer": "4711"})]),
            ModelReply(tool_calls=[ToolCall("refund", {"charge_id": "ch_2", "euros": 49})]),
            answer,
        ]
    )


def _model() -> str | Model:
    return os.environ.get("SUPPORT_MODEL") or _script()


support = Agent(
    _model(),
    name="support",
    tools=[find_charges, refund],
    instructions="Answer the customer's ticket. Pay back what was charged twice.",
)
