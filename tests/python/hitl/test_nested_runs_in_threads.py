"""Plain functions that wait for runs, which call plain functions: however deep, and however many at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, SqliteDatabase, TooManyThreadsError, tool
from haltpoint._concurrency import background_loop, threads
from support.callbacks import called_back
from support.replies import wants
from support.running import asynchronous, until

_MANY = 300
_PATIENCE = 100


class Together:
    """Lets those who come wait for each other, so that all of them are there at once."""

    def __init__(self, number: int) -> None:
        self._barrier = threading.Barrier(number)

    def wait(self) -> None:
        self._barrier.wait(_PATIENCE)


def _leaf() -> str:
    """Do it."""
    return "leaf"


def _agent(db: InMemoryDatabase, function: Callable[[], str], **options: Any) -> Agent:
    function.__name__ = function.__qualname__ = "work"
    return Agent(ScriptedModel([wants("work"), "finished"]), db=db, tools=[tool(**options)(function)])


def _nested(db: InMemoryDatabase, depth: int, together: Together, inner: Callable[[Agent], Any]) -> Agent:
    """An agent whose plain tool waits for another agent's run, and so on, so many times."""
    if depth == 0:
        return _agent(db, lambda: "leaf")

    def delegate() -> str:
        if depth == 1:
            together.wait()
        return str(inner(_nested(db, depth - 1, together, inner)))

    return _agent(db, delegate)


def _by_do(agent: Agent) -> Any:
    return agent.do("Work.")


def _by_asyncio_run(agent: Agent) -> Any:
    return asyncio.run(agent.do_async("Work."))


def _by_a_thread_of_its_own(agent: Agent) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(agent.do, "Work.").result()


@pytest.mark.parametrize(
    ("number", "depth", "inner"),
    [(_MANY, 1, _by_do), (100, 3, _by_do), (100, 2, _by_asyncio_run), (100, 2, _by_a_thread_of_its_own)],
)
@asynchronous
async def test_plain_tools_that_run_agents_do_not_wait_for_each_others_threads(
    number: int, depth: int, inner: Callable[[Agent], Any]
) -> None:
    with InMemoryDatabase() as db:
        together = Together(number)
        runs = [_nested(db, depth, together, inner).do_async("Work.") for _ in range(number)]
        assert await asyncio.wait_for(asyncio.gather(*runs), _PATIENCE) == ["finished"] * number


@asynchronous
async def test_rules_that_run_agents_do_not_wait_for_each_others_threads() -> None:
    with InMemoryDatabase() as db:
        together = Together(_MANY)

        def rule() -> bool:
            together.wait()
            return _agent(db, lambda: "leaf").do("Work.") != "finished"

        runs = [_agent(db, lambda: "acted", requires_confirmation=rule).do_async("Work.") for _ in range(_MANY)]
        assert await asyncio.wait_for(asyncio.gather(*runs), _PATIENCE) == ["finished"] * _MANY


@asynchronous
async def test_while_all_threads_are_busy_the_database_can_be_read_and_runs_go_on() -> None:
    leave, together = threading.Event(), Together(_MANY + 1)

    def busy() -> str:
        together.wait()
        assert leave.wait(_PATIENCE)
        return "done"

    with InMemoryDatabase() as db:
        runs = [asyncio.create_task(_agent(db, busy).do_async("Work.")) for _ in range(_MANY)]
        await asyncio.to_thread(together.wait)
        other = await _agent(db, lambda: "leaf").do_async("Work.", return_output=True)
        assert (await db.run_async(other.run_id)).is_complete
        assert len(await db.runs_async(limit=10)) == 10
        leave.set()
        assert await asyncio.wait_for(asyncio.gather(*runs), _PATIENCE) == ["finished"] * _MANY


def _threads_of_haltpoint() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "haltpoint-call"]


def test_threads_without_work_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_LONGEST_IDLE", 0.05)
    monkeypatch.setattr(threads, "_threads", threads._Threads())
    before = len(_threads_of_haltpoint())
    together = Together(20)

    async def call() -> None:
        await asyncio.gather(*[threads.in_thread(together.wait) for _ in range(20)])

    asyncio.run(call())
    assert len(_threads_of_haltpoint()) > before
    end = time.monotonic() + _PATIENCE
    while len(_threads_of_haltpoint()) > before and time.monotonic() < end:
        time.sleep(0.01)
    assert len(_threads_of_haltpoint()) == before
    # And there are new ones when there is work again.
    asyncio.run(call())


def test_a_thread_that_is_free_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_threads", threads._Threads())

    async def call() -> set[int]:
        return {await threads.in_thread(threading.get_ident) for _ in range(50)}

    assert len(asyncio.run(call())) == 1


# The operating system gives no more threads


@pytest.fixture
def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, no thread of haltpoint can be started."""
    monkeypatch.setattr(threads, "_threads", threads._Threads())
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("haltpoint-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    return lambda: monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.parametrize("kind", ["hitl_handler", "external_tool_executor"])
def test_a_handler_without_a_thread_is_not_called_and_its_caller_is_told(
    kind: str, db: SqliteDatabase, no_more_threads: Callable[[], None]
) -> None:
    called: list[None] = []
    no_more_threads()
    with pytest.raises(TooManyThreadsError, match="can't start new thread") as caught:
        called_back(kind, "do_async", lambda: called.append(None), db)
    assert not called
    assert db.run(str(caught.value.run_id)).is_paused


def test_a_rule_without_a_thread_can_not_tell_and_a_person_is_asked(
    db: SqliteDatabase, no_more_threads: Callable[[], None]
) -> None:
    called: list[None] = []
    no_more_threads()
    output = called_back("rule", "do_async", lambda: called.append(None), db)
    assert not called
    assert "TooManyThreadsError" in str(output.requirements[0].details)


def test_a_tool_without_a_thread_has_failed_and_the_model_is_told(no_more_threads: Callable[[], None]) -> None:
    no_more_threads()
    with InMemoryDatabase() as db:
        output = asyncio.run(_agent(db, _leaf).do_async("Work.", return_output=True))
    assert output.tools[0].tool_call_error
    assert "TooManyThreadsError" in str(output.tools[0].result)


@asynchronous
async def test_a_call_without_a_thread_waits_for_one_that_becomes_free(no_more_threads: Callable[[], None]) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> str:
        entered.set()
        assert leave.wait(_PATIENCE)
        return "held"

    holding = asyncio.create_task(threads.in_thread(hold))
    await until(entered)
    no_more_threads()
    waiting = [asyncio.create_task(threads.in_thread(_leaf)) for _ in range(3)]
    await asyncio.sleep(0)
    leave.set()
    assert await asyncio.wait_for(asyncio.gather(holding, *waiting), _PATIENCE) == ["held", "leaf", "leaf", "leaf"]


@asynchronous
async def test_a_call_for_which_no_thread_becomes_free_fails_instead_of_hanging(
    no_more_threads: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_LONGEST_WAIT", 0.05)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert leave.wait(_PATIENCE)

    holding = asyncio.create_task(threads.in_thread(hold))
    await until(entered)
    no_more_threads()
    with pytest.raises(TooManyThreadsError, match="stayed busy"):
        await asyncio.wait_for(threads.in_thread(_leaf), _PATIENCE)
    leave.set()
    await holding


def test_a_synchronous_method_whose_loop_gets_no_thread_says_so(
    no_more_threads: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_loop, "_loop", None)
    no_more_threads()
    with InMemoryDatabase() as db:
        agent = _agent(db, _leaf)
        with pytest.raises(TooManyThreadsError, match="synchronous methods"):
            agent.do("Work.")
        monkeypatch.undo()
        assert agent.do("Work.") == "finished"
