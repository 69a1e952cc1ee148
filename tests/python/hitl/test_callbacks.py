"""Where the functions run that users give to a call: plain ones in the calling thread, or in one of their own."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
from typing import Any

import pytest

from haltpoint import Agent, ForkedProcessError, RunRequirement, ScriptedModel, SqliteDatabase, tool
from support.callbacks import FORMS, KINDS, called_back, in_form
from support.replies import wants, wants_all
from support.running import asynchronous, until

_tenant = contextvars.ContextVar("tenant", default="nobody")

every_kind = pytest.mark.parametrize("kind", KINDS)
every_form = pytest.mark.parametrize("form", FORMS)


def confirm(requirement: RunRequirement) -> None:
    requirement.confirm()


def answering(text: str, db: SqliteDatabase) -> Agent:
    return Agent(ScriptedModel([text]), db=db)


@tool(requires_confirmation=True)
def act() -> str:
    """Act."""
    return "acted"


@tool(requires_confirmation=True)
def act_otherwise() -> str:
    """Act otherwise."""
    return "acted"


def acting(db: SqliteDatabase, **options: Any) -> Agent:
    return Agent(ScriptedModel([wants("act"), "finished"]), db=db, tools=[act], **options)


@every_kind
def test_a_synchronous_method_calls_a_plain_function_in_the_calling_thread(kind: str, db: SqliteDatabase) -> None:
    seen: set[int] = set()
    called_back(kind, "do", lambda: seen.add(threading.get_ident()), db)
    assert seen == {threading.get_ident()}


@every_kind
def test_an_async_method_calls_a_plain_function_in_a_thread_of_its_own(kind: str, db: SqliteDatabase) -> None:
    seen: set[int] = set()
    called_back(kind, "do_async", lambda: seen.add(threading.get_ident()), db)
    assert seen
    assert threading.get_ident() not in seen


@every_kind
@every_form
def test_an_async_function_runs_on_the_loop_of_the_call(kind: str, form: str, db: SqliteDatabase) -> None:
    seen: set[bool] = set()

    async def work() -> None:
        await asyncio.sleep(0)
        seen.add(threading.current_thread() is threading.main_thread())

    called_back(kind, form, work, db)
    assert seen == {form == "do_async"}


@every_kind
@every_form
def test_a_function_sees_what_its_caller_set_and_sets_nothing_of_its_callers(
    kind: str, form: str, db: SqliteDatabase
) -> None:
    seen: list[str] = []

    def work() -> None:
        seen.append(_tenant.get())
        _tenant.set("callback")

    def call() -> None:
        _tenant.set("caller")
        called_back(kind, form, work, db)
        assert _tenant.get() == "caller"

    contextvars.copy_context().run(call)
    assert set(seen) == {"caller"}


@every_kind
@every_form
def test_the_synchronous_methods_work_in_a_plain_function(kind: str, form: str, db: SqliteDatabase) -> None:
    seen: set[str] = set()
    called_back(kind, form, lambda: seen.add(answering("inner", db).do("Answer.")), db)
    assert seen == {"inner"}


@every_kind
@every_form
def test_asyncio_run_works_in_a_plain_function(kind: str, form: str, db: SqliteDatabase) -> None:
    seen: set[str] = set()

    async def inner() -> str:
        return await answering("inner", db).do_async("Answer.")

    called_back(kind, form, lambda: seen.add(asyncio.run(inner())), db)
    assert seen == {"inner"}


@every_kind
@every_form
def test_an_async_function_may_await_another_run(kind: str, form: str, db: SqliteDatabase) -> None:
    seen: set[str] = set()

    async def work() -> None:
        seen.add(await answering("inner", db).do_async("Answer."))

    called_back(kind, form, work, db)
    assert seen == {"inner"}


@every_kind
@every_form
def test_a_function_may_start_a_run_that_calls_back_itself(kind: str, form: str, db: SqliteDatabase) -> None:
    seen: list[str] = []

    def ask(requirement: RunRequirement) -> None:
        seen.append(answering("innermost", db).do("Answer."))
        requirement.confirm()

    called_back(kind, form, lambda: seen.append(acting(db).do("Act.", hitl_handler=ask)), db)
    assert set(seen) == {"innermost", "finished"}


@every_kind
@every_form
def test_a_function_that_waits_holds_up_no_other_run(kind: str, form: str, db: SqliteDatabase) -> None:
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        assert leave.wait(20)

    thread = threading.Thread(target=called_back, args=(kind, form, work, db))
    thread.start()
    try:
        assert entered.wait(20)
        assert answering("other", db).do("Answer.") == "other"
        assert acting(db).do("Act.", hitl_handler=confirm) == "finished"
    finally:
        leave.set()
        thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "reconcile"])
@asynchronous
async def test_a_plain_function_that_waits_does_not_hold_up_the_loop(kind: str, db: SqliteDatabase) -> None:
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        assert leave.wait(20)

    # A thread, because the helper brings a loop of its own; the run under test is the one on this loop.
    call = asyncio.create_task(asyncio.to_thread(called_back, kind, "do_async", work, db))
    await until(entered)
    assert await answering("other", db).do_async("Answer.") == "other"
    leave.set()
    assert (await call).is_complete


@asynchronous
async def test_a_synchronous_method_within_a_loop_calls_back_in_its_thread_where_asyncio_run_works(
    db: SqliteDatabase,
) -> None:
    seen: list[Any] = []

    def ask(requirement: RunRequirement) -> None:
        seen.append(threading.get_ident())
        seen.append(asyncio.run(answering("inner", db).do_async("Answer.")))
        requirement.confirm()

    task = asyncio.current_task()
    assert acting(db).do("Act.", hitl_handler=ask) == "finished"
    assert seen == [threading.get_ident(), "inner"]
    assert asyncio.current_task() is task
    await asyncio.sleep(0)


@asynchronous
async def test_an_async_tool_that_awaits_another_agent_does_not_call_its_handlers_in_the_outer_callers_thread(
    db: SqliteDatabase,
) -> None:
    seen: list[int] = []

    def ask(requirement: RunRequirement) -> None:
        seen.append(threading.get_ident())
        requirement.confirm()

    @tool
    async def delegate() -> str:
        """Let another agent do it."""
        return await acting(db).do_async("Act.", hitl_handler=ask)

    def call() -> Any:
        seen.append(threading.get_ident())
        return Agent(ScriptedModel([wants("delegate"), "passed on"]), db=db, tools=[delegate]).do("Delegate.")

    assert await asyncio.to_thread(call) == "passed on"
    assert len(set(seen)) == 2


class Overlaps:
    """Counts how many functions are under way at once."""

    def __init__(self) -> None:
        self.most = 0
        self.calls: list[Any] = []
        self._now = 0
        self._lock = threading.Lock()

    def plain(self, fact: Any) -> None:
        self._begin(fact)
        # Room for another one to come in between.
        threading.Event().wait(0.002)
        self._end()

    async def asynchronous(self, fact: Any) -> None:
        self._begin(fact)
        await asyncio.sleep(0.002)
        self._end()

    def _begin(self, fact: Any) -> None:
        with self._lock:
            self.calls.append(fact)
            self._now += 1
            self.most = max(self.most, self._now)

    def _end(self) -> None:
        with self._lock:
            self._now -= 1


@pytest.mark.parametrize("way", ["plain", "asynchronous"])
@every_form
def test_a_call_calls_back_one_function_at_a_time_and_events_come_in_order(
    way: str, form: str, db: SqliteDatabase
) -> None:
    overlaps = Overlaps()
    count = getattr(overlaps, way)

    def rule() -> bool:
        if way == "plain":
            count("rule")
        return False

    async def async_rule() -> bool:
        await count("rule")
        return False

    @tool(requires_confirmation=rule if way == "plain" else async_rule)
    def look() -> str:
        """Look."""
        return "seen"

    model = ScriptedModel([wants_all(*[("look", {})] * 4, ("act", {}), ("act_otherwise", {})), "finished"])
    agent = Agent(model, db=db, tools=[look, act, act_otherwise], on_event=count, on_pause=count)
    handler = functools.partial(_counted, overlaps) if way == "plain" else _counted_async(overlaps)
    output = in_form(form, agent, hitl_handler=handler)
    assert output.is_complete
    assert overlaps.most == 1
    assert overlaps.calls.count("rule") == 4
    told = [event.seq for event in overlaps.calls if hasattr(event, "seq")]
    assert told == sorted(told)
    assert told[-1] == len(db.journal(output.run_id))


def _counted(overlaps: Overlaps, requirement: RunRequirement) -> None:
    overlaps.plain(requirement)
    requirement.confirm()


def _counted_async(overlaps: Overlaps) -> Any:
    async def ask(requirement: RunRequirement) -> None:
        await overlaps.asynchronous(requirement)
        requirement.confirm()

    return ask


@every_form
def test_a_handler_may_commit_its_decision_itself(form: str, db: SqliteDatabase) -> None:
    def ask(requirement: RunRequirement) -> None:
        requirement.reject("not today", by="ann")
        assert requirement.commit().decided_by == "ann"

    assert in_form(form, acting(db), hitl_handler=ask).output == "finished"
    assert "not today" in str(db.run(db.runs()[0].run_id).tools[0].result)


@every_form
def test_a_handler_may_continue_the_very_run_that_it_is_asked_about(form: str, db: SqliteDatabase) -> None:
    agent = acting(db)

    def ask(requirement: RunRequirement) -> None:
        requirement.confirm()
        requirement.commit()
        assert agent.continue_run(run_id=str(requirement.run_id)) == "finished"

    assert in_form(form, agent, hitl_handler=ask).output == "finished"


@every_form
def test_a_plain_function_that_returns_an_awaitable_is_awaited(form: str, db: SqliteDatabase) -> None:
    async def decide(requirement: RunRequirement) -> None:
        await asyncio.sleep(0)
        requirement.confirm()

    def ask(requirement: RunRequirement) -> Any:
        return decide(requirement)

    assert in_form(form, acting(db), hitl_handler=ask).output == "finished"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_that_returns_from_a_function_is_told_that_the_call_is_its_parents(db: SqliteDatabase) -> None:
    children: list[int] = []

    def fork(requirement: RunRequirement) -> None:
        child = os.fork()
        if child:
            children.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            requirement.confirm()

    here = os.getpid()
    try:
        answer = acting(db).do("Act.", hitl_handler=fork)
    except ForkedProcessError:
        os._exit(3 if os.getpid() != here else 4)
    assert (answer, children) == ("finished", [3])


def test_many_threads_call_back_in_themselves(db: SqliteDatabase) -> None:
    # Thread objects, since the number of a thread that has ended is given to the next one.
    asked: dict[threading.Thread, threading.Thread] = {}

    def call() -> None:
        def ask(requirement: RunRequirement) -> None:
            asked[caller] = threading.current_thread()
            requirement.confirm()

        caller = threading.current_thread()
        assert acting(db).do("Act.", hitl_handler=ask) == "finished"

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert asked == {thread: thread for thread in threads}


@pytest.mark.parametrize("answers", [["ann", "bob"], ["ann", "ann"], ["ann", None], [None]])
@every_form
def test_a_handler_is_asked_for_one_approval_after_the_other_until_it_gives_none(
    answers: list[str | None], form: str, db: SqliteDatabase
) -> None:
    @tool(requires_confirmation=True, approvals=2)
    def pay() -> str:
        """Pay."""
        return "paid"

    left = iter(answers)

    def ask(requirement: RunRequirement) -> None:
        by = next(left)
        if by is not None:
            requirement.confirm(by=by)

    agent = Agent(ScriptedModel([wants("pay"), "finished"]), db=db, tools=[pay])
    output = in_form(form, agent, hitl_handler=ask)
    assert output.is_complete == (answers == ["ann", "bob"])
    assert next(left, "all were asked") == "all were asked"


@every_form
def test_what_a_handler_leaves_undecided_it_is_not_asked_again_in_the_same_call(form: str, db: SqliteDatabase) -> None:
    model = ScriptedModel([wants_all(("act", {}), ("act_otherwise", {})), "finished"])
    agent = Agent(model, db=db, tools=[act, act_otherwise])
    asked: list[str] = []

    def ask(requirement: RunRequirement) -> None:
        asked.append(requirement.tool_execution.tool_name)
        if requirement.tool_execution.tool_name == "act_otherwise":
            requirement.confirm()

    output = in_form(form, agent, hitl_handler=ask)
    assert asked == ["act", "act_otherwise"]
    assert [item.tool_execution.tool_name for item in output.active_requirements] == ["act"]
    assert [execution.result for execution in output.tools] == [None, "acted"]
    assert agent.continue_run(run_id=output.run_id, hitl_handler=confirm) == "finished"


@pytest.mark.parametrize("place", ["hitl_handler", "on_pause"])
@pytest.mark.parametrize("is_begun", [True, False])
def test_a_run_that_a_callback_cancels_is_returned_cancelled(db: SqliteDatabase, place: str, is_begun: bool) -> None:
    def cancel(fact: Any) -> None:
        db.cancel(fact.run_id)

    handler, on_pause = (cancel, None) if place == "hitl_handler" else (None, cancel)
    agent = Agent(ScriptedModel([wants("act"), "finished"]), db=db, tools=[act], on_pause=on_pause)
    if is_begun and handler is not None:
        paused = agent.do("Act.", return_output=True)
        output = agent.continue_run(run_id=paused.run_id, hitl_handler=handler, return_output=True)
    else:
        output = agent.do("Act.", hitl_handler=handler, return_output=True)
    assert output.is_cancelled
    assert db.run(output.run_id).is_cancelled
