"""A case that waits for people, for time and for what happens outside, which the tests run in whichever process."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from haltpoint import ask, confirm, event, sleep, step, workflow

from .cases import note


class Amount(BaseModel):
    """What a person answers."""

    euros: int


@dataclass
class Receipt:
    """What a refund comes to."""

    order: str
    euros: int


@dataclass
class Report:
    """What a case comes to."""

    receipt: Receipt | None


@step
async def look_up(order: str) -> dict[str, int]:
    """Look an order up."""
    note(f"look_up-{order}")
    return {"price": 9}


@step(requires_confirmation=True, approvals=2)
async def refund(order: str, euros: int) -> Receipt:
    """Pay money back."""
    note(f"refund-{order}-{euros}")
    return Receipt(order, euros)


@workflow(name="refund_case")
async def refund_case(order: str) -> Report:
    """Refund an order."""
    found = await look_up(order)
    answer = await ask("How much?", Amount, expires_after=86400)
    if not await confirm(f"Refund {answer.euros} EUR?", details={"order": order, **found}, approvals=2):
        return Report(None)
    await sleep(3600)
    paid = await event("payment.settled", key=order, timeout=3 * 86400)
    note(f"paid-{paid['by']}")
    return Report(await refund(order, answer.euros))
