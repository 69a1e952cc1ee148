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


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def test_a_field_that_was_left_empty_is_named_in_words_of_its_own(db: InMemoryDatabase) -> None:
    agent = Agent(ScriptedModel([wants("send_email", to="ann"), "finished"]), db=db, tools=[send_email])
    run_id: str = agent.do(Task("Write."), return_output=True).run_id
    visitor = Visitor(db, run_id, "bob")
    refused = visitor.send("answer", **{"value-1": "3"})
    assert refused.status == 422
    assert "'express' is missing (yes or no): 'send_email' needs a value for it" in words(refused)
    assert "answered = None" not in refused.text
    assert 'value="3"' in refused.text
