"""What `confirm` shows says what is asked: the body gets a yes or a no, so that nobody can change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from haltpoint import (
    InMemoryDatabase,
    InvalidResolutionError,
    RunRequirement,
    confirm,
    step,
    tool,
    workflow,
)
from haltpoint.inbox import create_app
from support.asgi import asked as visited
from support.command import CommandLine
from support.databases import opened
from support.running import asynchronous

WHY = "can't be changed: they say what is asked"
OTHER = {"question": "Refund 40 EUR?", "details": {"euros": 40}}
ASKED = {"question": "Refund 400 EUR?", "details": {"euros": 400}}


@workflow(name="refunding")
async def refunding(approvals: int) -> str:
    """Ask whether to refund."""
    agreed = await confirm("Refund 400 EUR?", details={"euros": 400}, approvals=approvals)
    return "paid 400" if agreed else "refused"


async def asked(db: Any, approvals: int = 1) -> RunRequirement:
    output = await refunding.start(approvals, db=db, return_output=True)
    (requirement,) = output.active_requirements
    assert requirement.tool_execution.tool_args == ASKED
    assert requirement.fixed_arguments
    return requirement


@pytest.mark.parametrize("changed", [OTHER, {"question": "Refund 400 EUR?"}, {**ASKED, "more": 1}, {}])
@asynchronous
async def test_an_edit_is_refused_at_once_and_the_question_stays(changed: dict[str, Any]) -> None:
    db = InMemoryDatabase()
    requirement = await asked(db)
    for item in (requirement, db.requirement(requirement.id), RunRequirement.from_dict(requirement.to_dict())):
        with pytest.raises(InvalidResolutionError, match=WHY) as caught:
            item.confirm(tool_args=changed, by="ann")
        assert (caught.value.field_name, item.is_resolved) == ("tool_args", False)
    requirement.confirm(by="ann")
    await requirement
    assert await refunding.continue_run_async(str(requirement.run_id), db=db) == "paid 400"


@asynchronous
async def test_the_same_arguments_are_a_plain_yes() -> None:
    db = InMemoryDatabase()
    requirement = await asked(db)
    requirement.confirm(tool_args=ASKED, by="ann")
    await requirement
    assert requirement.decision == {"type": "confirm"}
    assert not requirement.tool_execution.changed_by_person


@asynchronous
async def test_data_that_says_otherwise_is_refused_by_the_commit() -> None:
    db = InMemoryDatabase()
    requirement = await asked(db)
    run_id = str(requirement.run_id)
    data = json.loads(json.dumps(requirement.to_dict()))
    assert data["fixed_arguments"] is True
    forged = RunRequirement.from_dict({**data, "fixed_arguments": False})
    forged.confirm(tool_args=OTHER, by="ann")
    with pytest.raises(InvalidResolutionError, match=WHY):
        await refunding.agent.on_database(db).continue_run_async(run_id=run_id, requirements=[forged.to_dict()])
    assert [item.id for item in db.requirements()] == [requirement.id]


@asynchronous
async def test_of_several_people_none_can_change_it() -> None:
    db = InMemoryDatabase()
    requirement = await asked(db, 2)
    requirement.confirm(by="ann")
    await requirement
    (again,) = db.requirements()
    with pytest.raises(InvalidResolutionError, match=WHY):
        again.confirm(tool_args=OTHER, by="bob")
    again.confirm(by="bob")
    await again
    assert await refunding.continue_run_async(str(requirement.run_id), db=db) == "paid 400"


@asynchronous
async def test_the_command_line_offers_no_edit_and_refuses_one(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with opened(db_file) as db:
        requirement = await asked(db)
        elsewhere = CommandLine(db_file)
        refused = elsewhere("approve", requirement.id, "--args", json.dumps(OTHER), "--db", str(db_file))
        assert (refused.code != 0, WHY in refused.err) == (True, True)
        assert elsewhere("approve", requirement.id, "--db", str(db_file)).code == 0
        assert await refunding.continue_run_async(str(requirement.run_id), db=db) == "paid 400"


def test_at_the_terminal_nobody_is_offered_an_edit(tmp_path: Path) -> None:
    db_file = tmp_path / "runs.db"
    with opened(db_file) as db:
        refunding.start_sync(1, db=db, return_output=True)
    terminal = CommandLine(db_file).at_terminal("inbox", "-i", "--by", "ann")
    terminal.expect(r"\[a\]pprove.*uit\s+> ")
    assert "dit the arguments" not in str(terminal.after)
    terminal.sendline("e")
    terminal.expect("there is no 'e' here: type a, l, r, s, q")
    terminal.expect("uit\\s+> ")
    terminal.sendline("a")
    terminal.expect("approved by ann")
    terminal.close()


def test_the_page_offers_no_edit_and_the_api_refuses_one() -> None:
    db = InMemoryDatabase()
    output = refunding.start_sync(1, db=db, return_output=True)
    (requirement,) = output.active_requirements
    app = create_app(db, authenticate=lambda request: "ann")
    page = visited(app, "GET", f"/runs/{output.run_id}?edit={requirement.id}").text
    assert (">Approve<" in page, "Change the arguments" in page, "Approve with changes" in page) == (True, False, False)
    body = json.dumps({"type": "confirm", "tool_args": OTHER}).encode()
    headers = {"Content-Type": "application/json"}
    refused = visited(app, "POST", f"/api/requirements/{requirement.id}/decision", headers, body)
    assert (refused.status, WHY in refused.json["message"]) == (422, True)
    assert [item.id for item in db.requirements()] == [requirement.id]


@asynchronous
async def test_a_step_that_takes_its_arguments_back_can_be_changed() -> None:
    @step(requires_confirmation=True)
    async def pay(euros: int) -> str:
        return f"paid {euros}"

    @workflow(name="paying")
    async def paying() -> str:
        return await pay(400)

    db = InMemoryDatabase()
    output = await paying.start(db=db, return_output=True)
    (requirement,) = output.active_requirements
    assert not requirement.fixed_arguments
    requirement.confirm(tool_args={"euros": 40}, by="ann")
    await requirement
    assert await paying.continue_run_async(output.run_id, db=db) == "paid 40"


def test_tools_of_users_have_no_such_option() -> None:
    with pytest.raises(TypeError, match="@tool knows no option fixed_arguments"):
        tool(requires_confirmation=True, fixed_arguments=True)  # type: ignore[call-overload]


@pytest.mark.parametrize("scope", ["run", "session"])
@asynchronous
async def test_a_yes_to_one_question_answers_no_other(scope: Literal["run", "session"]) -> None:
    db = InMemoryDatabase()
    requirement = await asked(db)
    with pytest.raises(InvalidResolutionError, match="remember"):
        requirement.confirm(remember=scope, by="ann")
    assert not db.requirement(requirement.id).is_resolved
