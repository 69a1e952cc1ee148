"""Answers are checked when they are given; what is refused is said by its path, and nothing is lost."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field

from haltpoint import (
    Agent,
    AgentRunOutput,
    InvalidResolutionError,
    RequirementConflictError,
    RunNotCompletedWarning,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    UnresolvedRequirementsError,
    UserControlFlowTools,
    tool,
)
from support.answering import ANSWERING
from support.programs import run_program
from support.replies import wants, wants_all
from support.running import asynchronous
from support.travel import FILLED_IN, finish_booking, start_booking


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    code: int


def even(number: int) -> int:
    """Refuse odd numbers."""
    if number % 2:
        raise ValueError("must be even")
    return number


@tool(requires_user_input=True, user_input_fields=["nights", "address", "day", "cc", "since"])
def book(
    hotel: str,
    nights: Annotated[int, Field(ge=2), AfterValidator(even)],
    address: Address,
    day: date,
    cc: str | None = None,
    since: date = date(2024, 1, 1),
) -> str:
    """Book a hotel."""
    return f"{hotel}, {nights}, {address.street} {address.code}, {day:%d.%m.}, {cc}, {since:%Y}"


GOOD: dict[str, Any] = {"nights": "4", "address": {"street": "A", "code": 7}, "day": "2024-02-29"}
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"nights": 0}, "nights", "must be greater than or equal to 2, got 0"),
    ({"nights": 3}, "nights", "must be even, got 3"),
    ({"nights": None}, "nights", "Field required"),
    ({"address": {"street": "A"}}, "address.code", "Field required (a whole number)"),
    ({"address": "at home"}, "address", "must be a JSON object with street, code"),
    ({"day": "31 February"}, "day", "must be a date such as 2024-02-29"),
    ({"day": 0}, "day", "must be a date such as 2024-02-29, got 0"),
    ({"nights": True}, "nights", "must be a whole number, got true"),
    ({"cc": ["eve"]}, "cc", 'must be text, got ["eve"]'),
    ({"since": "long ago"}, "since", "must be a date"),
]
DONE = "Ritz, 4, A 7, 29.02., None, 2024"


def booking(db: SqliteDatabase | None = None, **guesses: Any) -> tuple[Agent, AgentRunOutput]:
    model = ScriptedModel([wants("book", hotel="Ritz", **guesses), lambda request: request.messages[-1].content])
    agent = Agent(model, db=db, tools=[book])
    return agent, agent.do("Book.", return_output=True)


def fields(requirement: RunRequirement) -> dict[str, dict[str, Any]]:
    return {field["name"]: field for field in requirement.user_input_schema or ()}


def fill(requirement: RunRequirement, values: dict[str, Any]) -> None:
    for name, value in values.items():
        fields(requirement)[name]["value"] = value
    requirement.tool_execution.answered = True


def check_refusal(error: InvalidResolutionError, requirement: RunRequirement, path: str, words: str) -> None:
    assert (error.field_name, error.run_id, error.requirement_id) == (path, requirement.run_id, requirement.id)
    assert f"{path}: {words}" in str(error)


@pytest.mark.parametrize(("bad", "path", "words"), BAD)
def test_answer_refuses_at_once_and_leaves_the_question_open(bad: dict[str, Any], path: str, words: str) -> None:
    agent, output = booking()
    (requirement,) = output.requirements
    before = json.dumps(requirement.to_dict())
    with pytest.raises(InvalidResolutionError) as caught:
        requirement.answer({**GOOD, **bad})
    check_refusal(caught.value, requirement, path, words)
    assert (requirement.needs_user_input, json.dumps(requirement.to_dict())) == (True, before)
    requirement.answer(GOOD)
    assert agent.continue_run(run_id=output.run_id) == DONE


@pytest.mark.parametrize("passed", ["found", "objects", "data"])
@pytest.mark.parametrize(("bad", "path", "words"), BAD)
def test_assigned_values_are_checked_before_anything_is_decided(
    bad: dict[str, Any], path: str, words: str, passed: str
) -> None:
    agent, output = booking()
    (requirement,) = output.requirements
    fill(requirement, {**GOOD, **bad})
    given = {"found": None, "objects": [requirement], "data": [requirement.to_dict()]}[passed]
    with pytest.raises(InvalidResolutionError) as caught:
        agent.continue_run(run_id=output.run_id, requirements=given)
    check_refusal(caught.value, requirement, path, words)
    # What was typed is still there, and only what was wrong needs to be typed again.
    assert fields(requirement)["nights"]["value"] == {**GOOD, **bad}["nights"]
    assert agent.db.run(output.run_id).is_paused
    fill(requirement, {name: {**GOOD, "cc": None, "since": None}[name] for name in bad})
    assert agent.continue_run(run_id=output.run_id, requirements=[requirement]) == DONE


@pytest.mark.parametrize(("bad", "path", "words"), BAD)
@asynchronous
async def test_awaiting_a_requirement_refuses_what_does_not_fit(bad: dict[str, Any], path: str, words: str) -> None:
    model = ScriptedModel([wants("book", hotel="Ritz"), "done"])
    output = await Agent(model, tools=[book]).do_async("Book.", return_output=True)
    (requirement,) = output.requirements
    fill(requirement, {**GOOD, **bad})
    with pytest.raises(InvalidResolutionError) as caught:
        await requirement
    check_refusal(caught.value, requirement, path, words)
    assert requirement.needs_user_input
    requirement.answer({**GOOD, **dict.fromkeys(bad.keys() - GOOD.keys())})
    assert (await requirement).decision is not None


def test_a_handler_is_asked_again_after_values_that_were_refused() -> None:
    agent, output = booking()
    tries = iter([0, 4])

    def handler(requirement: RunRequirement) -> None:
        fill(requirement, {**GOOD, "nights": next(tries)})

    with pytest.raises(InvalidResolutionError):
        agent.continue_run(run_id=output.run_id, hitl_handler=handler)
    assert agent.continue_run(run_id=output.run_id, hitl_handler=handler) == DONE


def test_values_that_were_refused_are_refused_again_as_long_as_they_stand() -> None:
    agent, output = booking()
    fill(output.requirements[0], {**GOOD, "nights": 0})
    for _ in range(2):
        with pytest.raises(InvalidResolutionError, match="greater than or equal to 2"):
            agent.continue_run(run_id=output.run_id)


def test_a_requirement_that_was_found_in_the_database_is_checked_by_the_tool_at_hand(db: SqliteDatabase) -> None:
    agent, output = booking(db)
    (requirement,) = db.requirements()
    with pytest.raises(InvalidResolutionError, match="nights: must be even, got 3"):
        requirement.answer({**GOOD, "nights": 3})
    requirement.answer(GOOD, by="ann")
    requirement.commit()
    assert agent.continue_run(run_id=output.run_id) == DONE


def test_what_the_tool_takes_is_not_looked_for_in_data_from_elsewhere() -> None:
    agent, output = booking()
    (requirement,) = output.requirements
    fill(requirement, {**GOOD, "nights": 0})
    data = requirement.to_dict()
    for form in (data["user_input_schema"], data["tool_execution"]["user_input_schema"]):
        for field in form:
            field.update(json_schema={}, required=False, field_type="whatever")
    with pytest.raises(InvalidResolutionError, match="nights: must be greater than or equal to 2"):
        agent.continue_run(run_id=output.run_id, requirements=[data])


def test_data_that_lost_the_schemas_on_its_way_counts() -> None:
    agent, output = booking()
    (requirement,) = output.requirements
    fill(requirement, GOOD)
    data = requirement.to_dict()
    for form in (data["user_input_schema"], data["tool_execution"]["user_input_schema"]):
        for field in form:
            for key in ("json_schema", "required", "default", "description"):
                field.pop(key, None)
    assert agent.continue_run(run_id=output.run_id, requirements=[data]) == DONE


@pytest.mark.parametrize("values", ["Ann", ["Ann"], 5, None])
def test_values_must_have_names(values: Any) -> None:
    _, output = booking()
    with pytest.raises(InvalidResolutionError, match="a mapping from the names of the fields"):
        output.requirements[0].answer(values)


# Fields that may stay empty


@pytest.mark.parametrize("empty", [{}, {"cc": None}, {"cc": None, "since": None}])
def test_fields_that_may_stay_empty_need_no_answer(empty: dict[str, Any]) -> None:
    agent, output = booking()
    output.requirements[0].answer({**GOOD, **empty})
    assert agent.continue_run(run_id=output.run_id) == DONE


def test_a_guess_of_the_model_never_stands_in_for_an_empty_field() -> None:
    agent, output = booking(cc="eve", since="1999-01-01", nights=8)
    output.requirements[0].answer(GOOD)
    assert agent.continue_run(run_id=output.run_id) == DONE


def test_a_form_without_required_fields_waits_for_a_word_all_the_same() -> None:
    @tool(requires_user_input=True, user_input_fields=["cc"])
    def mail(to: str, cc: str | None = None) -> str:
        return f"to {to}, cc {cc}"

    model = ScriptedModel([wants("mail", to="ann"), lambda request: request.messages[-1].content])
    agent = Agent(model, tools=[mail])
    output = agent.do("Write.", return_output=True)
    with pytest.raises(UnresolvedRequirementsError):
        agent.continue_run(run_id=output.run_id)
    output.requirements[0].answer({})
    assert agent.continue_run(run_id=output.run_id) == "to ann, cc None"


@tool(requires_user_input=True, user_input_fields=["tone", "cc"])
def write(to: str, tone: str = "warm", cc: str | None = "boss") -> str:
    """Write a letter."""
    return f"to {to}, {tone}, cc {cc}"


def writing() -> tuple[Agent, AgentRunOutput]:
    agent = Agent(
        ScriptedModel([wants("write", to="ann"), lambda request: request.messages[-1].content]), tools=[write]
    )
    return agent, agent.do("Write.", return_output=True)


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ({}, "to ann, warm, cc boss"),
        ({"tone": None}, "to ann, warm, cc boss"),
        ({"cc": None}, "to ann, warm, cc None"),
        ({"cc": "eve", "tone": "cold"}, "to ann, cold, cc eve"),
        ({"cc": ""}, "to ann, warm, cc "),
    ],
)
def test_an_empty_field_takes_its_default_and_none_is_a_value_where_it_is_one(
    values: dict[str, Any], result: str
) -> None:
    agent, output = writing()
    output.requirements[0].answer(values)
    assert agent.continue_run(run_id=output.run_id) == result


def test_none_is_still_a_value_after_a_trip_as_data() -> None:
    agent, output = writing()
    output.requirements[0].answer({"cc": None})
    data = json.loads(json.dumps(output.requirements[0].to_dict()))
    assert agent.continue_run(run_id=output.run_id, requirements=[data]) == "to ann, warm, cc None"


def test_the_default_is_no_part_of_the_decision() -> None:
    _, output = writing()
    (requirement,) = output.requirements
    requirement.answer({})
    assert requirement.draft_decision() == {"type": "input", "values": {}}


def test_another_answer_after_the_committed_one_is_refused() -> None:
    _, output = writing()
    (requirement,) = output.requirements
    requirement.answer({"tone": "cold"})
    requirement.commit()
    requirement.answer({"tone": "cold"})
    with pytest.raises(RequirementConflictError):
        requirement.answer({"tone": "warm"})
    assert fields(requirement)["tone"]["value"] == "cold"


# Types are never told by their names


@pytest.mark.parametrize("name", ["Text", "String", "Number", "Integer", "Boolean", "List", "Dict", "Object", "Str"])
def test_a_model_that_is_named_as_a_type_can_be_filled_in(name: str) -> None:
    kind = type(name, (BaseModel,), {"__annotations__": {"body": "str"}})

    def publish(text: Any) -> str:
        return f"{type(text).__name__} {text.body}"

    publish.__annotations__["text"] = kind
    asking = tool(requires_user_input=True, user_input_fields=["text"])(publish)
    model = ScriptedModel([wants("publish"), lambda request: request.messages[-1].content])
    agent = Agent(model, tools=[asking])
    output = agent.do("Publish.", return_output=True)
    with pytest.raises(InvalidResolutionError, match="text: must be a JSON object with body"):
        output.requirements[0].answer({"text": "Hello"})
    with pytest.raises(InvalidResolutionError, match=r"text\.body: Field required"):
        output.requirements[0].answer({"text": {}})
    output.requirements[0].answer({"text": {"body": "Hello"}})
    assert agent.continue_run(run_id=output.run_id) == f"{name} Hello"


# Fields that a model asks for


@pytest.mark.parametrize(
    ("field_type", "given", "words"),
    [
        ("int", "many", "must be a whole number"),
        ("bool", "perhaps", "must be yes or no"),
        ("list[int]", '["a"]', "must be a whole number"),
        ("dict", "[1]", "must be a JSON object"),
    ],
)
def test_fields_that_a_model_asked_for_are_checked_as_well(field_type: str, given: str, words: str) -> None:
    form = [{"field_name": "answer", "field_type": field_type}, {"field_name": "more"}]
    model = ScriptedModel([wants("get_user_input", fields=form), lambda request: request.messages[-1].content])
    agent = Agent(model, tools=[UserControlFlowTools()])
    output = agent.do("Ask.", return_output=True)
    (requirement,) = output.requirements
    with pytest.raises(InvalidResolutionError, match=words):
        requirement.answer({"answer": given})
    requirement.answer({})
    assert agent.continue_run(run_id=output.run_id) == "The user answered: {}. Not given: answer, more"


# The tool's own validators, from process to process


def test_a_process_that_has_imported_the_tool_checks_with_its_validators(db_file: Path) -> None:
    run_id = start_booking(db_file)

    def answered(values: dict[str, Any]) -> Any:
        return run_program(ANSWERING, str(db_file), json.dumps(values), cwd=db_file.parent).last

    refused = answered({**FILLED_IN, "nights": 13})
    assert "nights: must be another number than 13, got 13" in refused["refused"]
    assert (refused["field_name"], refused["is_open"]) == ("nights", True)
    assert answered({**FILLED_IN, "nights": 12})["decision"]["values"]["nights"] == 12
    assert finish_booking(db_file, run_id) == "Ritz 12 double 29.02. True A 7 None warm"


# What is said of answers that are not whole


@tool(requires_user_input=True, user_input_fields=["first", "last"])
def greet(first: str, last: str, loud: bool = False) -> str:
    """Greet."""
    return f"{first} {last}"


def greeting(**options: Any) -> tuple[Agent, AgentRunOutput[Any]]:
    agent = Agent(ScriptedModel([wants("greet"), "Done."]), tools=[greet], **options)
    return agent, agent.do("Greet.", return_output=True)


def test_a_form_that_is_filled_in_in_part_says_what_it_lacks() -> None:
    agent, output = greeting()
    (requirement,) = output.active_requirements
    assert requirement.user_input_schema is not None
    with pytest.raises(UnresolvedRequirementsError) as caught:
        agent.continue_run(run_id=output.run_id)
    assert "filled in in part" not in str(caught.value)
    requirement.user_input_schema[0]["value"] = "Ann"
    with pytest.raises(UnresolvedRequirementsError, match=r"filled in in part: last: Field required \(text\)"):
        agent.continue_run(run_id=output.run_id)
    requirement.user_input_schema[1]["value"] = "Lee"
    assert agent.continue_run(run_id=output.run_id) == "Done."


@pytest.mark.parametrize("place", ["top", "call"])
def test_so_does_the_data_of_one(place: str) -> None:
    agent, output = greeting()
    data = json.loads(json.dumps(output.active_requirements[0].to_dict()))
    form = data["user_input_schema"] if place == "top" else data["tool_execution"]["user_input_schema"]
    form[0]["value"] = "Ann"
    with pytest.raises(UnresolvedRequirementsError, match=r"filled in in part: last: Field required \(text\)"):
        agent.continue_run(run_id=output.run_id, requirements=iter([data]))
    form[1]["value"] = "Lee"
    assert agent.continue_run(run_id=output.run_id, requirements=iter([data])) == "Done."


def test_so_does_the_warning_of_a_run_that_stays_paused() -> None:
    @tool(requires_confirmation=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    model = ScriptedModel([wants_all(("greet", {}), ("pay", {})), "Done."])
    agent = Agent(model, tools=[greet, pay])
    output = agent.do("Greet.", return_output=True)
    asking, paying = output.active_requirements
    assert asking.user_input_schema is not None
    asking.user_input_schema[0]["value"] = "Ann"
    paying.confirm()
    with pytest.warns(RunNotCompletedWarning, match=r"\(user_input; last: Field required \(text\)\)"):
        assert agent.continue_run(run_id=output.run_id) is None


def test_null_for_a_field_that_must_have_a_value_is_said_to_be_null() -> None:
    _, output = greeting()
    (requirement,) = output.active_requirements
    with pytest.raises(InvalidResolutionError) as caught:
        requirement.answer({"first": None})
    assert "first: Field required (text), got null; last: Field required (text). Correct it" in str(caught.value)


def test_a_problem_is_said_once() -> None:
    @tool(requires_user_input=True, user_input_fields=["sure"])
    def ask(sure: Literal[True]) -> str:
        """Ask."""
        return str(sure)

    agent = Agent(ScriptedModel([wants("ask"), "Done."]), tools=[ask])
    (requirement,) = agent.do("Ask.", return_output=True).active_requirements
    with pytest.raises(InvalidResolutionError) as caught:
        requirement.answer({"sure": 1})
    assert str(caught.value).count("must be True") == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions take no notes")
@pytest.mark.parametrize("is_async", [True, False])
def test_what_a_handler_raises_says_which_run_waits(is_async: bool) -> None:
    def fail(requirement: RunRequirement) -> None:
        raise LookupError("nobody is here")

    async def fail_later(requirement: RunRequirement) -> None:
        fail(requirement)

    agent, output = greeting()
    with pytest.raises(LookupError, match="nobody is here") as caught:
        agent.continue_run(run_id=output.run_id, hitl_handler=fail_later if is_async else fail)
    (note,) = caught.value.__notes__
    assert output.run_id in note and "stays paused" in note
