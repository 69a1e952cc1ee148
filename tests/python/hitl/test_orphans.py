"""Runs whose process was killed in the middle of a tool, and runs that somebody else is driving."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, FunctionModel, ModelRequest, RunBusyError, RunRequirement, SqliteDatabase
from support.databases import opened
from support.programs import Program, run_program
from support.running import asynchronous
from support.worker import WORKER
from support.workshop import TOOLS, model


def killed_in_tool(db_file: Path, script: str) -> dict[str, Any]:
    """Start a run in a process that is killed once the tool that waits has begun; return what that tool told."""
    with Program(WORKER, "start", str(db_file), script, cwd=db_file.parent) as program:
        while (started := program.hear())["started"] == "note_down":
            pass
        assert program.kill().code != 0
    return started


def in_new_process(db_file: Path, action: str, script: str, run_id: str, *arguments: str) -> list[Any]:
    with Program(WORKER, action, str(db_file), script, run_id, *arguments, cwd=db_file.parent) as program:
        program.say("")
        finished = program.finish()
    assert finished.code == 0, finished.errors
    return finished.told


def test_a_killed_runs_finished_steps_are_kept_and_its_call_in_doubt_is_presented(db_file: Path) -> None:
    run_id = killed_in_tool(db_file, "saw")["run_id"]
    (paused,) = in_new_process(db_file, "proceed", "saw", run_id)
    assert (paused["status"], paused["pause_reason"], paused["open"]) == ("PAUSED", "recovery", 1)
    assert paused["tools"][0] == ["note_down", {"text": "first"}, "noted first"]
    assert paused["tools"][1][2] is None


@pytest.mark.parametrize(
    ("decide", "result"),
    [
        (lambda item: item.supply("sawn by hand"), "sawn by hand"),
        (lambda item: item.skip("the saw is broken"), "the saw is broken"),
    ],
    ids=["supply", "skip"],
)
@asynchronous
async def test_a_call_in_doubt_is_settled_without_running_again(db_file: Path, decide: Any, result: str) -> None:
    run_id = (await asyncio.to_thread(killed_in_tool, db_file, "saw"))["run_id"]
    with opened(db_file) as db:
        agent = Agent(model("saw"), db=db, tools=TOOLS)
        output = await agent.continue_run_async(run_id=run_id, return_output=True, hitl_handler=decide)
    assert output.output == "finished"
    assert result in output.tools[1].result


def test_a_call_in_doubt_runs_again_when_a_person_says_so(db_file: Path) -> None:
    first = killed_in_tool(db_file, "saw")
    (paused,) = in_new_process(db_file, "proceed", "saw", first["run_id"])
    assert paused["pause_reason"] == "recovery"
    second, completed = in_new_process(db_file, "retry", "saw", first["run_id"])
    assert (second["started"], second["key"]) == ("saw", first["key"])
    assert second["attempt"] > first["attempt"]
    assert completed["output"] == "finished"


@pytest.mark.parametrize("script", ["glue", "measure"])
def test_a_killed_call_that_may_be_repeated_runs_again_under_the_same_key(db_file: Path, script: str) -> None:
    first = killed_in_tool(db_file, script)
    second, completed = in_new_process(db_file, "proceed", script, first["run_id"])
    assert (second["key"], second["run_id"]) == (first["key"], first["run_id"])
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert (completed["status"], completed["output"]) == ("COMPLETED", "finished")
    assert len(completed["tools"]) == 1


def test_a_confirmed_call_that_was_killed_is_not_run_again_unasked(db_file: Path) -> None:
    paused = run_program(WORKER, "start", str(db_file), "varnish", cwd=db_file.parent).last
    with Program(WORKER, "confirm", str(db_file), "varnish", paused["run_id"], cwd=db_file.parent) as program:
        assert program.hear()["started"] == "varnish"
        program.kill()
    (again,) = in_new_process(db_file, "proceed", "varnish", paused["run_id"])
    assert (again["status"], again["pause_reason"]) == ("PAUSED", "recovery")


def test_an_orphan_whose_model_was_being_asked_asks_again(tmp_path: Path, db_file: Path) -> None:
    with Program(WORKER, "start_stalled", str(db_file), "answer", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        program.kill()
    (completed,) = in_new_process(db_file, "proceed", "answer", run_id)
    assert completed["output"] == "finished"


def test_a_run_that_another_process_drives_is_busy(db_file: Path) -> None:
    before = datetime.now(timezone.utc)
    with Program(WORKER, "start", str(db_file), "glue", cwd=db_file.parent) as program:
        run_id = program.hear()["run_id"]
        with opened(db_file) as db, pytest.raises(RunBusyError) as caught:
            Agent(model("glue"), db=db, tools=TOOLS).continue_run(run_id=run_id)
        assert caught.value.run_id == run_id
        assert caught.value.holder is not None
        assert str(program.pid) in caught.value.holder
        assert str(program.pid) in str(caught.value)
        assert caught.value.since is not None
        assert before <= caught.value.since <= datetime.now(timezone.utc)
        program.say("")
        assert program.finish().last["output"] == "finished"


@asynchronous
async def test_a_run_that_another_task_of_this_process_drives_is_busy(db: SqliteDatabase) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def wait(request: ModelRequest) -> str:
        asked.set()
        await answer.wait()
        return "finished"

    agent = Agent(FunctionModel(wait), db=db)
    run = asyncio.create_task(agent.do_async("Wait."))
    await asked.wait()
    for other in (agent, Agent(model("answer"), db=db)):
        with pytest.raises(RunBusyError) as caught:
            await other.continue_run_async(run_id=agent.run_id)
        assert str(os.getpid()) in str(caught.value)
    answer.set()
    assert await run == "finished"


@asynchronous
async def test_of_two_that_continue_at_once_only_one_runs_the_tool(db: SqliteDatabase) -> None:
    agent = Agent(model("paint"), db=db, tools=TOOLS)
    paused = await agent.do_async("Paint.", return_output=True)

    def confirm(requirement: RunRequirement) -> None:
        requirement.confirm()

    outcomes = await asyncio.gather(
        *(agent.continue_run_async(run_id=paused.run_id, hitl_handler=confirm) for _ in range(5)),
        return_exceptions=True,
    )
    assert "finished" in outcomes
    assert all(outcome == "finished" or isinstance(outcome, RunBusyError) for outcome in outcomes)
    result = await agent.continue_run_async(run_id=paused.run_id, return_output=True)
    assert [step.name for step in result.step_results].count("tool:paint") == 1


def test_of_two_processes_that_continue_at_once_only_one_runs_the_tool(db_file: Path) -> None:
    run_id = run_program(WORKER, "start", str(db_file), "paint", cwd=db_file.parent).last["run_id"]
    programs = [Program(WORKER, "confirm", str(db_file), "paint", run_id, cwd=db_file.parent) for _ in range(4)]
    finished = [program.finish() for program in programs]
    for program in programs:
        program.__exit__()
    told = [fact for each in finished for fact in each.told]
    assert [fact["color"] for fact in told if "started" in fact] == ["red"]
    assert all(each.last.get("output") == "finished" or each.last["error"] == "RunBusyError" for each in finished)
    assert any(each.last.get("output") == "finished" for each in finished)
