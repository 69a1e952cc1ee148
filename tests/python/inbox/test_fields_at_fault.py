"""A refusal says what happened, to which field, and what to do next: to programs, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import Agent, ScriptedModel, tool
from support.command import CommandLine
from support.databases import opened
from support.inbox import Inbox
from support.replies import wants


class Address(BaseModel):
    city: str
    code: int


@tool(requires_user_input=True, user_input_fields=["to"])
def ship(to: Address, raw: bytes = b"") -> str:
    """Ship."""
    return ""


@tool(requires_confirmation=True)
def buy(to: Address) -> str:
    """Buy."""
    return ""


def _waiting(file: Path, name: str, **said: Any) -> str:
    with opened(file) as db:
        agent = Agent(ScriptedModel([wants(name, **said)]), db=db, tools=[ship, buy])
        return agent.do("Work.", return_output=True).active_requirements[0].id


_ANSWERS: list[tuple[dict[str, Any], str, str]] = [
    ({"to": {"city": "Oslo"}}, "to.code", "Correct it and answer again"),
    ({"to": {"city": "Oslo", "code": 1, "cods": 2}}, "to.cods", "Correct it and answer again"),
    ({"to": {"city": "Oslo", "code": 1}, "raw": "base64:?"}, "raw", "Correct it and answer again"),
    ({"too": {}}, "too", "the fields are: to, raw"),
]


@pytest.mark.parametrize(("values", "field", "advice"), _ANSWERS)
def test_the_api_names_the_field_of_an_answer(
    inbox: Inbox, cli: CommandLine, values: Any, field: str, advice: str
) -> None:
    answer = inbox.decide(_waiting(cli.db_file, "ship"), {"type": "answer", "values": values})
    assert (answer.status, answer.json["error"], answer.json["field"]) == (422, "InvalidResolutionError", field)
    assert field in answer.json["message"]
    assert advice in answer.json["message"]


def test_the_api_names_the_field_of_an_edit(inbox: Inbox, cli: CommandLine) -> None:
    requirement_id = _waiting(cli.db_file, "buy", to={"city": "Oslo", "code": 1})
    answer = inbox.decide(requirement_id, {"type": "confirm", "tool_args": {"to": {"city": "Rome", "code": "x"}}})
    assert (answer.status, answer.json["field"]) == (422, "to.code")
    assert answer.json["message"].endswith("Correct them and decide again")


def test_what_is_about_no_field_names_none(inbox: Inbox) -> None:
    assert inbox.get("/api/runs/nothing").json["field"] is None


def test_so_does_the_command_line(cli: CommandLine) -> None:
    requirement_id = _waiting(cli.db_file, "ship")
    told = cli("answer", requirement_id, 'to={"city": "Oslo"}', "--json").error
    assert (told["error"], told["field"]) == ("InvalidResolutionError", "to.code")
    told = cli("answer", "ffffffff", "to=x", "--json").error
    assert told["field"] is None
