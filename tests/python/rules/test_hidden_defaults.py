"""Defaults that hold a secret, or bytes: all but the secret is shown, and a changed one does not run unseen."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, RunRequirement, ScriptedModel, ToolChangedError
from haltpoint import tool as declare
from support.replies import wants

ran: list[Any] = []


class Options(BaseModel):
    limit: int = 1
    key: SecretStr = SecretStr("k")


class Raw(BaseModel):
    data: bytes = b"\xff"
    limit: int = 1


class Connection:
    """An object without a form."""


@dataclasses.dataclass
class Dependencies:
    token: str
    connection: Connection
    key: SecretStr


def with_default(kind: Any, default: Any) -> Any:
    def pay(euros, options=default) -> str:  # type: ignore[no-untyped-def]
        ran.append((euros, options))
        return "paid"

    pay.__annotations__ = {"euros": int, "options": kind, "return": str}
    return declare(requires_confirmation=True)(pay)


def asked(db: InMemoryDatabase, tool: Any) -> RunRequirement:
    ran.clear()
    agent = Agent(ScriptedModel([wants("pay", euros=1), "END"]), db=db, tools=[tool])
    return agent.do("Pay.", return_output=True).requirements[0]


def go_on(db: InMemoryDatabase, requirement: RunRequirement, tool: Any, **options: Any) -> None:
    agent = Agent(ScriptedModel([wants("pay", euros=1), "END"]), db=db, tools=[tool])
    agent.continue_run(run_id=requirement.run_id, requirements=[], **options)


CHANGES: dict[str, tuple[Any, Any, Any, Any]] = {
    "beside a secret": (Options, Options(), {"limit": 1, "key": "**********"}, Options(limit=1000)),
    "in a list": (list[Options], [Options()], [{"limit": 1, "key": "**********"}], [Options(), Options()]),
    "bytes": (bytes, b"\xff", "base64:/w==", b"\xfe"),
    "bytes that look like others": (bytes, b"\xff", "base64:/w==", b"base64:/w=="),
    "bytes in a model": (Raw, Raw(), {"data": "base64:/w==", "limit": 1}, Raw(data=b"\xfe")),
    "no number": (float, float("nan"), "nan", float("inf")),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("edit", [None, {"euros": 2}])
def test_a_changed_default_does_not_run(name: str, edit: dict[str, Any] | None) -> None:
    kind, default, shown, later = CHANGES[name]
    db = InMemoryDatabase()
    requirement = asked(db, with_default(kind, default))
    assert requirement.tool_execution.tool_args == {"euros": 1, "options": shown}
    assert requirement.tool_execution.defaulted == ["options"]
    requirement.confirm(by="ann", tool_args=edit)
    requirement.commit()
    with pytest.raises(ToolChangedError, match="the default of options was shown as"):
        go_on(db, requirement, with_default(kind, later))
    assert ran == []
    go_on(db, requirement, with_default(kind, default))
    assert [(euros, repr(options)) for euros, options in ran] == [(2 if edit else 1, repr(default))]


def test_a_changed_default_does_not_run_even_where_the_tool_may_have_changed() -> None:
    """Nobody approved the other limit."""
    db = InMemoryDatabase()
    requirement = asked(db, with_default(Options, Options()))
    requirement.confirm(by="ann")
    requirement.commit()
    with pytest.raises(ToolChangedError, match=r'was shown as {"limit": 1, .+ cancel the run'):
        go_on(db, requirement, with_default(Options, Options(limit=1000)), allow_changed_tools=True)
    assert ran == []


def test_a_changed_secret_alone_is_not_noticed_and_no_secret_is_stored() -> None:
    db = InMemoryDatabase()
    requirement = asked(db, with_default(Options, Options(key=SecretStr("first-secret"))))
    requirement.confirm(by="ann")
    requirement.commit()
    go_on(db, requirement, with_default(Options, Options(key=SecretStr("second-secret"))))
    assert [options.key.get_secret_value() for _, options in ran] == ["second-secret"]
    assert requirement.run_id is not None
    assert "-secret" not in db.export(requirement.run_id)


def test_what_is_not_marked_as_a_secret_stays_hidden_in_an_object_without_a_form() -> None:
    """Its members may be secrets all the same."""
    db = InMemoryDatabase()
    dependencies = Dependencies("t-123", Connection(), SecretStr("k"))
    requirement = asked(db, with_default(Any, dependencies))
    assert requirement.tool_execution.tool_args["options"] == "<Dependencies>"


def test_a_part_of_a_default_with_a_secret_is_changed_with_the_secret_given_anew() -> None:
    db = InMemoryDatabase()
    requirement = asked(db, with_default(Options, Options()))
    requirement.confirm(by="ann", tool_args={"euros": 1, "options": {"limit": 2, "key": "**********"}})
    with pytest.raises(InvalidResolutionError, match=r"options\.key: \*+ stands for a value that is not shown"):
        requirement.commit()
    again = db.requirements()[0]
    again.confirm(by="ann", tool_args={"euros": 1, "options": {"limit": 2, "key": "new"}})
    again.commit()
    go_on(db, again, with_default(Options, Options()))
    assert [(options.limit, options.key.get_secret_value()) for _, options in ran] == [(2, "new")]


def test_the_default_is_given_as_it_was_shown() -> None:
    db = InMemoryDatabase()
    requirement = asked(db, with_default(Options, Options(key=SecretStr("own"))))
    requirement.confirm(by="ann", tool_args={**requirement.tool_execution.tool_args, "euros": 7})
    requirement.commit()
    go_on(db, requirement, with_default(Options, Options(key=SecretStr("own"))))
    assert [(euros, options.key.get_secret_value()) for euros, options in ran] == [(7, "own")]
