"""The names of those who decide: one person is one name, however it is typed, on every path."""

from __future__ import annotations

import contextlib
import json
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    InvalidResolutionError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    UnresolvedRequirementsError,
    tool,
)
from haltpoint.inbox import create_app
from haltpoint.run.names import plain_name
from support.asgi import asked
from support.command import CommandLine
from support.replies import wants

ANN = "ann"
SPELLINGS_OF_ANN = [
    "ann",
    " ann\t",
    "ann\n",
    "\u00a0ann",
    "ann\u3000",
    "ann\u200b",
    "ann\ufdd0",
    "a\uffffnn",
    "ann\U0010fffe",
    "a\u200dn\u200cn",
    "\u2060ann\ufeff",
    "\u200b ann \u200b",
    "an\u00adn",
    "ann\u3164",
    "ann\uffa0",
    "a\u115fnn",
    "ann\u2800",
    "ann\ufe0f",
    "a\u034fnn",
    "ann\U000e0061",
    "ann\U000e0101",
    "ann\U0001d159",
    "\u202eann\u202c",
    "\u2066ann\u2069",
    "\uff41\uff4e\uff4e",
    "\U0001d41ann",
]
BLANK = ["", " ", "\ufdef", "\U0001ffff", "\u200b", "\u3164", "\u2800 \u2800", "\ufeff\u00ad", "\U000e0020", "\u3000\n"]
UNUSABLE = ["ann\x00", "a\x1bnn", "a\nnn", "a\x7fnn", "a\x9fnn", "\ud800", "a" * 513, "é" * 300, "\ufdfa" * 100]


@tool(requires_confirmation=True, approvals=2)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def agent(db: SqliteDatabase) -> Agent:
    return Agent(ScriptedModel([wants("pay", amount=5), "done"]), db=db, tools=[pay])


@pytest.fixture
def paused(db: SqliteDatabase) -> str:
    """The id of a run that waits for two people."""
    run_id: str = agent(db).do("Pay.", return_output=True).run_id
    return run_id


def by_method(db: SqliteDatabase, by: str) -> None:
    [requirement] = db.requirements()
    requirement.confirm(by=by)
    requirement.commit()


def by_attribute(db: SqliteDatabase, by: str) -> None:
    [requirement] = db.requirements()
    requirement.tool_execution.confirmed = True
    requirement.draft_by = by
    requirement.commit()


def by_data(db: SqliteDatabase, by: str) -> None:
    [requirement] = db.requirements()
    data = json.loads(json.dumps({**requirement.to_dict(), "confirmation": True, "draft_by": by}))
    # One of two approvals lets the run wait on.
    with contextlib.suppress(UnresolvedRequirementsError):
        agent(db).continue_run(run_id=requirement.run_id, requirements=[data])


def by_handler(db: SqliteDatabase, by: str) -> None:
    [requirement] = db.requirements()
    agent(db).continue_run(run_id=requirement.run_id, hitl_handler=lambda one: one.confirm(by=by), return_output=True)


def by_page(db: SqliteDatabase, by: str) -> None:
    app = create_app(db, authenticate=lambda request: by)
    [requirement] = db.requirements()
    path = f"/api/requirements/{requirement.id}/decision"
    answer = asked(app, "POST", path, {"Content-Type": "application/json"}, b'{"type": "confirm"}')
    assert answer.status == 200, answer.text


def by_token(db: SqliteDatabase, by: str) -> None:
    app = create_app(db, token="t" * 16, by=by)
    [requirement] = db.requirements()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + "t" * 16}
    assert (
        asked(app, "POST", f"/api/requirements/{requirement.id}/decision", headers, b'{"type": "confirm"}').status
        == 200
    )


PATHS: list[Callable[[SqliteDatabase, str], None]] = [
    by_method,
    by_attribute,
    by_data,
    by_handler,
    by_page,
    by_token,
]


@pytest.mark.parametrize("spelling", SPELLINGS_OF_ANN)
def test_two_spellings_of_a_name_are_one_approver(db: SqliteDatabase, paused: str, spelling: str) -> None:
    by_method(db, spelling)
    by_method(db, ANN)
    [requirement] = db.requirements()
    assert [approval["by"] for approval in requirement.approvals] == [ANN]
    assert requirement.decision is None


@pytest.mark.parametrize("path", PATHS)
def test_on_every_path(db: SqliteDatabase, paused: str, path: Callable[[SqliteDatabase, str], None]) -> None:
    by_method(db, ANN)
    path(db, "\u2060\uff41n\u200bn\u3164")
    assert [approval["by"] for approval in db.requirements()[0].approvals] == [ANN]
    path(db, "b\u200bob")
    [decided] = db.requirements(open_only=False)
    assert decided.decided_by == "ann, bob"


def test_on_the_command_line(db: SqliteDatabase, db_file: Path, paused: str) -> None:
    cli = CommandLine(db_file)
    assert cli("approve", paused, "--by", "ann").code == 0
    assert cli("approve", paused, "--by", "an\u200bn\u3164").code == 0
    assert [approval["by"] for approval in db.requirements()[0].approvals] == [ANN]
    refused = cli("approve", paused, "--by", "\u2800")
    assert refused.code == 2
    assert "is blank" in refused.err
    served = cli("serve", "--by", "\u200b", "--port", "0")
    assert (served.code, "is blank" in served.err) == (2, True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("jos\u00e9", "jose\u0301"),
        ("\ufb01ona", "fiona"),
        ("ann  b.", "ann\u00a0b."),
        ("ann\u2028b.", "ann b."),
        # The mark belongs to the letter once the character between them is gone.
        ("jose\u034f\u0301", "jos\u00e9"),
        ("\u1100\u200b\u1161", "\uac00"),
    ],
)
def test_one_name_in_two_forms(first: str, second: str) -> None:
    assert plain_name(first) == plain_name(second)


@pytest.mark.parametrize(("first", "second"), [("ann", "Ann"), ("ann", "anna"), ("ann", "\u0430nn"), ("ann b", "annb")])
def test_other_names_stay_others(first: str, second: str) -> None:
    assert plain_name(first) != plain_name(second)


@pytest.mark.parametrize("by", BLANK)
def test_a_name_of_which_nothing_is_seen_is_blank(db: SqliteDatabase, paused: str, by: str) -> None:
    with pytest.raises(InvalidResolutionError, match="must say who decides, and is blank"):
        by_method(db, by)
    assert db.requirements()[0].approvals == []


@pytest.mark.parametrize("by", UNUSABLE)
@pytest.mark.parametrize("path", [by_method, by_attribute, by_data, by_token])
def test_a_name_that_can_not_be_kept_is_refused(
    db: SqliteDatabase, paused: str, by: str, path: Callable[[SqliteDatabase, str], None]
) -> None:
    with pytest.raises(InvalidResolutionError, match=r"must not (hold the character U\+|be longer than 512 bytes)"):
        path(db, by)
    assert db.requirements()[0].approvals == []


@pytest.mark.parametrize("by", [*BLANK, *UNUSABLE])
def test_cancelling_revoking_and_requeuing_take_the_same_names(db: SqliteDatabase, paused: str, by: str) -> None:
    [requirement] = db.requirements()
    for call in (
        lambda: db.cancel(paused, by=by),
        lambda: db.requeue(paused, by=by),
        lambda: db.revoke(requirement.id, by=by),
    ):
        with pytest.raises(InvalidResolutionError, match=r"^by of "):
            call()
    assert db.run(paused).is_paused


def test_what_cancels_is_kept_under_the_same_name(db: SqliteDatabase, paused: str) -> None:
    assert db.cancel(paused, by=" an\u200bn ")
    assert [record.by for record in db.audit(paused)] == [ANN]


@pytest.mark.parametrize("by", UNUSABLE)
def test_a_function_that_names_nobody_who_can_be_kept_fails_in_the_log(db: SqliteDatabase, by: str) -> None:
    app = create_app(db, authenticate=lambda request: by)
    with pytest.raises(ValueError, match="the name that authenticate returned must not"):
        asked(app, "GET", "/api/runs")


@pytest.mark.parametrize("by", BLANK)
def test_a_function_that_names_nobody_lets_nobody_in(db: SqliteDatabase, by: str) -> None:
    assert asked(create_app(db, authenticate=lambda request: by), "GET", "/api/runs").status == 401


def test_a_very_long_name_is_refused_without_being_read() -> None:
    requirement = RunRequirement.from_dict(_confirmation())
    with pytest.raises(InvalidResolutionError, match="must not be longer than 512 bytes"):
        requirement.confirm(by="\u200b" * 50_000_000)


def _confirmation() -> dict[str, Any]:
    call = {"tool_call_id": "call", "tool_name": "pay", "tool_args": {}, "requires_confirmation": True}
    return {"id": "one", "run_id": "run", "kind": "confirmation", "tool_execution": call}


def test_a_plain_name_is_its_own_plain_name() -> None:
    letters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    for start in range(0, len(letters), 97):
        text = "".join(letters[start : start + 97])
        kept = "".join(one for one in text if unicodedata.category(one) != "Cc")
        name = plain_name(kept[:40])
        assert plain_name(name) == name
