"""The kinds of requirement, each resolved in all the ways that there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InvalidResolutionError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    Task,
    UnresolvedRequirementsError,
    UserControlFlowTools,
    tool,
)
from support.replies import results_in, wants
from support.running import asynchronous
from support.workshop import TOOLS, model


def resolve(requirement: RunRequirement) -> None:
    """Resolve a requirement of any kind by the documented means."""
    if requirement.needs_confirmation:
        requirement.confirm()
    elif requirement.is_external_tool_execution:
        requirement.tool_execution.result = "delivered"
    elif requirement.needs_user_input:
        for field in requirement.user_input_schema or ():
            if field["value"] is None:
                field["value"] = "2" if field["name"] == "copies" else "Ada"
        requirement.tool_execution.answered = True


RESULTS = {
    "paint": "painted red",
    "deliver": "delivered",
    "engrave": "Ada in serif, 2 times",
    "ask": 'The user answered: {"name":"Ada"}',
}
REASONS = {"paint": "confirmation", "deliver": "external_tool", "engrave": "user_input", "ask": "user_input"}


def tools_result(output: AgentRunOutput) -> str | None:
    return output.tools[0].result


@pytest.mark.parametrize("pass_requirements", [False, True], ids=["found", "passed"])
@pytest.mark.parametrize("by", ["run_id", "task"])
@pytest.mark.parametrize("who", ["same agent", "new agent"])
@pytest.mark.parametrize("script", RESULTS)
@asynchronous
async def test_a_pause_is_resolved_and_continued(
    db: SqliteDatabase, script: str, who: str, by: str, pass_requirements: bool
) -> None:
    agent, task = Agent(model(script), db=db, tools=TOOLS), Task("Work.")
    paused = await agent.do_async(task, return_output=True)
    assert (paused.is_paused, paused.pause_reason, task.is_paused) == (True, REASONS[script], True)
    assert agent.run_id == paused.run_id
    (requirement,) = paused.active_requirements
    resolve(requirement)
    assert requirement.is_resolved
    assert paused.active_requirements == []
    continuing = agent if who == "same agent" else Agent(model(script), db=db, tools=TOOLS)
    which: dict[str, Any] = {"task": task} if by == "task" else {"run_id": paused.run_id}
    if pass_requirements:
        which["requirements"] = paused.requirements
    result = await continuing.continue_run_async(**which, return_output=True)
    assert (result.output, result.pause_reason) == ("finished", None)
    assert tools_result(result) == RESULTS[script]
    assert requirement.decided_at is not None


@pytest.mark.parametrize("script", RESULTS)
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
@asynchronous
async def test_a_handler_resolves_the_pause_that_is_continued_and_the_first_one(
    db: SqliteDatabase, script: str, is_async: bool
) -> None:
    async def resolve_later(requirement: RunRequirement) -> None:
        resolve(requirement)

    handler: Callable[[RunRequirement], Any] = resolve_later if is_async else resolve
    agent = Agent(model(script), db=db, tools=TOOLS)
    assert await agent.do_async("Work.", hitl_handler=handler) == "finished"
    paused = await agent.do_async("Work.", return_output=True)
    assert await agent.continue_run_async(run_id=paused.run_id, hitl_handler=handler) == "finished"


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
@asynchronous
async def test_an_executor_returns_the_result_of_an_external_call(db: SqliteDatabase, is_async: bool) -> None:
    def execute(requirement: RunRequirement) -> Any:
        return {"to": requirement.tool_execution.tool_args["address"]}

    async def execute_later(requirement: RunRequirement) -> Any:
        return execute(requirement)

    agent = Agent(model("deliver"), db=db, tools=TOOLS)
    executor = execute_later if is_async else execute
    output = await agent.do_async("Work.", return_output=True, external_tool_executor=executor)
    assert tools_result(output) == '{"to":"Main St"}'


@asynchronous
async def test_an_executor_and_a_handler_share_the_work(db: SqliteDatabase) -> None:
    asked: list[str] = []

    def handler(requirement: RunRequirement) -> None:
        asked.append(requirement.kind)
        resolve(requirement)

    agent = Agent(model("all kinds"), db=db, tools=TOOLS)
    output = await agent.do_async(
        "Work.", return_output=True, hitl_handler=handler, external_tool_executor=lambda _: "by truck"
    )
    assert output.output == "finished"
    assert sorted(asked) == ["confirmation", "user_input"]
    assert [execution.result for execution in output.tools if execution.tool_name == "deliver"] == ["by truck"]


@asynchronous
async def test_a_handler_is_called_for_each_of_many_rounds(db: SqliteDatabase) -> None:
    rounds = 30
    asked: list[str] = []

    @tool(requires_confirmation=True)
    def stamp(number: int) -> int:
        """Stamp a page."""
        return number

    def confirm(requirement: RunRequirement) -> None:
        asked.append(requirement.id)
        requirement.confirm()

    agent = Agent(ScriptedModel([*(wants("stamp", number=n) for n in range(rounds)), "done"]), db=db, tools=[stamp])
    assert await agent.do_async("Stamp.", hitl_handler=confirm) == "done"
    assert len(set(asked)) == len(asked) == rounds


@asynchronous
async def test_what_a_handler_leaves_unresolved_ends_the_call_with_the_paused_output(db: SqliteDatabase) -> None:
    agent = Agent(model("two colors"), db=db, tools=TOOLS)

    def confirm_red(requirement: RunRequirement) -> None:
        if requirement.tool_execution.tool_args["color"] == "red":
            requirement.confirm()

    output = await agent.do_async("Paint.", return_output=True, hitl_handler=confirm_red)
    assert output.is_paused
    assert [item.tool_execution.tool_args for item in output.active_requirements] == [{"color": "blue"}]


@asynchronous
async def test_an_exception_in_a_handler_leaves_the_run_paused_with_nothing_lost(db: SqliteDatabase) -> None:
    agent = Agent(model("two colors"), db=db, tools=TOOLS)

    def fail_at_blue(requirement: RunRequirement) -> None:
        if requirement.tool_execution.tool_args["color"] == "blue":
            raise LookupError("no blue left")
        requirement.confirm()

    with pytest.raises(LookupError, match="no blue left"):
        await agent.do_async("Paint.", hitl_handler=fail_at_blue)
    assert agent.get_run_output().is_paused  # type: ignore[union-attr]
    result = await agent.continue_run_async(run_id=agent.run_id, hitl_handler=resolve, return_output=True)
    assert [execution.result for execution in result.tools] == ["painted red", "painted blue"]
    assert [step.name for step in result.step_results].count("tool:paint") == 2


@asynchronous
async def test_a_rejected_call_is_not_run_and_the_model_reads_why(db: SqliteDatabase) -> None:
    ran: list[str] = []

    @tool(requires_confirmation=True)
    def erase(disk: str) -> str:
        """Erase a disk."""
        ran.append(disk)
        return "erased"

    scripted = ScriptedModel([wants("erase", disk="a"), "kept"])
    agent = Agent(scripted, db=db, tools=[erase])
    paused = await agent.do_async("Erase.", return_output=True)
    paused.active_requirements[0].confirm()
    paused.requirements[0].reject(note="it is the only copy")
    assert await agent.continue_run_async(run_id=paused.run_id) == "kept"
    assert ran == []
    assert "it is the only copy" in str(results_in(scripted.requests[-1])[0])


@asynchronous
async def test_a_rejection_without_a_note_is_told_to_the_model(db: SqliteDatabase) -> None:
    scripted = model("paint")
    agent = Agent(scripted, db=db, tools=TOOLS)
    output = await agent.do_async("Paint.", return_output=True, hitl_handler=lambda item: item.reject())
    assert output.output == "finished"
    assert "reject" in str(results_in(scripted.requests[-1])[0])


@asynchronous
async def test_continuing_with_nothing_resolved_names_each_requirement_and_how_to_resolve_it(
    db: SqliteDatabase,
) -> None:
    agent = Agent(model("all kinds"), db=db, tools=TOOLS)
    paused = await agent.do_async("Work.", return_output=True)
    with pytest.raises(UnresolvedRequirementsError) as caught:
        await agent.continue_run_async(run_id=paused.run_id)
    assert caught.value.run_id == paused.run_id
    assert isinstance(caught.value, ValueError)
    message = str(caught.value)
    for requirement in paused.active_requirements:
        assert requirement.id in message
        assert requirement.tool_execution.tool_name in message
        assert requirement.id in caught.value.requirement_ids
    assert "confirm()" in message
    assert "answered" in message


@asynchronous
async def test_user_input_is_converted_and_validated(db: SqliteDatabase) -> None:
    agent = Agent(model("engrave"), db=db, tools=TOOLS)
    paused = await agent.do_async("Engrave.", return_output=True)
    (requirement,) = paused.active_requirements
    fields = {field["name"]: field for field in requirement.user_input_schema or ()}
    assert fields["font"]["value"] == "serif"
    assert fields["name"]["value"] is None
    fields["name"]["value"], fields["copies"]["value"] = "Ada", "many"
    requirement.tool_execution.answered = True
    with pytest.raises(InvalidResolutionError) as caught:
        await agent.continue_run_async(run_id=paused.run_id)
    assert (caught.value.run_id, caught.value.field_name) == (paused.run_id, "copies")
    fields["copies"]["value"] = "4"
    result = await agent.continue_run_async(run_id=paused.run_id, return_output=True)
    assert tools_result(result) == "Ada in serif, 4 times"


@asynchronous
async def test_answered_without_a_fixed_fields_value_is_refused(db: SqliteDatabase) -> None:
    agent = Agent(model("engrave"), db=db, tools=TOOLS)
    paused = await agent.do_async("Engrave.", return_output=True)
    (requirement,) = paused.active_requirements
    requirement.user_input_schema[1]["value"] = "Ada"  # type: ignore[index]
    requirement.tool_execution.answered = True
    with pytest.raises(InvalidResolutionError, match="copies"):
        await agent.continue_run_async(run_id=paused.run_id)
    requirement.user_input_schema[2]["value"] = 1  # type: ignore[index]
    assert await agent.continue_run_async(run_id=paused.run_id) == "finished"


@asynchronous
async def test_input_counts_as_given_when_every_field_has_a_value(db: SqliteDatabase) -> None:
    agent = Agent(model("engrave"), db=db, tools=TOOLS)
    paused = await agent.do_async("Engrave.", return_output=True)
    for field in paused.active_requirements[0].user_input_schema or ():
        field["value"] = field["value"] or 5
    result = await agent.continue_run_async(run_id=paused.run_id, return_output=True)
    assert tools_result(result) == "5 in serif, 5 times"


@asynchronous
async def test_a_field_that_the_model_asked_for_may_stay_empty(db: SqliteDatabase) -> None:
    fields = [{"field_name": name, "field_type": "str", "field_description": name} for name in ("street", "floor")]
    scripted = ScriptedModel([wants("get_user_input", fields=fields), "fine"])
    agent = Agent(scripted, db=db, tools=[UserControlFlowTools()])
    paused = await agent.do_async("Ask.", return_output=True)
    (requirement,) = paused.active_requirements
    requirement.user_input_schema[0]["value"] = "Main St"  # type: ignore[index]
    requirement.tool_execution.answered = True
    assert await agent.continue_run_async(run_id=paused.run_id) == "fine"
    result = str(results_in(scripted.requests[-1])[0])
    assert "Main St" in result
    assert "floor" in result


@asynchronous
async def test_streaming_a_continuation_is_refused(db: SqliteDatabase) -> None:
    with pytest.raises(ValueError, match="direct call mode"):
        await Agent(model("answer"), db=db).continue_run_async(run_id="x", streaming=True)


@pytest.mark.parametrize("text", ["\ud800", "half \udfff"])
@asynchronous
async def test_a_note_or_an_answer_that_no_text_can_hold_is_refused_and_the_run_stays_paused(
    db: SqliteDatabase, text: str
) -> None:
    agent = Agent(model("paint"), db=db, tools=TOOLS)
    paused = await agent.do_async("Paint.", return_output=True)
    (requirement,) = paused.active_requirements
    requirement.reject(note=text)
    for attempt in (agent.continue_run_async(run_id=paused.run_id), waiting_for(requirement)):
        with pytest.raises(InvalidResolutionError, match="surrogate"):
            await attempt
    requirement.reject(note="no")
    assert await agent.continue_run_async(run_id=paused.run_id) == "finished"
    asking = Agent(model("ask"), db=db, tools=TOOLS)
    paused = await asking.do_async("Ask.", return_output=True)
    (field,) = paused.active_requirements[0].user_input_schema or ()
    field["value"] = text
    with pytest.raises(InvalidResolutionError):
        await asking.continue_run_async(run_id=paused.run_id)
    field["value"] = "Ada"
    assert await asking.continue_run_async(run_id=paused.run_id) == "finished"


@asynchronous
async def test_a_note_that_was_assigned_and_is_no_text_is_refused_by_name(db: SqliteDatabase) -> None:
    agent = Agent(model("paint"), db=db, tools=TOOLS)
    paused = await agent.do_async("Paint.", return_output=True)
    (requirement,) = paused.active_requirements
    requirement.confirmation = False
    note: Any = 5
    requirement.confirmation_note = note
    for attempt in (agent.continue_run_async(run_id=paused.run_id), waiting_for(requirement)):
        with pytest.raises(InvalidResolutionError, match="must be a str or None, not int") as caught:
            await attempt
        assert caught.value.field_name == "note"


async def waiting_for(requirement: RunRequirement) -> RunRequirement:
    return await requirement
