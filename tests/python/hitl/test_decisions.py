"""Decisions are data: made in one place, seen in the next, once and for all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    HaltpointError,
    InvalidResolutionError,
    RequirementConflictError,
    RunRequirement,
    SqliteDatabase,
)
from support.programs import Program, run_program
from support.running import asynchronous
from support.worker import WORKER
from support.workshop import TOOLS, model


async def paused_run(db: SqliteDatabase, script: str = "paint") -> AgentRunOutput:
    return await Agent(model(script), db=db, tools=TOOLS).do_async("Work.", return_output=True)


async def continued(db: SqliteDatabase, run_id: str, requirements: Any = None, script: str = "paint") -> AgentRunOutput:
    agent = Agent(model(script), db=db, tools=TOOLS)
    return await agent.continue_run_async(run_id=run_id, requirements=requirements, return_output=True)


def in_process(db_file: Path, action: str, script: str, *arguments: str) -> Any:
    return run_program(WORKER, action, str(db_file), script, *arguments, cwd=db_file.parent).last


def through_json(requirements: list[RunRequirement]) -> list[dict[str, Any]]:
    return json.loads(json.dumps([item.to_dict() for item in requirements]))


def test_an_awaited_decision_is_seen_by_a_process_that_is_told_nothing_of_it(db_file: Path) -> None:
    run_id = in_process(db_file, "start_and_decide", "paint")["run_id"]
    completed = in_process(db_file, "proceed", "paint", run_id)
    assert completed["output"] == "finished"
    assert completed["tools"][0][2] == "painted red"


def test_decisions_pass_between_processes_as_json(db_file: Path) -> None:
    shown = in_process(db_file, "start_and_show", "all kinds")
    for requirement in shown["requirements"]:
        execution = requirement["tool_execution"]
        if requirement["kind"] == "confirmation":
            execution["confirmed"] = True
        elif requirement["kind"] == "external_tool":
            execution["result"] = "delivered"
        else:
            for field in execution["user_input_schema"]:
                field["value"] = field["value"] or "6"
            execution["answered"] = True
    completed = in_process(db_file, "proceed", "all kinds", shown["run_id"], json.dumps(shown["requirements"]))
    assert completed["output"] == "finished"
    results = [result for _, _, result in completed["tools"]]
    assert results == ["noted plain", "painted red", "delivered", "6 in serif, 6 times"]


def test_a_person_may_decide_part_in_one_process_and_part_in_another(db_file: Path) -> None:
    run_id = in_process(db_file, "start", "two colors")["run_id"]
    paused = in_process(db_file, "confirm", "two colors", run_id, "1")
    assert (paused["status"], paused["open"]) == ("PAUSED", 1)
    completed = in_process(db_file, "confirm", "two colors", run_id, "1")
    assert completed["output"] == "finished"
    assert [result for _, _, result in completed["tools"]] == ["painted red", "painted blue"]


def test_awaiting_a_requirement_returns_once_another_process_has_decided(db_file: Path) -> None:
    with Program(WORKER, "start_and_wait_for_a_decision", str(db_file), "paint", cwd=db_file.parent) as program:
        shown = program.hear()
        (requirement,) = shown["requirements"]
        requirement["tool_execution"]["confirmed"] = False
        requirement["tool_execution"]["confirmation_note"] = "not today"
        decided = in_process(db_file, "proceed", "paint", shown["run_id"], json.dumps([requirement]))
        assert decided["output"] == "finished"
        seen = program.finish().last
    assert seen == {"confirmation": False, "decision": {"type": "reject", "note": "not today"}}


@asynchronous
async def test_awaiting_a_requirement_returns_once_a_neighbour_has_decided(db: SqliteDatabase) -> None:
    paused = await paused_run(db)
    waiting = asyncio.ensure_future(_decided(paused.active_requirements[0]))
    await asyncio.sleep(0)
    copy = RunRequirement.from_dict(paused.active_requirements[0].to_dict())
    copy.confirm()
    await continued(db, paused.run_id, [copy])
    requirement = await asyncio.wait_for(waiting, 10)
    assert requirement is paused.requirements[0]
    assert requirement.confirmation is True


async def _decided(requirement: RunRequirement) -> RunRequirement:
    return await requirement


@asynchronous
async def test_an_awaited_decision_is_final(db: SqliteDatabase) -> None:
    paused = await paused_run(db)
    (requirement,) = paused.active_requirements
    requirement.confirm()
    requirement.reject("no")
    requirement.confirm()
    assert await requirement is requirement
    with pytest.raises(RequirementConflictError):
        requirement.reject("too late")
    requirement.confirm()
    assert (await continued(db, paused.run_id)).output == "finished"


@asynchronous
async def test_of_two_different_decisions_the_first_on_disk_wins(db: SqliteDatabase) -> None:
    paused = await paused_run(db)
    copy = RunRequirement.from_dict(paused.active_requirements[0].to_dict())
    paused.active_requirements[0].confirm()
    await paused.requirements[0]
    copy.reject(note="changed my mind")
    with pytest.raises(RequirementConflictError) as caught:
        await continued(db, paused.run_id, [copy])
    error = caught.value
    assert isinstance(error, ValueError)
    assert (error.run_id, error.requirement_id) == (paused.run_id, copy.id)
    assert error.decision == {"type": "confirm"}
    assert error.decided_by is not None
    assert error.decided_at is not None
    assert error.decided_by in str(error)
    assert (await continued(db, paused.run_id)).tools[0].result == "painted red"


@asynchronous
async def test_a_decision_that_comes_after_completion_conflicts_only_when_it_differs(db: SqliteDatabase) -> None:
    paused = await paused_run(db)
    same, other = (RunRequirement.from_dict(paused.active_requirements[0].to_dict()) for _ in range(2))
    paused.active_requirements[0].confirm()
    done = await continued(db, paused.run_id)
    same.confirm()
    other.reject()
    assert (await continued(db, paused.run_id, [same])).output == done.output
    assert done.requirements[0].decision == {"type": "confirm"}


@asynchronous
async def test_two_processes_that_decide_differently_do_not_both_win(db: SqliteDatabase, db_file: Path) -> None:
    paused = await paused_run(db)
    documents = through_json(paused.active_requirements)
    words: list[str] = []
    for confirmed in (True, False):
        documents[0]["tool_execution"]["confirmed"] = confirmed
        words.append(json.dumps(documents))
    programs = [
        Program(WORKER, "proceed", str(db_file), "paint", paused.run_id, text, cwd=db_file.parent) for text in words
    ]
    ends = [await asyncio.to_thread(program.finish) for program in programs]
    for program in programs:
        program.__exit__()
    result = (await continued(db, paused.run_id)).tools[0].result
    winners = [end.last for end in ends if end.last.get("output") == "finished"]
    losers = [end.last for end in ends if "error" in end.last]
    assert winners
    assert all(loser["error"] in ("RequirementConflictError", "RunBusyError") for loser in losers)
    assert {winner["tools"][0][2] for winner in winners} == {result}


@pytest.mark.parametrize("known_by", ["id", "tool_call_id"])
@asynchronous
async def test_requirements_are_matched_by_id_else_by_tool_call_id(db: SqliteDatabase, known_by: str) -> None:
    paused = await paused_run(db)
    (document,) = through_json(paused.active_requirements)
    document["tool_execution"]["confirmed"] = True
    if known_by == "tool_call_id":
        del document["id"], document["run_id"]
    assert (await continued(db, paused.run_id, [document])).output == "finished"


@asynchronous
async def test_a_requirement_of_another_run_is_refused_and_changes_nothing(db: SqliteDatabase) -> None:
    paused, other = await paused_run(db), await paused_run(db, "two colors")
    foreign = through_json(other.active_requirements)[0]
    foreign["tool_execution"] |= {"confirmed": True, "tool_call_id": "nowhere"}
    own = through_json(paused.active_requirements)[0]
    own["tool_execution"]["confirmed"] = True
    with pytest.raises(InvalidResolutionError, match=other.run_id):
        await continued(db, paused.run_id, [own, foreign])
    again = await Agent(model("paint"), db=db, tools=TOOLS).continue_run_async(
        run_id=paused.run_id, return_output=True, hitl_handler=lambda item: None
    )
    assert len(again.active_requirements) == 1


@asynchronous
async def test_changed_arguments_are_not_approved_by_confirming(db: SqliteDatabase) -> None:
    paused = await paused_run(db)
    (requirement,) = paused.active_requirements
    requirement.tool_execution.tool_args["color"] = "green"
    requirement.confirm()
    with pytest.raises(InvalidResolutionError, match="arguments"):
        await continued(db, paused.run_id)


@asynchronous
async def test_decided_requirements_stay_in_the_output_with_who_and_when(db: SqliteDatabase) -> None:
    paused = await paused_run(db, "two colors")
    paused.active_requirements[0].confirm()
    second = await continued(db, paused.run_id, script="two colors")
    assert [item.is_resolved for item in second.requirements] == [True, False]
    first = second.requirements[0]
    assert first.decided_by
    assert first.decided_at is not None
    assert first.decided_at.tzinfo is not None
    assert paused.requirements[0].decision == {"type": "confirm"}


@asynchronous
async def test_outputs_survive_json(db: SqliteDatabase) -> None:
    paused = await paused_run(db, "all kinds")
    restored = AgentRunOutput.from_dict(json.loads(paused.to_json()))
    assert restored.to_dict() == paused.to_dict()
    restored.active_requirements[0].confirm()
    continued_output = await continued(db, paused.run_id, restored.requirements, "all kinds")
    assert [item.kind for item in continued_output.active_requirements] == ["external_tool", "user_input"]


@pytest.mark.parametrize(
    "bad", ["abc", [7], [None], [{}], [{"id": "x"}], {"id": "x"}, [{"id": "x", "tool_execution": {"confirmed": True}}]]
)
@asynchronous
async def test_what_is_no_requirement_is_refused_with_the_run_id(db: SqliteDatabase, bad: Any) -> None:
    paused = await paused_run(db)
    with pytest.raises(InvalidResolutionError) as caught:
        await continued(db, paused.run_id, bad)
    assert caught.value.run_id == paused.run_id


@asynchronous
async def test_an_executors_result_without_a_form_is_refused_with_the_run_id(db: SqliteDatabase) -> None:
    agent = Agent(model("deliver"), db=db, tools=TOOLS)
    with pytest.raises(HaltpointError) as caught:
        await agent.do_async("Work.", external_tool_executor=lambda _: b"bytes")
    assert caught.value.run_id == agent.run_id
    result = await agent.continue_run_async(run_id=agent.run_id, external_tool_executor=lambda _: "text")
    assert result == "finished"
