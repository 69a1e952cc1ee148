"""The agent of the demo: it puts a double charge right. Nothing in it prepares for being killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from haltpoint import Agent, ModelReply, ModelRequest, ScriptedModel, ToolCall, current_tool_call, tool
from terminal import event, is_interactive

if TYPE_CHECKING:
    from haltpoint.db import Database
    from services import Services

TASK = "Customer 4711 says that she was charged twice. Put it right."


def support_agent(database: Database, services: Services) -> Agent:
    return Agent(_NarratedModel(), name="support", db=database, tools=_tools(services))


def _tools(services: Services) -> list[Callable[..., Any]]:
    @tool(read_only=True)
    def find_charges(customer: int) -> list[str]:
        """Find what a customer was charged this week."""
        _narrate("find_charges", f"found 2 charges of 49.00 EUR for customer {customer}")
        return ["ch_1: 49.00 EUR", "ch_2: 49.00 EUR"]

    @tool(requires_confirmation=True)
    def refund(charge_id: str, amount: str) -> str:
        """Pay a charge back."""
        services.refund(charge_id, amount)
        _narrate("refund", f"the bank paid {amount} back")
        return f"refunded {amount}"

    @tool(idempotent=True)
    async def add_note(note: str) -> str:
        """Add a note to the customer's file."""
        call = current_tool_call()
        _narrate("add_note", f"attempt {call.attempt}, idempotency key {call.idempotency_key[:8]}…")
        await services.add_note(note, key=call.idempotency_key)
        return "noted"

    @tool
    async def send_email(text: str) -> str:
        """Send the customer an e-mail."""
        _narrate("send_email", f"attempt {current_tool_call().attempt}, no key: a mail server knows none")
        await services.send_email(text)
        return "sent"

    return [find_charges, refund, add_note, send_email]


def _find_charges(_: ModelRequest) -> ModelReply:
    return ModelReply(tool_calls=[ToolCall("find_charges", {"customer": 4711})])


def _refund(_: ModelRequest) -> ModelReply:
    return ModelReply(tool_calls=[ToolCall("refund", {"charge_id": "ch_2", "amount": "49.00 EUR"})])


def _tell(request: ModelRequest) -> ModelReply:
    note = "49.00 EUR refunded" if _is_refunded(request) else "refund declined"
    calls = [ToolCall("add_note", {"note": note}), ToolCall("send_email", {"text": f"Dear customer: {note}."})]
    return ModelReply(tool_calls=calls)


def _sum_up(request: ModelRequest) -> str:
    result = "She has her money back" if _is_refunded(request) else "The refund was declined, and not paid"
    is_sent = (request.messages[-1].content or "").startswith("sent")
    mail = "The e-mail is sent" if is_sent else "Whether the e-mail went out, nobody knows"
    return f"{result}. It is in her file. {mail}."


def _is_refunded(request: ModelRequest) -> bool:
    return any(message.role == "tool" and message.content == "refunded 49.00 EUR" for message in request.messages)


class _NarratedModel:
    """A script instead of a provider, so that the demo needs no network; whatever has these two members is a model."""

    def __init__(self) -> None:
        self.name = "scripted"
        self._script = ScriptedModel([_find_charges, _refund, _tell, _sum_up])

    async def request(self, request: ModelRequest) -> ModelReply:
        await asyncio.sleep(0.4 if is_interactive() else 0)
        reply = await self._script.request(request)
        calls = " and ".join(call.name for call in reply.tool_calls)
        event("│", "model", f"asks for {calls}" if calls else f"“{reply.text}”", "cyan")
        return reply


def _narrate(name: str, text: str) -> None:
    event("│", "tool", f"{name}: {text}", "blue")
