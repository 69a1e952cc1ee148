"""Warnings about a call show the line of the user's program that made it, in each form of the call."""

from __future__ import annotations

import asyncio
import linecache
from collections.abc import Callable

import pytest

from haltpoint import Agent, RunNotCompletedWarning, ScriptedModel, SqliteDatabase, Task
from support.replies import wants
from support.workshop import TOOLS


def painter(db: SqliteDatabase) -> Agent:
    return Agent(ScriptedModel([wants("paint", color="red")]), db=db, tools=TOOLS)


def paused(agent: Agent) -> str:
    run_id: str = agent.do("Paint.", return_output=True).run_id
    return run_id


def do(agent: Agent) -> None:
    agent.do("Paint.")


def do_list(agent: Agent) -> None:
    agent.do([Task("Paint.")])


def print_do(agent: Agent) -> None:
    agent.print_do("Paint.")


def continue_run(agent: Agent) -> None:
    agent.continue_run(run_id=paused(agent), hitl_handler=lambda requirement: None)


def wait_and_continue(agent: Agent) -> None:
    run_id = paused(agent)
    agent.db.cancel(run_id)
    agent.wait_and_continue(run_id)


def do_where_a_loop_runs(agent: Agent) -> None:
    async def main() -> None:
        agent.do("Paint.")

    asyncio.run(main())


def do_async(agent: Agent) -> None:
    async def main() -> None:
        await agent.do_async("Paint.")

    asyncio.run(main())


def do_async_list(agent: Agent) -> None:
    async def main() -> None:
        await agent.do_async([Task("Paint.")])

    asyncio.run(main())


def print_do_async(agent: Agent) -> None:
    async def main() -> None:
        await agent.print_do_async("Paint.")

    asyncio.run(main())


def continue_run_async(agent: Agent) -> None:
    run_id = paused(agent)

    async def main() -> None:
        await agent.continue_run_async(run_id=run_id, hitl_handler=lambda requirement: None)

    asyncio.run(main())


def wait_and_continue_async(agent: Agent) -> None:
    run_id = paused(agent)
    agent.db.cancel(run_id)

    async def main() -> None:
        await agent.wait_and_continue_async(run_id)

    asyncio.run(main())


CALLS: list[tuple[Callable[[Agent], None], str]] = [
    (do, "agent.do("),
    (do_list, "agent.do("),
    (print_do, "agent.print_do("),
    (continue_run, "agent.continue_run("),
    (wait_and_continue, "agent.wait_and_continue("),
    (do_where_a_loop_runs, "agent.do("),
    (do_async, "agent.do_async("),
    (do_async_list, "agent.do_async("),
    (print_do_async, "agent.print_do_async("),
    (continue_run_async, "agent.continue_run_async("),
    (wait_and_continue_async, "agent.wait_and_continue_async("),
]


@pytest.mark.parametrize(("call", "line"), CALLS, ids=[call.__name__ for call, _ in CALLS])
def test_a_run_that_has_no_output_warns_at_the_line_of_the_call(
    db: SqliteDatabase, call: Callable[[Agent], None], line: str
) -> None:
    with pytest.warns(RunNotCompletedWarning) as caught:
        call(painter(db))
    (warned,) = caught
    assert (warned.filename, line in linecache.getline(warned.filename, warned.lineno)) == (__file__, True)


@pytest.mark.filterwarnings("error::haltpoint.RunNotCompletedWarning")
@pytest.mark.parametrize("call", [do, continue_run, do_async])
def test_a_warning_that_is_to_be_an_error_is_raised_by_the_call(
    db: SqliteDatabase, call: Callable[[Agent], None]
) -> None:
    with pytest.raises(RunNotCompletedWarning):
        call(painter(db))
