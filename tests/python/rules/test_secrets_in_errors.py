"""Errors about arguments and answers never repeat a value that nobody is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from haltpoint import (
    Agent,
    HaltpointError,
    InvalidResolutionError,
    RequirementConflictError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    tool,
)
from haltpoint.tools import define_tool
from support.editing import Editing, anywhere
from support.replies import wants

SECRET = "hunter2"
MASK = "**********"


class Login(BaseModel):
    """Has a secret."""

    user: str
    pin: Annotated[SecretStr, Field(min_length=10)]


def refuse(pin: SecretStr) -> SecretStr:
    """Refuse what was edited, in a way of its own."""
    if pin.get_secret_value() == SECRET:
        raise OSError("out of order")
    return pin


def unlock(pin: Annotated[SecretStr, Field(min_length=10)], door: int = 1) -> str:
    """Unlock."""
    return f"door {door}"


def sign_in(login: Login) -> str:
    """Sign in."""
    return login.user


def sign_all_in(logins: list[Login] | None) -> str:
    """Sign all in."""
    return str(logins)


def open_with(pin: Annotated[SecretStr, AfterValidator(refuse)]) -> str:
    """Open."""
    return "opened"


@tool(requires_confirmation=True, approvals=2)
def enter(pin: SecretStr, door: int = 1) -> str:
    """Enter."""
    return f"door {door} {pin.get_secret_value()}"


def paused(db: SqliteDatabase) -> Agent:
    agent = Agent(
        ScriptedModel([wants("enter", pin="first"), lambda request: request.messages[-1].content]), db=db, tools=[enter]
    )
    agent.do("Work.", return_output=True)
    return agent


def approve(db: SqliteDatabase, by: str, **tool_args: Any) -> None:
    (requirement,) = db.requirements()
    requirement.confirm(tool_args=tool_args or None, by=by)
    requirement.commit()


def test_what_another_approver_edited_is_told_as_it_is_shown(db: SqliteDatabase) -> None:
    agent = paused(db)
    approve(db, "ann", pin=SECRET, door=2)
    for other in ({}, {"pin": "third", "door": 2}):
        with pytest.raises(RequirementConflictError) as caught:
            approve(db, "bob", **other)
        assert SECRET not in str(caught.value)
        assert f'{{"pin": "{MASK}", "door": 2}}' in str(caught.value)
    approve(db, "bob", pin=SECRET, door=2)
    answer = agent.continue_run(run_id=db.runs()[0].run_id, requirements=[])
    assert answer.endswith(f"door 2 {SECRET}")


@pytest.mark.parametrize(
    ("function", "said", "wanted", "path"),
    [
        (unlock, {"pin": "0123456789"}, {"pin": SECRET}, "pin"),
        (unlock, {"pin": "0123456789"}, {"pin": [SECRET]}, "pin"),
        (
            sign_in,
            {"login": {"user": "ann", "pin": "0123456789"}},
            {"login": {"user": "ann", "pin": SECRET}},
            "login.pin",
        ),
        (sign_all_in, {"logins": None}, {"logins": [{"user": "ann", "pin": SECRET}]}, "logins"),
        (sign_all_in, {"logins": None}, {"logins": {"user": "ann", "pin": SECRET}}, "logins"),
    ],
)
@anywhere
def test_an_edit_that_is_refused_does_not_repeat_it(
    db_file: Path, function: Any, said: Any, wanted: Any, path: str, has_code: bool
) -> None:
    call = Editing(db_file, function, **said)
    with pytest.raises(InvalidResolutionError, match=path) as caught:
        call.change(has_code=has_code, **wanted)
    assert SECRET not in str(caught.value)
    assert "got a secret value" in str(caught.value)


def test_what_is_shown_beside_it_is_repeated(db_file: Path) -> None:
    call = Editing(db_file, unlock, pin="0123456789")
    for has_code in (True, False):
        with pytest.raises(InvalidResolutionError, match=r"door: .*got \"front\""):
            call.change(has_code=has_code, door="front")


def test_a_validator_that_fails_does_not_repeat_it(db_file: Path) -> None:
    call = Editing(db_file, open_with, pin="first")
    with pytest.raises(InvalidResolutionError, match="OSError: out of order") as caught:
        call.change(has_code=True, pin=SECRET)
    assert SECRET not in str(caught.value)


def test_a_call_that_is_refused_where_it_runs_does_not_repeat_it(db_file: Path) -> None:
    call = Editing(db_file, open_with, pin="first")
    call.change(has_code=False, pin=SECRET)
    told = call.run()
    assert "out of order" in told
    assert SECRET not in told


def test_an_answer_that_a_validator_fails_on_is_not_repeated() -> None:
    definition = define_tool(tool(requires_user_input=True, user_input_fields=["pin"])(open_with))
    with pytest.raises(InvalidResolutionError, match="out of order") as caught:
        definition.check_user_input({}, {"pin": SECRET})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [
        {"confirmation_draft": {"tool_args": {"pin": SECRET}, "more": 1}},
        {"decision": {"type": "confirm", "tool_args": {"pin": SECRET}, "more": 1}},
        {"created_at": "never", "confirmation_draft": {"tool_args": {"pin": SECRET}}},
    ],
)
def test_data_that_can_not_be_read_is_not_repeated(db: SqliteDatabase, broken: dict[str, Any]) -> None:
    agent = paused(db)
    (requirement,) = db.requirements()
    data = {**requirement.to_dict(), "confirmation": True, **broken}
    with pytest.raises(HaltpointError) as caught:
        agent.continue_run(run_id=requirement.run_id, requirements=[data])
    assert SECRET not in str(caught.value)
    assert isinstance(requirement, RunRequirement)
