"""What a call asks decides how it is shown, never its tool's name."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, ToolCall, tool
from haltpoint.inbox import create_app
from haltpoint.models import ModelReply
from haltpoint.tools import UserControlFlowTools
from support.asgi import asked

TOKEN = {"Authorization": "Bearer " + "t" * 16}
FORM = [{"field_name": "street", "field_type": "str"}, {"field_name": "floor", "field_type": "int"}]


@tool(name="get_user_input", external_execution=True)
def outside(fields: list[dict[str, str]], purpose: str = "none") -> str:
    return f"{fields} {purpose}"


@tool(name="get_user_input", requires_confirmation=True)
def approved(fields: list[dict[str, str]], purpose: str = "none") -> str:
    return f"{fields} {purpose}"


@tool(name="get_user_input", requires_user_input=True, user_input_fields=["street"])
def filled_in(purpose: str, street: str) -> str:
    return f"{purpose} {street}"


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def waiting(db: InMemoryDatabase, function: Any, name: str, **arguments: Any) -> RunRequirement:
    model = ScriptedModel(
        [ModelReply(tool_calls=[ToolCall(name, arguments)]), lambda request: request.messages[-1].content]
    )
    Agent(model, db=db, tools=[function]).do("Work.", return_output=True)
    [requirement] = db.requirements()
    return requirement


def shown(db: InMemoryDatabase, requirement: RunRequirement) -> list[str]:
    """The call as the inbox lists it, and as the question on its run's page shows it."""
    app = create_app(db, token="t" * 16, by="ann")
    inbox, page = (html.unescape(asked(app, "GET", path, TOKEN).text) for path in ("/", f"/runs/{requirement.run_id}"))
    _, _, question = page.partition('<div class="call-box">')
    return [inbox, question.partition("<form")[0]]


@pytest.mark.parametrize("function", [outside, approved])
@pytest.mark.parametrize(
    "arguments", [{"fields": FORM, "purpose": "to deliver"}, {"fields": FORM}, {"fields": [], "purpose": "to deliver"}]
)
def test_a_call_that_asks_no_person_for_fields_shows_its_arguments(
    db: InMemoryDatabase, function: Any, arguments: dict[str, Any]
) -> None:
    requirement = waiting(db, function, "get_user_input", **arguments)
    for page in shown(db, requirement):
        assert "asks for" not in page
        assert ("to deliver" in page) is ("purpose" in arguments)
        assert ("street" in page) is bool(arguments["fields"])


def test_a_form_of_a_tool_of_that_name_shows_the_arguments_and_lacks_no_value(db: InMemoryDatabase) -> None:
    requirement = waiting(db, filled_in, "get_user_input", purpose="to deliver")
    for page in shown(db, requirement):
        assert "to deliver" in page
    requirement.tool_execution.answered = True
    with pytest.raises(InvalidResolutionError, match="street"):
        requirement.draft_decision()


@pytest.mark.parametrize(
    ("toolkit", "name"),
    [
        (UserControlFlowTools(), "get_user_input"),
        (UserControlFlowTools().with_prefix("ask"), "ask_get_user_input"),
    ],
)
def test_fields_that_a_model_asks_for_may_stay_empty_under_any_name(
    db: InMemoryDatabase, toolkit: Any, name: str
) -> None:
    requirement = waiting(db, toolkit, name, fields=FORM)
    inbox, call = shown(db, requirement)
    assert "asks for street, floor" in inbox
    # The arguments say no more than the form.
    assert "field_name" not in call
    requirement.answer({"street": "Main St"}, by="ann")
    requirement.commit()
    [committed] = db.requirements(open_only=False)
    assert committed.decision == {"type": "input", "values": {"street": "Main St", "floor": None}}
