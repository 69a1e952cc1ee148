"""A person may change what the model filled in beside what they are asked for: it counts as a change, everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, InvalidResolutionError, RunRequirement, ScriptedModel, SqliteDatabase, tool
from haltpoint.journal.timeline import told
from support.command import CommandLine
from support.inbox import Inbox
from support.replies import results_in, wants


@tool(requires_user_input=True, user_input_fields=["recipient"])
def send(subject: str, recipient: str, cc: str | None = None) -> str:
    """Send."""
    return f"sent {subject} to {recipient}"


def agent(db: SqliteDatabase) -> Agent:
    script = [wants("send", subject="Hello"), lambda request: str(results_in(request)[-1])]
    return Agent(ScriptedModel(script), db=db, tools=[send])


def by_answer(db_file: Path, requirement: RunRequirement) -> None:
    requirement.answer({"recipient": "ann", "subject": "Bye"})
    requirement.commit()


def by_assignment(db_file: Path, requirement: RunRequirement) -> None:
    for field in requirement.user_input_schema or ():
        field["value"] = {"recipient": "ann", "subject": "Bye"}[field["name"]]
    requirement.tool_execution.answered = True
    requirement.commit()


def by_command(db_file: Path, requirement: RunRequirement) -> None:
    printed = CommandLine(db_file)("answer", requirement.id, "recipient=ann", "subject=Bye", "--by", "bob")
    assert printed.code == 0, printed.err
    assert '"Bye" (the model said "Hello")' in printed.out


def by_api(db_file: Path, requirement: RunRequirement) -> None:
    with Inbox(CommandLine(db_file)) as inbox:
        values = {"recipient": "ann", "subject": "Bye"}
        told = inbox.decide(requirement.id, {"type": "answer", "values": values})
        assert told.json["tool_execution"]["changed_by_person"] is True


@pytest.mark.parametrize("way", [by_answer, by_assignment, by_command, by_api])
def test_it_counts_as_a_change(db_file: Path, way: Callable[[Path, RunRequirement], None]) -> None:
    with SqliteDatabase(db_file) as db:
        output = agent(db).do("Work.", return_output=True)
        way(db_file, output.active_requirements[0])
    with SqliteDatabase(db_file) as db:
        (requirement,) = db.requirements(open_only=False)
        assert requirement.tool_execution.changed_by_person
        assert requirement.tool_execution.original_tool_args == {"subject": "Hello"}
        (record,) = db.audit(output.run_id)
        assert record.changed_args == {"subject": "Bye", "cc": None, "recipient": "ann"}
        titles = [event.title for event in told(db.journal(output.run_id))]
        assert any(title.endswith("fills in send, and changes subject") for title in titles), titles
        assert agent(db).continue_run(run_id=output.run_id, requirements=[]) == "sent Bye to ann"


def test_what_stands_on_no_form_can_not_be_answered(db_file: Path) -> None:
    with SqliteDatabase(db_file) as db:
        output = agent(db).do("Work.", return_output=True)
        (requirement,) = output.active_requirements
        with pytest.raises(InvalidResolutionError, match="there is no field 'cc'; the fields are: subject, recipient"):
            requirement.answer({"recipient": "ann", "cc": "bob"})
        data: Any = json.loads(json.dumps(requirement.to_dict()))
        data["tool_execution"]["user_input_schema"] = [
            {**field, "value": field["value"] or "ann"} for field in data["user_input_schema"]
        ] + [{"name": "cc", "value": "bob"}]
        data["user_input_schema"] = data["tool_execution"]["user_input_schema"]
        data["tool_execution"]["answered"] = True
        with pytest.raises(InvalidResolutionError, match='there is no field "cc"'):
            agent(db).continue_run(run_id=output.run_id, requirements=[data])
