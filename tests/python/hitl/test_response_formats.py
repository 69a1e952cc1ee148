"""Answers in the form of a pydantic model."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from haltpoint import Agent, InvalidOutputError, ScriptedModel, SqliteDatabase, Task
from support.programs import run_program
from support.replies import wants
from support.running import asynchronous
from support.workshop import TOOLS


class City(BaseModel):
    name: str
    people: int


GOOD = '{"name": "Oslo", "people": 709037}'
BAD = '{"name": "Oslo", "people": "many"}'


@pytest.mark.parametrize("text", [GOOD, f"```json\n{GOOD}\n```", f"  {GOOD}\n"])
@asynchronous
async def test_the_output_is_a_validated_instance(db: SqliteDatabase, text: str) -> None:
    agent, task = Agent(ScriptedModel([text]), db=db), Task("A city.", response_format=City)
    output = await agent.do_async(task, return_output=True)
    assert output.output == City(name="Oslo", people=709037)
    assert task.response == output.output
    assert await agent.continue_run_async(run_id=output.run_id) == output.output


@asynchronous
async def test_an_answer_that_does_not_fit_goes_back_with_the_reason(db: SqliteDatabase) -> None:
    scripted = ScriptedModel([BAD, "Oslo!", GOOD])
    result = await Agent(scripted, db=db).do_async(Task("A city.", response_format=City))
    assert result == City(name="Oslo", people=709037)
    reasons = [str(request.messages[-1].content) for request in scripted.requests[1:]]
    assert "people" in reasons[0]
    assert "City" in reasons[1]


@asynchronous
async def test_a_model_that_never_answers_in_form_ends_the_run_with_an_error(db: SqliteDatabase) -> None:
    scripted = ScriptedModel([BAD] * 50)
    agent = Agent(scripted, db=db)
    with pytest.raises(InvalidOutputError) as caught:
        await agent.do_async(Task("A city.", response_format=City))
    assert caught.value.run_id == agent.run_id
    assert agent.get_run_output().is_error  # type: ignore[union-attr]
    assert 2 <= len(scripted.requests) <= 10


@asynchronous
async def test_a_run_that_was_given_up_continues_with_a_better_model(db: SqliteDatabase) -> None:
    agent, task = Agent(ScriptedModel([BAD] * 50), db=db), Task("A city.", response_format=City)
    with pytest.raises(InvalidOutputError):
        await agent.do_async(task)
    better = ScriptedModel([GOOD] * 50)
    assert await agent.continue_run_async(task=task, model=better) == City(name="Oslo", people=709037)


@asynchronous
async def test_a_process_without_the_class_continues_with_plain_data(db: SqliteDatabase, db_file: Path) -> None:
    agent = Agent(ScriptedModel([wants("paint", color="red"), GOOD]), db=db, tools=TOOLS)
    paused = await agent.do_async(Task("A city.", response_format=City), return_output=True)
    program = db_file.parent / "without_class.py"
    program.write_text(
        f"""
import sys
from pathlib import Path
from haltpoint import Agent, ScriptedModel
from support.databases import opened
from support.programs import tell
from support.replies import wants
from support.workshop import TOOLS
with opened(Path(sys.argv[1])) as db:
    agent = Agent(ScriptedModel([wants("paint", color="red"), {GOOD!r}]), db=db, tools=TOOLS)
    tell(agent.continue_run(run_id=sys.argv[2], hitl_handler=lambda item: item.confirm()))
"""
    )
    finished = run_program(program, str(db_file), paused.run_id, cwd=db_file.parent)
    assert finished.last == {"name": "Oslo", "people": 709037}
    assert await agent.continue_run_async(run_id=paused.run_id) == City(name="Oslo", people=709037)


@asynchronous
async def test_tools_may_be_called_before_the_answer_in_form(db: SqliteDatabase) -> None:
    agent = Agent(ScriptedModel([wants("note_down", text="a"), GOOD]), db=db, tools=TOOLS)
    assert (await agent.do_async(Task("A city.", response_format=City))).name == "Oslo"
