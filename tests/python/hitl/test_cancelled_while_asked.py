"""A run is cancelled while somebody is asked about it: the call ends at once, and the run is cancelled."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    NotificationWarning,
    RunRequirement,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    cancel_run,
    tool,
)
from support.callbacks import FORMS, in_form
from support.programs import run_program
from support.replies import wants, wants_all
from support.running import asynchronous, until

every_form = pytest.mark.parametrize("form", FORMS)
every_handler = pytest.mark.parametrize("handler", ["hitl_handler", "external_tool_executor"])

# Longer than a test may take.
_LONG = 20.0
_SECOND = 1.0


@tool(requires_confirmation=True)
def act() -> str:
    """Act."""
    return "acted"


@tool(external_execution=True)
def act_elsewhere() -> str:
    """Act."""
    return "acted"


def acting(db: SqliteDatabase, handler: str = "hitl_handler", **options: Any) -> Agent:
    function = act if handler == "hitl_handler" else act_elsewhere
    return Agent(ScriptedModel([wants(function.__name__), "finished"]), db=db, tools=[function], **options)


class Asked:
    """A handler that waits for ever; async or plain."""

    def __init__(self, clean_up: Callable[[RunRequirement], Any] | None = None) -> None:
        self.begun, self.leave, self.left = threading.Event(), threading.Event(), threading.Event()
        self.ends: list[str] = []
        self.cancelled_at = 0.0
        self._clean_up = clean_up

    async def wait(self, requirement: RunRequirement) -> None:
        self.begun.set()
        try:
            await asyncio.sleep(_LONG)
        except asyncio.CancelledError:
            self.ends.append("cancelled")
            if self._clean_up is None:
                raise
            await self._clean_up(requirement)

    def block(self, requirement: RunRequirement) -> None:
        self.begun.set()
        self.leave.wait(_LONG)
        requirement.confirm()
        self.ends.append("returned")
        self.left.set()

    def cancel(self, cancel: Callable[[str], Any], agent: Agent) -> None:
        """Cancel the run once its handler waits."""
        assert self.begun.wait(_LONG)
        self.cancelled_at = time.monotonic()
        assert cancel(str(agent.run_id))

    def took(self) -> float:
        return time.monotonic() - self.cancelled_at


def cancelled_run(
    form: str, agent: Agent, asked: Asked, cancel: Callable[[str], Any] = cancel_run, **options: Any
) -> AgentRunOutput:
    cancelling = threading.Thread(target=asked.cancel, args=(cancel, agent))
    cancelling.start()
    try:
        return in_form(form, agent, **options)
    finally:
        cancelling.join()


@every_handler
@every_form
def test_an_async_handler_is_cancelled_and_the_run_ends(form: str, handler: str, db: SqliteDatabase) -> None:
    asked = Asked()
    agent = acting(db, handler)
    given: dict[str, Any] = {handler: asked.wait}
    output = cancelled_run(form, agent, asked, **given)
    assert asked.took() < _SECOND
    assert output.status is RunStatus.cancelled
    assert db.run(output.run_id).status is RunStatus.cancelled
    assert asked.ends == ["cancelled"]


@pytest.mark.parametrize("timeout", [None, _LONG])
@every_form
def test_so_it_is_where_a_run_is_continued(form: str, timeout: float | None, db: SqliteDatabase) -> None:
    asked, agent = Asked(), acting(db)
    run_id = in_form(form, agent).run_id
    output = cancelled_run(form, agent, asked, run_id=run_id, hitl_handler=asked.wait, timeout=timeout)
    assert asked.took() < _SECOND
    assert output.is_cancelled


_CANCELLING = """
    import sys
    from pathlib import Path
    from support.databases import opened
    from support.programs import tell

    with opened(Path(sys.argv[1])) as db:
        tell(db.cancel(db.runs()[0].run_id))
"""


def test_another_process_cancels_it(db: SqliteDatabase, db_file: Path) -> None:
    program = db_file.with_name("cancel.py")
    program.write_text("\n".join(line.removeprefix("    ") for line in _CANCELLING.splitlines()))
    asked, agent = Asked(), acting(db)

    def cancel(_: str) -> bool:
        is_cancelled = bool(run_program(program, str(db_file), cwd=db_file.parent).last)
        asked.cancelled_at = time.monotonic()
        return is_cancelled

    output = cancelled_run("do", agent, asked, cancel, hitl_handler=asked.wait)
    assert asked.took() < _SECOND
    assert output.is_cancelled


@asynchronous
async def test_a_plain_handler_in_a_thread_is_left_behind_and_what_it_says_counts_no_more(db: SqliteDatabase) -> None:
    asked, agent = Asked(), acting(db)
    run = asyncio.create_task(agent.do_async("Act.", return_output=True, hitl_handler=asked.block))
    await until(asked.begun)
    asked.cancel(cancel_run, agent)
    output = await asyncio.wait_for(run, _LONG)
    assert asked.took() < _SECOND
    assert output.is_cancelled
    asked.leave.set()
    await until(asked.left)
    again = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert again.is_paused
    assert again.active_requirements[0].confirmation is None


def test_a_plain_handler_in_the_calling_thread_returns_first(db: SqliteDatabase) -> None:
    asked, agent = Asked(), acting(db)

    def cancel(run_id: str) -> bool:
        threading.Timer(0.5, asked.leave.set).start()
        return cancel_run(run_id)

    output = cancelled_run("do", agent, asked, cancel, hitl_handler=asked.block)
    assert output.is_cancelled
    assert asked.ends == ["returned"]
    assert output.tools[0].result is None


@every_form
def test_the_clean_up_of_a_handler_comes_to_its_end(form: str, db: SqliteDatabase) -> None:
    async def clean_up(requirement: RunRequirement) -> None:
        await asyncio.sleep(0.3)
        asked.ends.append("cleaned up")
        raise asyncio.CancelledError

    asked = Asked(clean_up)
    output = cancelled_run(form, acting(db), asked, hitl_handler=asked.wait)
    assert output.is_cancelled
    assert asked.ends == ["cancelled", "cleaned up"]


@every_form
def test_what_a_handler_still_decides_stands_when_the_run_is_continued(form: str, db: SqliteDatabase) -> None:
    async def clean_up(requirement: RunRequirement) -> None:
        requirement.reject("nobody is there")

    asked, agent = Asked(clean_up), acting(db)
    output = cancelled_run(form, agent, asked, hitl_handler=asked.wait)
    assert output.is_cancelled
    decision = db.run(output.run_id).requirements[0].decision
    assert decision == {"type": "reject", "note": "nobody is there"}
    assert in_form(form, agent, run_id=output.run_id).is_complete


@every_form
def test_what_its_clean_up_raises_reaches_the_caller(form: str, db: SqliteDatabase) -> None:
    async def clean_up(requirement: RunRequirement) -> None:
        raise ZeroDivisionError

    asked, agent = Asked(clean_up), acting(db)
    with pytest.raises(ZeroDivisionError):
        cancelled_run(form, agent, asked, hitl_handler=asked.wait)
    assert db.run(str(agent.run_id)).is_cancelled


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
@every_form
def test_so_does_what_ends_the_program_and_the_next_call_works(
    form: str, raised: type[BaseException], db: SqliteDatabase
) -> None:
    async def clean_up(requirement: RunRequirement) -> None:
        raise raised

    asked, agent = Asked(clean_up), acting(db)
    with pytest.raises(raised):
        cancelled_run(form, agent, asked, hitl_handler=asked.wait)
    assert db.run(str(agent.run_id)).is_cancelled
    assert in_form(form, agent, run_id=agent.run_id, hitl_handler=lambda requirement: requirement.confirm()).is_complete


@asynchronous
async def test_a_handler_that_ignores_its_cancellation_is_left_behind(db: SqliteDatabase) -> None:
    left = asyncio.Event()

    async def ask(requirement: RunRequirement) -> None:
        begun.set()
        while not left.is_set():
            try:
                await left.wait()
            except asyncio.CancelledError:
                continue
        requirement.confirm()

    begun, agent = threading.Event(), acting(db)
    run = asyncio.create_task(agent.do_async("Act.", return_output=True, hitl_handler=ask))
    await until(begun)
    assert cancel_run(str(agent.run_id))
    output = await asyncio.wait_for(run, 5)
    assert output.is_cancelled
    left.set()
    await asyncio.sleep(0)
    assert (await agent.continue_run_async(run_id=output.run_id, return_output=True)).is_paused


@asynchronous
async def test_nobody_is_asked_about_the_other_calls_of_a_cancelled_run(db: SqliteDatabase) -> None:
    asked = Asked()
    agent = Agent(ScriptedModel([wants_all(("act", {}), ("act", {})), "finished"]), db=db, tools=[act])
    run = asyncio.create_task(agent.do_async("Act.", return_output=True, hitl_handler=asked.wait))
    await until(asked.begun)
    asked.cancel(cancel_run, agent)
    output = await asyncio.wait_for(run, _LONG)
    assert output.is_cancelled
    assert asked.ends == ["cancelled"]
    # Each is asked about when the run is continued.
    decided: list[str] = []

    def confirm(requirement: RunRequirement) -> None:
        decided.append(requirement.id)
        requirement.confirm()

    assert await agent.continue_run_async(run_id=output.run_id, hitl_handler=confirm) == "finished"
    assert len(decided) == 2


_tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


@asynchronous
async def test_a_slow_handler_that_is_not_cancelled_decides_in_its_callers_context(db: SqliteDatabase) -> None:
    seen: list[str] = []

    async def ask(requirement: RunRequirement) -> None:
        await asyncio.sleep(0.5)
        seen.append(_tenant.get())
        requirement.confirm()

    _tenant.set("caller")
    assert await acting(db).do_async("Act.", hitl_handler=ask) == "finished"
    assert seen == ["caller"]


@asynchronous
async def test_a_slow_handler_may_continue_the_run_itself(db: SqliteDatabase) -> None:
    agent = acting(db)

    async def ask(requirement: RunRequirement) -> None:
        requirement.confirm()
        await requirement
        await asyncio.sleep(0.3)
        assert await agent.continue_run_async(run_id=requirement.run_id) == "finished"
        await asyncio.sleep(0.3)

    assert await agent.do_async("Act.", hitl_handler=ask) == "finished"


@asynchronous
async def test_a_listener_of_the_pause_that_hangs_is_left_behind_two_seconds_later(db: SqliteDatabase) -> None:
    asked = Asked()
    agent = acting(db, on_pause=asked.wait)
    run = asyncio.create_task(agent.do_async("Act.", return_output=True))
    await until(asked.begun)
    asked.cancel(cancel_run, agent)
    with pytest.warns(NotificationWarning, match="on_pause did not return two seconds after run .* was cancelled"):
        await asyncio.wait_for(run, _LONG)
    assert 2 <= asked.took() < 2 + _SECOND
    assert db.run(str(agent.run_id)).is_cancelled
