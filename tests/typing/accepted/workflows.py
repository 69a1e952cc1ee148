"""Workflows, as type checkers see them."""

from typing import Any

from pydantic import BaseModel
from typing_extensions import assert_type

from haltpoint import (
    AgentRunOutput,
    KeptSignal,
    SignalDelivery,
    SqliteDatabase,
    ask,
    confirm,
    event,
    external,
    step,
    workflow,
)


class Amount(BaseModel):
    euros: int


@step
async def look_up(order: str) -> dict[str, int]:
    return {"price": len(order)}


@step(requires_confirmation=True, approvals=2)
def refund(order: str, euros: int) -> Amount:
    return Amount(euros=euros)


@workflow(name="refund_case")
async def refund_case(order: str) -> Amount:
    found = await look_up(order)
    assert_type(found, dict[str, int])
    amount = await ask("How much?", Amount)
    assert_type(amount, Amount)
    assert_type(await confirm("Well?", approvals=2, expires_after=60), bool)
    assert_type(await external("ship", {"order": order}, returns=int), int)
    assert_type(await event("payment.settled", key=order, returns=Amount, timeout=3 * 86400), Amount)
    assert_type(await event("payment.settled"), Any)
    return await refund(order, amount.euros)


async def send(db: SqliteDatabase) -> None:
    assert_type(db.signal("payment.settled", Amount(euros=5), key="A-1", id="s-1", by="bank"), SignalDelivery)
    assert_type(await db.signal_async("payment.settled"), SignalDelivery)
    assert_type(db.signals(name="payment.settled", key="A-1", limit=9), list[KeptSignal])


async def run(db: SqliteDatabase) -> None:
    assert_type(await refund_case.start("A-1", db=db), Amount | None)
    assert_type(await refund_case.start("A-1", db=db, return_output=True), AgentRunOutput[Amount])
    run_id = refund_case.submit("A-1", db=db)
    assert_type(run_id, str)
    assert_type(await refund_case.continue_run_async(run_id, db=db), Amount | None)
    assert_type(refund_case.wait_and_continue(run_id, db=db, return_output=True), AgentRunOutput[Amount])
