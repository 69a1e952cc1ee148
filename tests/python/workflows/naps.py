"""Workflows that sleep, which the tests run in whichever process."""

from __future__ import annotations

import asyncio

from haltpoint import confirm, now, sleep, sleep_until, step, workflow

from .cases import note

LONG = 3600.0


@step
async def act(what: str) -> str:
    """Do something once."""
    note(what)
    return what


@workflow
async def nap(seconds: float) -> str:
    """Act before and after a sleep."""
    await act("before")
    await sleep(seconds)
    return await act("after")


@workflow
async def doze(seconds: float) -> list[str]:
    """Sleep twice beside a question; no branch waits for another one."""

    async def branch(name: str, asleep: float) -> str:
        await sleep(asleep)
        return await act(name)

    async def asks() -> str:
        agreed = await confirm("Go?")
        return await act("agreed" if agreed else "refused")

    return list(await asyncio.gather(branch("short", seconds), branch("long", LONG), asks()))


@workflow
async def past() -> str:
    """Wait for times that have come."""
    await sleep(0)
    await sleep(-1)
    await sleep_until(await now())
    return "here"


NAPS = [nap, doze]
