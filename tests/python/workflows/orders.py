"""Workflows that wait for events, which the tests run in whichever process."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from haltpoint import StepError, StepExpiredError, confirm, event, step, workflow

from .cases import note

LONG = 3600.0


class Paid(BaseModel):
    """What the bank says."""

    euros: int


@step(idempotent=True)
async def ship(order: str, euros: int) -> str:
    """Do something once."""
    note(f"ship-{order}-{euros}")
    return f"{order}:{euros}"


@workflow
async def order(number: str, most: float | None = None) -> str:
    """Ship what is paid for."""
    try:
        paid = await event("payment.settled", key=number, returns=Paid, timeout=most)
    except StepExpiredError as error:
        return f"expired: {error}"
    except StepError as error:
        return f"unfit: {error}"
    return await ship(number, paid.euros)


@workflow
async def beside(number: str) -> list[object]:
    """Wait for two events beside a question; no branch waits for another one."""

    async def branch(name: str) -> object:
        said = await event(name, key=number)
        note(f"{name}-{said}")
        return said

    return list(await asyncio.gather(branch("a"), branch("b"), confirm("Go?")))


@workflow
async def anything() -> object:
    """Return what is said, of whatever type."""
    return await event("anything")


@workflow
async def text() -> str:
    """Take a text."""
    return await event("text", returns=str)


ORDERS = [order, beside]
