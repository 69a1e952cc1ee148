"""What a person reads when a form can't be taken, and what becomes of what they typed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, Task, tool
from support.replies import wants


@tool(requires_user_input=True, user_input_fields=["express", "copies"])
def send_email(to: str, express: bool, copies: int) -> str:
    """Send an email."""
    return f"sent to {to}"


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def test_a_field_that_was_left_empty_is_named_in_words_of_its_own(db: InMemoryDatabase) -> None:
    agent = Agent(ScriptedModel([wants("send_email", to="ann"), "finished"]), db=db, tools=[send_email])
    run_id: str = agent.do(Task("Write."), return_output=True).run_id
    visitor = Visitor(db, run_id, "bob")
    refused = visitor.send("answer", **{"value-2": "3"})
    assert refused.status == 422
    assert "express: Field required (yes or no)" in words(refused)
    assert "answered = None" not in refused.text
    assert 'value="3"' in refused.text


def test_what_was_typed_into_a_form_that_came_too_late_is_still_there(db: InMemoryDatabase) -> None:
    agent = Agent(ScriptedModel([wants("pay", euros=5), "finished"]), db=db, tools=[pay])
    run_id: str = agent.do(Task("Pay."), return_output=True).run_id
    slow = Visitor(db, run_id, "bob")
    assert Visitor(db, run_id, "ann").send("approve").status == 303
    late = slow.send("reject", note="too <much> by far")
    assert late.status == 409
    assert "What you typed was not sent: too <much> by far" in words(late)
