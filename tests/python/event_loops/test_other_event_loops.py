"""Event loops other than asyncio's own: what works, and what is said where it can't."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio

from haltpoint import Agent, EventLoopError, ScriptedModel, SqliteDatabase, tool
from haltpoint.worker import Worker
from support.programs import run_program
from support.replies import wants


@tool
def work(number: int) -> str:
    return f"worked {number}"


@tool
async def work_later(number: int) -> str:
    await asyncio.sleep(0)
    return f"worked {number}"


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    return f"paid {amount}"


def agent(*replies: Any, db: SqliteDatabase | None = None) -> Agent:
    return Agent(ScriptedModel(replies or ["hi"]), name="clerk", db=db, tools=[work, work_later, pay])


def paused(db: SqliteDatabase) -> str:
    run_id: str = agent(wants("pay", amount=5), "done", db=db).do("Pay.", return_output=True).run_id
    return run_id


async def start(db: SqliteDatabase, run_id: str) -> Any:
    return await agent(db=db).do_async("Work.")


async def start_several(db: SqliteDatabase, run_id: str) -> Any:
    return await agent(db=db).print_do_async(["Work.", "Rest."])


async def go_on(db: SqliteDatabase, run_id: str) -> Any:
    return await agent(db=db).continue_run_async(run_id=run_id)


async def hand_over(db: SqliteDatabase, run_id: str) -> Any:
    return await agent(db=db).submit_async("Work.")


async def wait(db: SqliteDatabase, run_id: str) -> Any:
    return await agent(db=db).wait_and_continue_async(run_id)


async def look(db: SqliteDatabase, run_id: str) -> Any:
    return await db.requirements_async()


async def await_a_decision(db: SqliteDatabase, run_id: str) -> Any:
    return await db.requirements()[0]


async def decide(db: SqliteDatabase, run_id: str) -> Any:
    [requirement] = db.requirements()
    requirement.confirm(by="ann")
    return await requirement


async def be_a_worker(db: SqliteDatabase, run_id: str) -> Any:
    return await Worker([agent(db=db)]).run()


ASYNC_CALLS = [start, start_several, go_on, hand_over, wait, look, await_a_decision, decide, be_a_worker]


@pytest.fixture
def db(tmp_path: Path) -> Any:
    with SqliteDatabase(tmp_path / "runs.db") as database:
        yield database


@pytest.mark.parametrize("call", ASYNC_CALLS)
def test_trio_is_told_what_to_do(db: SqliteDatabase, call: Callable[..., Awaitable[Any]]) -> None:
    run_id = paused(db)
    with pytest.raises(EventLoopError, match=r"asyncio only.*await trio\.to_thread\.run_sync\(agent\.do, task\)"):
        trio.run(call, db, run_id)
    assert db.run(run_id).is_paused
    assert len(db.runs()) == 1


def test_without_any_loop_the_same_is_said() -> None:
    step: Coroutine[Any, Any, Any] = agent().do_async("Work.")
    with pytest.raises(EventLoopError, match=r"asyncio\.run\(agent\.do_async\(task\)\)"):
        step.send(None)


def test_what_trio_is_told_works() -> None:
    replies = [wants("work", number=1), wants("work_later", number=2), "done"]

    async def main() -> Any:
        return await trio.to_thread.run_sync(agent(*replies).do, "Work.")

    assert trio.run(main) == "done"


def test_anyio_works_on_asyncio_and_is_told_on_trio() -> None:
    async def main() -> Any:
        return await agent(wants("work", number=1), "done").do_async("Work.")

    assert anyio.run(main, backend="asyncio") == "done"
    with pytest.raises(EventLoopError, match="anyio on trio"):
        anyio.run(main, backend="trio")


def test_uvloop_works() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> Any:
        replies = [wants("work", number=1), wants("work_later", number=2), "done"]
        return await asyncio.gather(*(agent(*replies).do_async("Work.") for _ in range(3)))

    assert uvloop.run(main()) == ["done"] * 3


class Blind(asyncio.SelectorEventLoop):
    """Like the proactor loop of Windows."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        if getattr(callback, "__name__", "") == "_read_from_self":
            super().add_reader(fd, callback, *args)
            return
        raise NotImplementedError


def run_blind(main: Coroutine[Any, Any, Any]) -> Any:
    loop = Blind()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def test_a_loop_that_watches_no_files_is_named_with_what_to_do() -> None:
    with pytest.raises(
        EventLoopError, match=r"Blind can't watch file descriptors.*asyncio\.to_thread\(agent\.do, task\)"
    ):
        run_blind(agent().do_async("Work."))


def test_what_such_a_loop_is_told_works() -> None:
    async def main() -> Any:
        return await asyncio.to_thread(agent(wants("work", number=1), "done").do, "Work.")

    assert run_blind(main()) == "done"


GEVENT = """
import sys
from gevent import monkey
monkey.patch_all(**eval(sys.argv[1]))
import gevent
from haltpoint import Agent, EventLoopError, ModelReply, ScriptedModel, SqliteDatabase, ToolCall, tool
from support.programs import tell


@tool
def work(number: int) -> str:
    return f"worked {number}"

def agent():
    calls = [ToolCall("work", {"number": number}) for number in (1, 2)]
    return Agent(ScriptedModel([ModelReply(tool_calls=calls), "done"]), db=db, tools=[work])

with SqliteDatabase(sys.argv[3]) as db:
    call = {
        "do": lambda: agent().do("Work."),
        "pool": lambda: gevent.get_hub().threadpool.apply(agent().do, ("Work.",)),
    }[sys.argv[2]]
    try:
        tell([call(), *(one.get() for one in [gevent.spawn(call) for _ in range(3)])])
    except EventLoopError as error:
        tell(f"EventLoopError: {error}")
"""


def run_gevent(tmp_path: Path, patched: str, call: str) -> Any:
    program = tmp_path / "greenlets.py"
    program.write_text(GEVENT)
    return run_program(program, patched, call, str(tmp_path / "runs.db"), cwd=tmp_path).last


@pytest.mark.parametrize(
    ("patched", "named"),
    [
        ("{}", "threading, queue, select"),
        ("{'thread': False}", "queue, select"),
        ("{'select': False, 'queue': False}", "threading"),
    ],
)
def test_gevent_is_told_what_to_do(tmp_path: Path, patched: str, named: str) -> None:
    told = run_gevent(tmp_path, patched, "do")
    assert told.startswith(f"EventLoopError: gevent has replaced {named}, and haltpoint needs real threads")
    assert "monkey.patch_all(thread=False, queue=False, select=False)" in told
    assert "gevent.get_hub().threadpool.apply(agent.do, (task,))" in told


@pytest.mark.parametrize("call", ["do", "pool"])
def test_what_gevent_is_told_works(tmp_path: Path, call: str) -> None:
    told = run_gevent(tmp_path, "{'thread': False, 'queue': False, 'select': False}", call)
    assert told == ["done"] * 4
