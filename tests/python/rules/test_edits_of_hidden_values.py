"""A person changes what stands around a value that nobody is shown: the tool gets the value, and never its mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, SqliteDatabase, tool
from haltpoint.tools.hidden_parts import MISSING
from support.editing import Editing, anywhere
from support.replies import wants
from support.running import asynchronous

MASK = "**********"


class Login(BaseModel):
    user: str
    token: SecretStr
    pin: SecretStr = SecretStr("0000")


class Connection:
    """Has no JSON form."""


class Target(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    table: str
    connection: Any = Field(default_factory=Connection)


def sign_in(login: Login) -> str:
    """Sign in."""
    return f"{login.user} {login.token.get_secret_value()} {login.pin.get_secret_value()}"


def sign_all_in(logins: list[Login]) -> str:
    """Sign all in."""
    return ", ".join(f"{login.user} {login.token.get_secret_value()}" for login in logins)


def unlock(codes: list[SecretStr], door: int = 1) -> str:
    """Unlock."""
    return " ".join(code.get_secret_value() for code in codes)


def write(target: Target) -> str:
    """Write."""
    return f"{target.table} {type(target.connection).__name__}"


def unlock_by_name(codes: dict[str, SecretStr]) -> str:
    """Unlock."""
    return " ".join(f"{name}={code.get_secret_value()}" for name, code in codes.items())


ANN = {"user": "ann", "token": "first"}
BOB = {"user": "bob", "token": "second"}


@anywhere
def test_a_secret_beside_what_was_changed_stays(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, sign_in, login={**ANN, "pin": "1234"})
    assert call.shown == {"login": {"user": "ann", "token": MASK, "pin": MASK}}
    call.change(has_code=has_code, login={"user": "eve", "token": MASK, "pin": MASK})
    assert call.shown == {"login": {"user": "eve", "token": MASK, "pin": MASK}}
    assert call.run() == "eve first 1234"


@anywhere
def test_a_secret_that_the_model_left_out_stays_the_default(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, sign_in, login=ANN)
    call.change(has_code=has_code, login={"user": "eve", "token": MASK, "pin": MASK})
    assert call.run() == "eve first 0000"


def test_a_default_that_is_a_secret_is_no_mask_in_a_call_that_runs_as_shown(db_file: Path) -> None:
    call = Editing(db_file, sign_in, login=ANN)
    with SqliteDatabase(db_file) as db:
        requirement = db.requirements()[0]
        requirement.confirm(by="ann")
        requirement.commit()
    assert call.run() == "ann first 0000"


@anywhere
def test_a_new_secret_takes_the_place_of_the_old(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, sign_in, login={**ANN, "pin": "1234"})
    call.change(has_code=has_code, login={"user": "ann", "token": "third", "pin": MASK})
    assert call.run() == "ann third 1234"


@anywhere
def test_an_object_that_only_its_type_stands_for_stays(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, write, target={"table": "a"})
    assert call.shown == {"target": {"table": "a", "connection": "<Connection>"}}
    call.change(has_code=has_code, target={"table": "b", "connection": "<Connection>"})
    assert call.run() == "b Connection"


@pytest.mark.parametrize(
    ("codes", "result"),
    [
        ([MASK, "new"], "one new"),
        ([MASK, MASK, "new"], "one two new"),
        (["new", MASK], "new two"),
    ],
)
@anywhere
def test_secrets_in_a_list_stay_in_their_places(db_file: Path, has_code: bool, codes: list[str], result: str) -> None:
    call = Editing(db_file, unlock, codes=["one", "two"])
    call.change(has_code=has_code, codes=codes)
    assert call.run() == result


@pytest.mark.parametrize("codes", [[MASK], [MASK, MASK, MASK], ["new", "new", MASK], [MASK, MASK, {"a": MASK}]])
@anywhere
def test_a_mask_that_stands_for_none_or_several_is_refused(db_file: Path, has_code: bool, codes: Any) -> None:
    call = Editing(db_file, unlock, codes=["one", "two"])
    with pytest.raises(InvalidResolutionError, match="can't be told which; give that value anew"):
        call.change(has_code=has_code, codes=codes)
    call.change(has_code=has_code, codes=["new"])
    assert call.run() == "new"


@anywhere
def test_no_one_gets_the_secret_of_another(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, sign_all_in, logins=[ANN, BOB])
    ann, bob = call.shown["logins"]
    for swapped in ([bob, ann], [bob], [ann, bob, ann], [{"user": "eve", "token": MASK}, bob, bob]):
        with pytest.raises(InvalidResolutionError, match=r"logins\.\d\.token"):
            call.change(has_code=has_code, logins=swapped)
    call.change(has_code=has_code, logins=[ann, {**bob, "user": "eve"}])
    assert call.run() == "ann first, eve second"


@anywhere
def test_a_secret_stays_with_its_name(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, unlock_by_name, codes={"front": "one", "back": "two"})
    with pytest.raises(InvalidResolutionError, match=r"codes\.side"):
        call.change(has_code=has_code, codes={"side": MASK})
    call.change(has_code=has_code, codes={"back": MASK, "side": "three"})
    assert call.run() == "back=two side=three"


@anywhere
def test_text_that_looks_like_a_type_is_text_where_nothing_is_hidden(db_file: Path, has_code: bool) -> None:
    def send(lines: list[str]) -> str:
        """Send."""
        return " ".join(lines)

    call = Editing(db_file, send, lines=["<b>", MASK])
    call.change(has_code=has_code, lines=["<i>", MASK, MASK])
    assert call.run() == f"<i> {MASK} {MASK}"


@pytest.mark.parametrize(
    ("function", "said", "name"),
    [
        (sign_in, {"login": ANN}, "login"),
        (unlock, {"codes": ["one"]}, "codes"),
        (write, {"target": {"table": "a"}}, "target"),
    ],
)
@asynchronous
async def test_an_approval_is_not_remembered_with_what_was_not_seen(
    db: SqliteDatabase, function: Any, said: Any, name: str
) -> None:
    approved = tool(requires_confirmation=True)(function)
    agent = Agent(ScriptedModel([wants(approved.__name__, **said), "Finished."]), db=db, tools=[approved])
    output = await agent.do_async("Work.", return_output=True)
    requirement = output.active_requirements[0]
    with pytest.raises(InvalidResolutionError, match=f"with its arguments: '{name}' is not shown in full"):
        requirement.confirm(remember="run", remember_args=True)
    requirement.confirm(remember="run")
    assert await agent.continue_run_async(run_id=output.run_id) == "Finished."


class Signed(BaseModel):
    key: SecretStr = SecretStr("default")
    pinned: SecretStr = Field(default="default", validate_default=True)
    maybe: SecretStr | None = None
    number: int = 1


class Signing(BaseModel):
    one: Signed = Signed()
    more: list[Signed] = []
    by_name: dict[str, Signed] = {}
    number: int = 1


def sign_up(value: Signing) -> str:
    """Sign up."""
    every = [value.one, *value.more, *value.by_name.values()]
    texts = [(item.key.get_secret_value(), item.pinned.get_secret_value(), item.number) for item in every]
    return f"{texts} {value.number}"


@pytest.mark.parametrize(
    ("said", "wanted", "path"),
    [
        ({"one": {"key": "a"}}, {"one": {"pinned": MASK, "maybe": None, "number": 2}}, "value.one.key"),
        ({"one": {"pinned": "a"}}, {"one": {"key": MASK, "maybe": None, "number": 2}}, "value.one.pinned"),
        ({"one": {"key": "a"}}, {"one": MISSING, "number": 2}, "value.one"),
        ({"more": [{"key": "a"}]}, {"more": [{"pinned": MASK, "maybe": None, "number": 2}]}, "value.more.0.key"),
        (
            {"by_name": {"x": {"key": "a"}}},
            {"by_name": {"x": {"pinned": MASK, "maybe": None, "number": 2}}},
            "value.by_name.x.key",
        ),
    ],
)
@anywhere
def test_a_hidden_default_does_not_take_the_place_of_what_was_left_out(
    db_file: Path, has_code: bool, said: Any, wanted: Any, path: str
) -> None:
    call = Editing(db_file, sign_up, value={"one": {"key": "k", "pinned": "p"}, **said})
    members = {**call.shown["value"], **wanted}
    with pytest.raises(InvalidResolutionError, match=rf"{path}: (it was left out|missing, and the tool's code)"):
        call.change(has_code=has_code, value={name: item for name, item in members.items() if item is not MISSING})


def test_what_is_shown_to_be_away_may_be_left_out(db_file: Path) -> None:
    call = Editing(db_file, sign_up, value={"one": {"key": "k", "maybe": "a"}, "by_name": {"x": {"key": "a"}}})
    one = {**call.shown["value"]["one"], "number": 2}
    del one["maybe"]
    call.change(has_code=True, value={**call.shown["value"], "one": one, "by_name": {}})
    assert call.shown["value"]["one"]["maybe"] is None
    assert call.run() == "[('k', 'default', 2)] 1"
