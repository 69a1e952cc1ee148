"""Runs under a key: whoever starts one a second time gets the first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import Agent, InMemoryDatabase, ModelError, RunConflictError, RunNotCompletedWarning, ScriptedModel, Task
from haltpoint.db import Database
from haltpoint.exceptions import RunErasedError
from support.databases import opened
from support.programs import Program

from . import starter
from .crew import CLERK
from .workers import Yard


class Report(BaseModel):
    """An answer."""

    title: str


@pytest.fixture
def database(yard: Yard) -> Iterator[Database]:
    with yard.database() as database:
        yield database


def _clerk(database: Database, *replies: Any, name: str | None = "clerk", **settings: Any) -> Agent[Any]:
    return Agent(ScriptedModel([*replies]), name=name, db=database, **settings)


def test_a_second_submission_with_the_same_key_is_the_first_run(database: Database) -> None:
    clerk = CLERK.on_database(database)
    first = clerk.submit("Greet.", key="order-17")
    assert clerk.submit("Greet.", key="order-17") == first
    # Another process has made the agent anew, with what a new release brings.
    again = _clerk(database, role="A clerk", tool_call_limit=7)
    assert again.submit(Task("Greet."), key="order-17") == first
    assert database.count_runs() == 1
    assert clerk.submit("Greet.", key="order-18") != first


def test_keys_are_those_of_an_agents_name(database: Database) -> None:
    runs = {_clerk(database, name=name).submit("Greet.", key="order-17") for name in ("clerk", "cook", "clerk")}
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("task", "settings", "differing"),
    [
        (Task("Bake."), {}, "description"),
        (Task("Greet.", context="In German."), {}, "context"),
        (Task("Greet.", response_format=Report), {}, "response_format"),
        (Task("Greet."), {"user_id": "ann"}, "user_id"),
        (Task("Greet."), {"session_id": "s"}, "session_id"),
        (Task("Greet."), {"metadata": {"order": 18}}, "metadata"),
    ],
)
def test_another_task_under_the_same_key_is_refused(
    database: Database, task: Task[Any], settings: dict[str, Any], differing: str
) -> None:
    clerk = _clerk(database, "unused")
    first = clerk.submit("Greet.", key="order-17")
    for start in (clerk.submit, clerk.do):
        with pytest.raises(RunConflictError, match=f"another {differing}") as raised:
            start(task, key="order-17", **settings)
        assert (raised.value.run_id, raised.value.differing) == (first, (differing,))
    assert database.run(first).status.value == "QUEUED"
    assert task.run_id is None


def test_metadata_is_compared_as_a_value(database: Database) -> None:
    clerk = CLERK.on_database(database)
    first = clerk.submit("Greet.", key="k", metadata={"a": 1, "b": 2})
    assert clerk.submit("Greet.", key="k", metadata={"b": 2, "a": 1}) == first


@pytest.mark.parametrize("key", ["", 17])
def test_a_key_is_a_text(database: Database, key: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="key must"):
        _clerk(database).submit("Greet.", key=key)


def test_a_key_needs_a_name_and_one_task(database: Database) -> None:
    with pytest.raises(ValueError, match="name"):
        _clerk(database, name=None).do("Greet.", key="k")
    with pytest.raises(ValueError, match="one task"):
        _clerk(database).do(["Greet."], key="k")  # type: ignore[call-overload]


def test_a_run_that_was_erased_is_not_started_anew(database: Database) -> None:
    clerk = CLERK.on_database(database)
    run_id = clerk.submit("Greet.", key="k")
    database.erase(run_id=run_id, force=True)
    with pytest.raises(RunErasedError):
        clerk.submit("Greet.", key="k")


def test_a_completed_run_is_returned_and_its_model_is_not_asked_again(database: Database) -> None:
    first = _clerk(database, "Welcome!").do("Greet.", key="k", return_output=True)
    again = _clerk(database).do("Greet.", key="k", return_output=True)
    assert (again.run_id, again.output) == (first.run_id, "Welcome!")


def test_an_answer_is_of_the_tasks_own_type(database: Database) -> None:
    _clerk(database, '{"title": "one"}').do(Task("Report.", response_format=Report), key="k")
    task = Task("Report.", response_format=Report)
    assert _clerk(database).do(task, key="k") == Report(title="one")
    assert task.response == Report(title="one")


def test_keys_work_in_memory() -> None:
    clerk = _clerk(InMemoryDatabase(), "Welcome!")
    assert [clerk.do("Greet.", key="k") for _ in range(2)] == ["Welcome!", "Welcome!"]


def test_a_paused_run_is_returned_until_it_is_decided(database: Database) -> None:
    first = CLERK.on_database(database).do("pay", key="k", return_output=True)
    again = CLERK.on_database(database).do("pay", key="k", return_output=True)
    assert (again.run_id, again.status.value) == (first.run_id, "PAUSED")
    (requirement,) = database.requirements(run_id=first.run_id)
    requirement.confirm()
    requirement.commit()
    assert CLERK.on_database(database).do("pay", key="k") == "finished"


def test_a_handler_of_the_second_call_is_asked(database: Database) -> None:
    CLERK.on_database(database).do("pay", key="k", return_output=True)
    assert CLERK.on_database(database).do("pay", key="k", hitl_handler=lambda item: item.confirm()) == "finished"


def test_a_failed_run_fails_again_and_a_cancelled_one_stays_cancelled(database: Database) -> None:
    clerk = _clerk(database)
    failures: list[str | None] = []
    for _ in range(2):
        with pytest.raises(ModelError) as raised:
            clerk.do("Greet.", key="k")
        failures.append(raised.value.run_id)
    assert failures[0] == failures[1]
    cancelled = clerk.submit("Greet.", key="other")
    database.cancel(cancelled)
    with pytest.warns(RunNotCompletedWarning):
        assert clerk.do("Greet.", key="other") is None


def test_a_submitted_run_is_driven_by_whoever_calls_with_its_key(database: Database) -> None:
    run_id = CLERK.on_database(database).submit("Greet.", key="k")
    output = CLERK.on_database(database).do("Greet.", key="k", return_output=True)
    assert (output.run_id, output.output) == (run_id, "finished")


def test_calls_of_one_process_at_once_are_one_run(database: Database) -> None:
    async def both() -> list[Any]:
        clerk = CLERK.on_database(database)
        return await asyncio.gather(*(clerk.do_async("work", key="k", return_output=True) for _ in range(3)))

    outputs = asyncio.run(both())
    assert {output.run_id for output in outputs} == {outputs[0].run_id}
    assert {output.output for output in outputs} == {"finished"}


def test_a_call_that_is_cancelled_as_it_starts_leaves_a_cancelled_run(database: Database) -> None:
    async def cancelled_at_once() -> None:
        call = asyncio.ensure_future(CLERK.on_database(database).do_async("work", key="k"))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(cancelled_at_once())
    assert [run.status.value for run in database.runs()] in ([], ["CANCELLED"])


def _starter(yard: Yard, *words: str, fault: str | None = None) -> Program:
    environment = {**yard.environment, **({} if fault is None else {"HALTPOINT_FAULT": fault})}
    cwd = yard.db_file.parent
    return Program(Path(starter.__file__), str(yard.db_file), *words, cwd=cwd, env=environment)


def _told_at_once(yard: Yard, count: int, *words: str) -> list[Any]:
    """Let so many processes begin at once, and return what they say."""
    with ExitStack() as stack:
        starters = [stack.enter_context(_starter(yard, *words)) for _ in range(count)]
        assert [process.hear() for process in starters] == ["ready"] * count
        for process in starters:
            process.say("go")
        return [process.finish().last for process in starters]


@pytest.mark.parametrize("form", ["submit", "do"])
def test_processes_that_start_at_once_start_one_run(yard: Yard, form: str) -> None:
    with yard.database():
        pass
    told = _told_at_once(yard, 4, form, "work", "k")
    assert len({run_id for run_id, _ in told}) == 1
    assert yard.ask(lambda database: database.count_runs()) == 1
    if form == "do":
        assert [output for _, output in told] == ["finished"] * 4
        assert len(yard.notes()) == 2  # It began once, and ended once.


@pytest.mark.parametrize("fault", ["after_commit:run_started:1", "before_tool:1", "after_tool:1"])
def test_the_same_call_after_a_crash_goes_on_with_the_run(yard: Yard, fault: str) -> None:
    with _starter(yard, "do", "work", "k", fault=fault) as dying:
        dying.say("go")
        assert dying.finish().code == -signal.SIGKILL
    (before,) = yard.ask(lambda database: database.runs())
    ((run_id, output),) = _told_at_once(yard, 1, "do", "work", "k")
    assert run_id == before.run_id
    # A call in doubt waits for a person.
    assert output == ("finished" if "run_started" in fault else None)


def test_it_is_the_same_run_after_the_database_was_opened_anew(tmp_path: Path) -> None:
    runs: list[str] = []
    for _ in range(2):
        with opened(tmp_path / "runs.db") as database:
            runs.append(CLERK.on_database(database).submit("Greet.", key="schlüssel ✓"))
    assert runs[0] == runs[1]
