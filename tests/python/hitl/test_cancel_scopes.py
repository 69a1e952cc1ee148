"""Whoever cancels the caller, and however often they say so: the run ends alike, and goes on at once."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from starlette.responses import StreamingResponse

from haltpoint import Agent, ModelReply, ModelRequest, RunStatus, ScriptedModel, SqliteDatabase, tool
from support.replies import wants
from support.running import asynchronous

Limit = Callable[[Awaitable[Any], threading.Event], Awaitable[None]]


async def move_on(run: Awaitable[Any], begun: threading.Event) -> None:
    with anyio.CancelScope() as scope:
        asyncio.get_running_loop().create_task(_when(begun, scope.cancel))
        await run
    assert scope.cancelled_caught


async def fail_after(run: Awaitable[Any], begun: threading.Event) -> None:
    with pytest.raises(TimeoutError), anyio.fail_after(0.2):
        await run


async def sibling_fails(run: Awaitable[Any], begun: threading.Event) -> None:
    async def fail() -> None:
        await asyncio.to_thread(begun.wait, 20)
        raise LookupError

    async def wait() -> None:
        await run

    with pytest.raises(BaseException) as caught:  # noqa: PT012 - the group ends with its block
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            group.start_soon(fail)
    assert isinstance(caught.value.exceptions[0], LookupError)  # type: ignore[attr-defined]


async def nested_scopes(run: Awaitable[Any], begun: threading.Event) -> None:
    with anyio.CancelScope() as outer, anyio.CancelScope() as inner:

        def cancel_both() -> None:
            inner.cancel()
            outer.cancel()

        asyncio.get_running_loop().create_task(_when(begun, cancel_both))
        await run
    assert outer.cancel_called


async def wait_for(run: Awaitable[Any], begun: threading.Event) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(run, 0.2)


async def wait_for_in_a_scope(run: Awaitable[Any], begun: threading.Event) -> None:
    with anyio.CancelScope() as scope:
        asyncio.get_running_loop().create_task(_when(begun, scope.cancel))
        await asyncio.wait_for(run, 20)


async def starlette_request(run: Awaitable[Any], begun: threading.Event) -> None:
    async def body() -> AsyncGenerator[str]:
        yield str(await run)

    async def receive() -> dict[str, str]:
        await asyncio.to_thread(begun.wait, 20)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        """Send it to a client that has gone."""

    await StreamingResponse(body())({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)


async def cancelled_task(run: Awaitable[Any], begun: threading.Event) -> None:
    task = asyncio.ensure_future(run)
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancelled_twice_at_once(run: Awaitable[Any], begun: threading.Event) -> None:
    task = asyncio.ensure_future(run)
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def timeout(run: Awaitable[Any], begun: threading.Event) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):  # type: ignore[attr-defined]
            await run


async def task_group(run: Awaitable[Any], begun: threading.Event) -> None:
    async def wait() -> None:
        await run

    with pytest.raises(BaseException) as caught:  # noqa: PT012 - the group ends with its block
        async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined]
            group.create_task(wait())
            await asyncio.to_thread(begun.wait, 20)
            raise LookupError
    assert isinstance(caught.value.exceptions[0], LookupError)  # type: ignore[attr-defined]


async def _when(begun: threading.Event, act: Callable[[], None]) -> None:
    await asyncio.to_thread(begun.wait, 20)
    act()


LIMITS: list[Limit] = [
    move_on,
    fail_after,
    sibling_fails,
    nested_scopes,
    wait_for,
    starlette_request,
    cancelled_task,
    cancelled_twice_at_once,
    *([timeout, task_group] if sys.version_info >= (3, 11) else []),
    # Before, `wait_for` ran it in a task of its own, and left that behind.
    *([wait_for_in_a_scope] if sys.version_info >= (3, 12) else []),
]
each_limit = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.__name__)


@each_limit
@asynchronous
async def test_the_result_of_a_plain_tool_is_kept_and_the_run_goes_on_at_once(db: SqliteDatabase, limit: Limit) -> None:
    begun = threading.Event()
    charged: list[str] = []

    @tool
    def charge() -> str:
        """Charge, which can't be stopped."""
        begun.set()
        # Longer than the limits, and than a cancellation takes.
        time.sleep(0.5)
        charged.append("charged")
        return "charged"

    events: list[str] = []
    agent = Agent(
        ScriptedModel([wants("charge"), "done"]),
        db=db,
        tools=[charge],
        on_event=lambda event: events.append(event.kind),
    )
    await limit(agent.do_async("Charge."), begun)
    run_id = agent.run_id
    assert run_id is not None
    assert db.run(run_id).status is RunStatus.cancelled
    assert events[-1] == "run_cancelled"
    output = await agent.continue_run_async(run_id=run_id, return_output=True)
    assert (output.output, output.tools[0].result, charged) == ("done", "charged", ["charged"])


@each_limit
@asynchronous
async def test_an_async_tool_is_stopped_and_in_doubt(db: SqliteDatabase, limit: Limit) -> None:
    begun = threading.Event()

    @tool
    async def charge() -> str:
        """Charge, slowly."""
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            # It takes its time to clean up.
            await asyncio.sleep(0.05)
        raise AssertionError

    agent = Agent(ScriptedModel([wants("charge"), "done"]), db=db, tools=[charge])
    await limit(agent.do_async("Charge."), begun)
    assert agent.run_id is not None
    assert db.run(agent.run_id).status is RunStatus.cancelled
    output = await agent.continue_run_async(run_id=agent.run_id, return_output=True)
    assert [item.kind for item in output.active_requirements] == ["recovery"]
    assert "cancelled" in str(output.active_requirements[0].details)


@each_limit
@asynchronous
async def test_a_model_request_is_dropped_and_asked_again(db: SqliteDatabase, limit: Limit) -> None:
    begun = threading.Event()

    class Slow:
        name = "slow"

        async def request(self, request: ModelRequest) -> ModelReply:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

    agent = Agent(Slow(), db=db)
    await limit(agent.do_async("Answer."), begun)
    assert agent.run_id is not None
    assert db.run(agent.run_id).status is RunStatus.cancelled
    assert await agent.continue_run_async(run_id=agent.run_id, model=ScriptedModel(["done"])) == "done"


@asynchronous
async def test_a_second_cancellation_some_time_later_waits_no_longer(db: SqliteDatabase) -> None:
    begun, opened = threading.Event(), threading.Event()

    @tool
    def charge() -> str:
        """Charge, which can't be stopped."""
        begun.set()
        opened.wait(20)
        return "charged"

    agent = Agent(ScriptedModel([wants("charge"), "done"]), db=db, tools=[charge])
    run = asyncio.create_task(agent.do_async("Charge."))
    assert await asyncio.to_thread(begun.wait, 20)
    run.cancel()
    await asyncio.sleep(0.1)
    assert not run.done()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 20)
    opened.set()
    output = await agent.continue_run_async(run_id=agent.run_id, return_output=True)
    (requirement,) = output.active_requirements
    assert requirement.kind == "recovery"
