"""What a tool learns about its own call."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from haltpoint.tools import ToolCallContext, current_tool_call
from haltpoint.tools.context import enter_tool_call, leave_tool_call


def call(number: int) -> ToolCallContext:
    return ToolCallContext(
        run_id="run",
        tool_call_id=f"call-{number}",
        tool_name="work",
        idempotency_key=f"key-{number}",
    )


@contextmanager
def under_way(context: ToolCallContext) -> Iterator[ToolCallContext]:
    token = enter_tool_call(context)
    try:
        yield context
    finally:
        leave_tool_call(token)


class Meeting:
    """Lets two tasks wait for each other (asyncio has it from Python 3.11 on)."""

    def __init__(self) -> None:
        self.arrived = 0
        self.complete = asyncio.Event()

    async def wait(self) -> None:
        self.arrived += 1
        if self.arrived == 2:
            self.complete.set()
        await self.complete.wait()


def test_outside_of_a_tool_there_is_no_call() -> None:
    with pytest.raises(RuntimeError, match="no tool call is under way"):
        current_tool_call()


def test_the_scope_sets_the_call_and_restores_the_one_before() -> None:
    with under_way(call(1)):
        with under_way(call(2)):
            assert current_tool_call().tool_call_id == "call-2"
        assert current_tool_call().tool_call_id == "call-1"
        assert current_tool_call().attempt == 1
    with pytest.raises(RuntimeError):
        current_tool_call()


def test_cancelling_is_seen_by_the_tool_and_by_no_other_call() -> None:
    first, second = call(1), call(2)
    with under_way(first) as current:
        assert not current_tool_call().cancelled
        first.mark_cancelled()
        assert current_tool_call().cancelled
        assert current is first
    assert not second.cancelled


def test_concurrent_tasks_see_their_own_calls() -> None:
    async def work(number: int, both_inside: Meeting) -> str:
        with under_way(call(number)):
            await both_inside.wait()
            return current_tool_call().tool_call_id

    async def both() -> list[str]:
        barrier = Meeting()
        return list(await asyncio.gather(work(1, barrier), work(2, barrier)))

    assert asyncio.run(both()) == ["call-1", "call-2"]


def test_a_thread_sees_the_call_through_a_copied_context() -> None:
    seen: list[str] = []
    with under_way(call(7)):
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(lambda: seen.append(current_tool_call().tool_call_id),))
        thread.start()
        thread.join()
    assert seen == ["call-7"]


def test_a_context_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        call(1).run_id = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
