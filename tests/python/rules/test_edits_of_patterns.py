"""Patterns are shown as their text, edited as it, and shown so to the next approver."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, ImportString, PlainValidator

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, ModelReply, ScriptedModel, ToolCall, tool
from haltpoint.tools.plain_form import plain_form
from support.editing import Editing, anywhere


def purge(pattern: re.Pattern[str], others: list[re.Pattern[str]] | None = None, number: int = 1) -> str:
    """Purge."""
    return f"{pattern!r} {others!r} {number}"


@anywhere
@pytest.mark.parametrize("wanted", [".*", "(?i)a", "<Pattern>"])
def test_an_edit_is_shown_and_runs(db_file: Path, has_code: bool, wanted: str) -> None:
    call = Editing(db_file, purge, pattern="^tmp_", others=["a", "b"])
    assert call.shown == {"pattern": "^tmp_", "others": ["a", "b"], "number": 1}
    call.change(has_code=has_code, pattern=wanted, others=["a", wanted])
    assert call.shown["pattern"] == wanted
    assert call.run() == f"{re.compile(wanted)!r} {[re.compile('a'), re.compile(wanted)]!r} 1"


@anywhere
def test_what_is_no_pattern_is_refused(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, purge, pattern="^tmp_")
    with pytest.raises(InvalidResolutionError, match="pattern: "):
        call.change(has_code=has_code, pattern="(")


def test_the_second_approver_sees_the_first_ones_edit() -> None:
    deleter = tool(requires_confirmation=True, approvals=2)(purge)
    database = InMemoryDatabase()
    script = [ModelReply(tool_calls=[ToolCall("purge", {"pattern": "^tmp_"})]), "Done."]
    agent = Agent(ScriptedModel(script), db=database, tools=[deleter])
    requirement = agent.do("Work.", return_output=True).active_requirements[0]
    requirement.confirm(tool_args={"pattern": ".*"}, by="ann")
    requirement.commit()
    second = database.requirement(requirement.id)
    assert second.approvals[0]["tool_args"]["pattern"] == ".*"


def test_an_approval_can_be_remembered_with_a_pattern() -> None:
    forms = [plain_form(value) for value in (re.compile("a"), re.compile(b"a\n"), re.compile("(?i)a"))]
    assert [form.data for form in forms] == ["a", "a\n", "(?i)a"]
    assert all(form.is_whole for form in forms)


def test_a_pattern_whose_text_says_less_is_shown_by_its_type() -> None:
    assert plain_form(re.compile("a", re.IGNORECASE)).data == "<Pattern>"


class Account:
    def __init__(self, name: str) -> None:
        self.name = name


def close(
    account: Annotated[Any, PlainValidator(Account, json_schema_input_type=str)],
    target: ImportString[Any] = len,
    number: int = 1,
) -> str:
    """Close."""
    return f"{account.name} {target.__name__} {number}"


@pytest.mark.parametrize("wanted", [{"account": "bob"}, {"target": "math.sin"}])
def test_what_is_shown_by_its_type_is_changed_with_the_code_alone(db_file: Path, wanted: dict[str, Any]) -> None:
    call = Editing(db_file, close, account="ann", target="math.cos")
    assert call.shown["account"] == "<Account>"
    with pytest.raises(InvalidResolutionError, match="the tool's code is needed to tell what this value means"):
        call.change(has_code=False, **wanted)
    call.change(has_code=True, **wanted)
    assert call.run() == ("bob cos 1" if "account" in wanted else "ann sin 1")


def test_beside_it_the_code_is_not_needed(db_file: Path) -> None:
    call = Editing(db_file, close, account="ann", target="math.cos")
    call.change(has_code=False, number=2)
    assert call.run() == "ann cos 2"


def open_account(account: Annotated[str, AfterValidator(Account)], number: int = 1) -> str:
    """Open."""
    return f"{account.name} {number}"  # type: ignore[attr-defined]


def test_so_is_what_a_validator_makes_an_object_of(db_file: Path) -> None:
    call = Editing(db_file, open_account, account="ann")
    with pytest.raises(InvalidResolutionError, match="the tool's code is needed to tell what this value means"):
        call.change(has_code=False, account="bob")
    call.change(has_code=False, number=2)
    assert call.run() == "ann 2"


class Both(BaseModel):
    account: Annotated[Any, PlainValidator(Account, json_schema_input_type=str)]
    number: int = 1


def close_both(account: Annotated[Any, PlainValidator(Account, json_schema_input_type=str)], both: Both) -> str:
    """Close."""
    return f"{account.name} {both.account.name} {both.number}"


def test_where_others_must_approve_nobody_changes_what_they_can_not_see() -> None:
    closer = tool(requires_confirmation=True, approvals=2)(close_both)
    database = InMemoryDatabase()
    script = [ModelReply(tool_calls=[ToolCall("close_both", {"account": "ann", "both": {"account": "bob"}})]), "Done."]
    agent = Agent(ScriptedModel(script), db=database, tools=[closer])
    requirement = agent.do("Work.", return_output=True).active_requirements[0]
    shown = requirement.tool_execution.tool_args
    assert shown == {"account": "<Account>", "both": {"account": "<Account>", "number": 1}}
    for wanted, path in (
        ({**shown, "account": "eve"}, "account"),
        ({**shown, "both": {"account": "eve", "number": 1}}, "both.account"),
    ):
        requirement.confirm(tool_args=wanted, by="ann")
        with pytest.raises(InvalidResolutionError, match=f": {path}: it is shown by its type, so that others who"):
            requirement.commit()
    requirement.confirm(tool_args={**shown, "both": {"account": "<Account>", "number": 2}}, by="ann")
    requirement.commit()
    second = database.requirement(requirement.id)
    second.confirm(tool_args=second.approvals[0]["tool_args"], by="bob")
    second.commit()
    assert agent.continue_run(run_id=requirement.run_id) == "Done."
