"""Workflows that the tests run, in whichever process. Effects are noted in a file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pydantic import BaseModel

from haltpoint import ask, confirm, external, now, patched, random, step, uuid4, workflow

EFFECTS = "EFFECTS"
CODE = "CODE"
"""Which version of the code runs."""


class Amount(BaseModel):
    """What a person answers."""

    euros: int
    note: str | None = None


class Report(BaseModel):
    """What a case comes to."""

    order: str
    paid: int


def note(text: str) -> None:
    """Note an effect."""
    path = os.environ.get(EFFECTS)
    if path is not None:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


@step(read_only=True)
async def look_up(order: str) -> dict[str, int]:
    """Look an order up."""
    note(f"look_up {order}")
    return {"price": 9}


@step(requires_confirmation=True, approvals=2)
async def refund(order: str, euros: int) -> str:
    """Pay money back."""
    note(f"refund {order} {euros}")
    return f"{order}:{euros}"


@step
def count(number: int) -> int:
    """Count."""
    return number + 1


@step
async def fail(message: str) -> None:
    """Fail."""
    raise ValueError(message)


@workflow(name="refund_case")
async def refund_case(order: str) -> Report:
    """Refund an order."""
    found, _ = await asyncio.gather(look_up(order), look_up(f"{order}x"))
    assert found == {"price": 9}
    amount = await ask("How much?", Amount)
    if not await confirm(f"Refund {amount.euros} EUR?", details={"order": order}):
        return Report(order=order, paid=0)
    await refund(order, amount.euros)
    return Report(order=order, paid=amount.euros)


@workflow
async def two_questions(first: str, second: str) -> list[bool]:
    """Ask two people the same, each in a branch of its own, behind a step."""

    async def branch(name: str) -> bool:
        await look_up(name)
        return await confirm("Proceed?")

    return list(await asyncio.gather(branch(first), branch(second)))


@workflow
async def uneven(steps: int) -> list[int]:
    """Ask a person in one branch while the other one counts."""

    async def person() -> int:
        return int(await confirm("Well?"))

    async def counter() -> int:
        number = 0
        for _ in range(steps):
            number = await count(number)
        return number

    return list(await asyncio.gather(person(), counter()))


@workflow
async def counting(steps: int) -> int:
    """Count, one step after the other, and ask at last."""
    number = 0
    for _ in range(steps):
        number = await count(number)
    await confirm("Enough?")
    return number


@workflow
async def recorded() -> list[str]:
    """Take what is different each time, and ask."""
    before = [str(await now()), str(await uuid4()), str(await random())]
    await confirm("Go on?")
    return before


@workflow
async def shipping(order: str) -> int:
    """Let another program do something."""
    return await external("ship", {"order": order}, returns=int)


@workflow
async def changing(order: str) -> list[str]:
    """A body whose code is another one in another process."""
    code = os.environ.get(CODE, "1")
    done: list[str] = []
    if code != "without":
        await look_up(order)
        done.append("looked up")
    if code == "patched" and await patched("v2"):
        await look_up("v2")
        done.append("v2")
    await confirm("Go on?")
    if code == "patched" and await patched("v3"):
        done.append("v3")
    return done


@step(idempotent=True)
async def pay(order: str, euros: int) -> str:
    """Pay money back."""
    note(f"pay {order} {euros}")
    return "paid"


@workflow(name="killed_case")
async def killed_case(order: str) -> list[str]:
    """Look up, ask, confirm and pay: killed wherever it may be."""
    await asyncio.gather(look_up(order), look_up(f"{order}x"))
    amount = await ask("How much?", euros=int)
    fair, cheap = await asyncio.gather(confirm("Proceed?"), confirm("Proceed?"))
    assert fair and cheap
    return [await pay(order, amount.euros), await pay(order, amount.euros)]
