"""An answer in the form of a class is validated once, and never on the event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel

from haltpoint import Agent, InvalidOutputError, ScriptedModel, SqliteDatabase, Task, tool
from support.replies import wants
from support.running import asynchronous

CALLED: list[int] = []


def noted(value: int) -> int:
    CALLED.append(threading.get_ident())
    return value


class Report(BaseModel):
    pages: Annotated[int, AfterValidator(noted)]


class Titled(Report):
    title: str = "untitled"


@tool(requires_confirmation=True)
def look() -> str:
    """Look."""
    return "looked"


@pytest.fixture(autouse=True)
def _nothing_called() -> None:
    CALLED.clear()


@pytest.mark.parametrize("return_output", [False, True])
@asynchronous
async def test_it_is_validated_once(db: SqliteDatabase, return_output: bool) -> None:
    agent = Agent(ScriptedModel(['{"pages": 3}']), db=db)
    task = Task("Report.", response_format=Report)
    found: Any = await agent.do_async(task, return_output=return_output)
    report = found.output if return_output else found
    assert report == Report.model_construct(pages=3)
    assert task.response is report
    assert len(CALLED) == 1
    assert threading.get_ident() not in CALLED


@asynchronous
async def test_so_is_one_that_a_continued_run_ends_with(db: SqliteDatabase) -> None:
    agent = Agent(ScriptedModel([wants("look"), '{"pages": 3}']), db=db, tools=[look])
    task = Task("Report.", response_format=Report)
    output = await agent.do_async(task, return_output=True)
    output.active_requirements[0].confirm()
    report = await agent.continue_run_async(task)
    assert report.pages == 3
    assert len(CALLED) == 1


@asynchronous
async def test_one_that_the_class_completes_is_what_every_process_reads(db: SqliteDatabase, db_file: Path) -> None:
    agent = Agent(ScriptedModel(['{"pages": 3}']), db=db)
    task = Task("Report.", response_format=Titled)
    report = await agent.do_async(task)
    assert threading.get_ident() not in CALLED
    output = db.run(str(task.run_id))
    assert output.to_dict()["output"] == {"pages": 3, "title": "untitled"}
    assert report.title == "untitled"


@asynchronous
async def test_one_that_is_on_disk_already_is_read_beside_the_loop(db: SqliteDatabase) -> None:
    agent = Agent(ScriptedModel(['{"pages": 3}']), db=db)
    output = await agent.do_async(Task("Report.", response_format=Report), return_output=True)
    CALLED.clear()
    report = await agent.continue_run_async(Task("Report.", response_format=Report), run_id=output.run_id)
    assert report.pages == 3
    assert len(CALLED) == 1
    assert threading.get_ident() not in CALLED


@asynchronous
async def test_one_that_does_not_fit_any_more_is_an_error_as_ever(db: SqliteDatabase) -> None:
    class Other(BaseModel):
        sheets: int

    agent = Agent(ScriptedModel(['{"pages": 3}']), db=db)
    output = await agent.do_async(Task("Report.", response_format=Report), return_output=True)
    with pytest.raises(InvalidOutputError):
        await agent.continue_run_async(Task("Report.", response_format=Other), run_id=output.run_id)


def test_the_synchronous_form_reads_it_once_too(db: SqliteDatabase) -> None:
    report = Agent(ScriptedModel(['{"pages": 3}']), db=db).do(Task("Report.", response_format=Report))
    assert report.pages == 3
    assert len(CALLED) == 1


def test_another_loop_does_not_wait_for_a_slow_validator(db: SqliteDatabase) -> None:
    leave = threading.Event()

    def slow(value: int) -> int:
        assert leave.wait(20)
        return value

    class Slow(BaseModel):
        pages: Annotated[int, AfterValidator(slow)]

    async def both() -> Any:
        run = asyncio.create_task(
            Agent(ScriptedModel(['{"pages": 3}']), db=db).do_async(Task("Report.", response_format=Slow))
        )
        other = await Agent(ScriptedModel(["fine"]), db=db).do_async("Another.")
        leave.set()
        return other, (await run).pages

    assert asyncio.run(both()) == ("fine", 3)
