"""Changing the arguments of a call on its page: what is shown is prefilled, there is one button, and all is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import Page, expect
from pydantic import AfterValidator, BaseModel, SecretStr
from visiting import Visitor, words

from haltpoint import Agent, InMemoryDatabase, RunRequirement, ScriptedModel, Task, tool
from support.command import CommandLine
from support.databases import opened
from support.inbox import Inbox
from support.replies import wants, wants_all

LONG = "a line\n\nanother, " + "which is long " * 20


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    country: str = "NO"


@tool(requires_confirmation=True)
def pay(
    amount: Decimal,
    key: SecretStr,
    times: Annotated[int, AfterValidator(lambda given: min(given, 10))],
    to: Address,
    text: str,
    day: date,
    ratio: float = 1.0,
    express: bool = False,
    memo: str | None = None,
) -> str:
    """Pay."""
    values = (amount, key.get_secret_value(), times, to.street, to.country, text, day, ratio, express, memo)
    return "|".join(str(value) for value in values)


GIVEN = {"amount": "1.10", "key": "abc", "times": 99, "to": {"street": "A"}, "text": LONG, "day": "2024-02-29"}
SHOWN = {
    "amount": "1.10",
    "key": "**********",
    "times": 10,
    "to": {"street": "A", "country": "NO"},
    "text": LONG,
    "day": "2024-02-29",
    "ratio": 1.0,
    "express": False,
    "memo": None,
}
PLACES = {name: f"argument-{place}" for place, name in enumerate(SHOWN)}


@pytest.fixture
def db() -> Iterator[InMemoryDatabase]:
    """A database."""
    with InMemoryDatabase() as database:
        yield database


def _agent(db: Any) -> Agent:
    return Agent(ScriptedModel([wants("pay", **GIVEN), "finished"]), db=db, tools=[pay])


def _started(db: Any) -> RunRequirement:
    requirement: RunRequirement = _agent(db).do(Task("Pay."), return_output=True).requirements[0]
    return requirement


def _ran(db: Any, run_id: str) -> Any:
    return _agent(db).continue_run(run_id=run_id, return_output=True).tools[0].result


def _editing(db: InMemoryDatabase) -> Visitor:
    visitor = Visitor(db, _started(db).run_id or "", "ann")
    visitor.edit()
    return visitor


def _stored(db: InMemoryDatabase) -> RunRequirement:
    (requirement,) = db.requirements(open_only=False)
    return requirement


def test_all_that_the_tool_gets_is_shown_with_where_it_comes_from(db: InMemoryDatabase) -> None:
    visitor = Visitor(db, _started(db).run_id or "", "ann")
    shown = visitor.words
    assert "times 10 the model said 99" in shown
    assert "ratio default 1.0" in shown and "express default false" in shown and "memo default null" in shown
    assert 'the model said {"street": "A"}' in shown
    box = visitor.page.text.partition('class="call-box"')[2].partition("<form")[0]
    assert "**********" in box and "abc" not in box


def test_while_arguments_are_changed_there_is_one_button(db: InMemoryDatabase) -> None:
    visitor = Visitor(db, _started(db).run_id or "", "ann")
    assert visitor.buttons == ["approve", "approve_later", "reject"]
    visitor.edit()
    assert visitor.buttons == ["approve_changed"]
    assert "Approve with changes" in visitor.words and "Approve later calls" not in visitor.words
    assert visitor.page.text.count("/decision") == 1


def test_what_else_the_run_waits_for_can_not_be_approved_meanwhile(db: InMemoryDatabase) -> None:
    replies = [wants_all(("pay", GIVEN), ("pay", {**GIVEN, "times": 2})), "finished"]
    run_id = Agent(ScriptedModel(replies), db=db, tools=[pay]).do(Task("Pay."), return_output=True).run_id
    visitor = Visitor(db, run_id, "ann")
    assert visitor.buttons.count("approve") == 2
    visitor.open(f"?edit={db.requirements()[0].id}")
    assert visitor.buttons == ["approve_changed"]
    refused = visitor.send("approve_changed", **{PLACES["times"]: "many"})
    assert re.findall(r'name="action" value="([^"]+)"', refused.text) == ["approve_changed"]


@pytest.mark.parametrize("action", ["approve", "approve_later", "reject"])
def test_an_edit_that_comes_with_another_button_decides_nothing(db: InMemoryDatabase, action: str) -> None:
    visitor = _editing(db)
    assert visitor.send("approve_changed", **{"action": action, PLACES["times"]: "4"}).status == 422
    assert _stored(db).decision is None


def test_what_is_not_changed_approves_nothing(db: InMemoryDatabase) -> None:
    visitor = _editing(db)
    unchanged = {"argument-4": LONG.replace("\n", "\r\n"), "argument-0": "1.10", "argument-6": "1.0"}
    refused = visitor.send("approve_changed", **unchanged)
    assert refused.status == 422 and "no argument is changed" in words(refused)
    assert 'value="approve"' not in refused.text
    assert _stored(db).decision is None


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("amount", "2.50", "2.50"),
        ("key", "xyz", "**********"),
        ("times", "3", 3),
        ("to", '{"street": "B", "country": "SE"}', {"street": "B", "country": "SE"}),
        ("text", "first\r\nsecond", "first\nsecond"),
        ("day", "2024-03-01", "2024-03-01"),
        ("ratio", "0.5", 0.5),
        ("express", "true", True),
        ("memo", '"soon"', "soon"),
    ],
)
def test_one_value_is_changed_and_all_others_are_what_they_were(
    db: InMemoryDatabase, name: str, typed: str, value: Any
) -> None:
    visitor = _editing(db)
    to = '{\r\n  "street": "A",\r\n  "country": "NO"\r\n}'
    as_sent = {"argument-4": LONG.replace("\n", "\r\n"), "argument-3": to}
    assert visitor.send("approve_changed", **{**as_sent, PLACES[name]: typed}).status == 303
    stored = _stored(db)
    assert stored.tool_execution.tool_args == {**SHOWN, name: value}
    ran: dict[str, Any] = {**SHOWN, name: value, "key": "xyz" if name == "key" else "abc"}
    ran["to"] = "|".join(ran["to"].values())
    assert _ran(db, stored.run_id or "") == "|".join(str(item) for item in ran.values())


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("times", "true"),
        ("times", "NaN"),
        ("times", ""),
        ("express", "1"),
        ("express", ""),
        ("express", '"false"'),
        ("to", '{"street": "B", "street": "C"}'),
        ("to", "{"),
        ("day", "soon"),
        ("ratio", "null"),
    ],
)
def test_what_does_not_fit_is_refused_beside_its_field_and_nothing_else_is_lost(
    db: InMemoryDatabase, name: str, typed: str
) -> None:
    visitor = _editing(db)
    refused = visitor.send("approve_changed", **{"argument-4": "kept as typed", PLACES[name]: typed})
    assert refused.status == 422 and f"{PLACES[name]}-error" in refused.text
    assert 'value="approve"' not in refused.text and "kept as typed" in refused.text
    assert _stored(db).decision is None


def test_success_says_in_full_what_runs(db: InMemoryDatabase) -> None:
    visitor = _editing(db)
    sent = visitor.send("approve_changed", **{PLACES["times"]: "4"})
    visitor.open("?" + (sent.header("location") or "").partition("?")[2])
    done = visitor.page.text.partition('id="done"')[2].partition('id="run-head"')[0]
    assert visitor.words.count("What runs is pay with") == 1
    for name in SHOWN:
        assert f"<dt>{name}" in done
    assert "the model said 99" in done and "country" in done and "abc" not in done


def test_a_form_that_asks_says_what_was_answered(db: InMemoryDatabase) -> None:
    @tool(requires_user_input=True, user_input_fields=["name"])
    def engrave(font: str, name: str, copies: int = 3) -> str:
        """Engrave."""
        return f"{name} in {font}, {copies} times"

    agent = Agent(ScriptedModel([wants("engrave", font="serif"), "finished"]), db=db, tools=[engrave])
    visitor = Visitor(db, agent.do(Task("Engrave."), return_output=True).run_id, "ann")
    assert "copies default 3" in visitor.words
    sent = visitor.send("answer", **{"value-1": "Ann"})
    visitor.open("?" + (sent.header("location") or "").partition("?")[2])
    assert "What runs is engrave with font serif copies default 3 name Ann" in visitor.words


browser_only = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")


def _edit(page: Page, inbox: Inbox, run_id: str) -> None:
    page.goto(f"{inbox.address}/runs/{run_id}")
    page.get_by_role("link", name="Change the arguments").click()
    expect(page.get_by_role("button", name="Approve with changes")).to_be_visible()


@browser_only
@pytest.mark.parametrize("scripts", [True, False])
def test_a_browser_sends_back_unchanged_what_nobody_changed(cli: CommandLine, *, scripts: bool) -> None:
    with opened(cli.db_file) as db, opened_browser() as browser:
        run_id = _started(db).run_id or ""
        with Inbox(cli) as inbox, signed_in(browser, inbox, java_script_enabled=scripts) as page:
            _edit(page, inbox, run_id)
            expect(page.locator(".question button")).to_have_count(1)
            page.get_by_label("times").fill("4")
            page.get_by_label("times").press("Enter")
            expect(page.locator("#done")).to_contain_text("pay: approved")
            stored = db.requirements(open_only=False)[0]
            assert stored.tool_execution.tool_args == {**SHOWN, "times": 4}
        assert _ran(db, run_id) == f"1.10|abc|4|A|NO|{LONG}|2024-02-29|1.0|False|None"


@browser_only
def test_neither_the_back_button_nor_two_clicks_approve_the_original(cli: CommandLine) -> None:
    with opened(cli.db_file) as db, opened_browser() as browser:
        run_id = _started(db).run_id or ""
        with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
            _edit(page, inbox, run_id)
            page.get_by_role("link", name="Back, without changes").click()
            expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
            page.go_back()
            expect(page.locator(".question button")).to_have_count(1)
            assert db.requirements()[0].decision is None
            page.get_by_label("times").fill("4")
            page.get_by_role("button", name="Approve with changes").dblclick()
            expect(page.locator("#done")).to_contain_text("pay: approved")
            page.go_back()
            expect(page.locator(".question button")).to_have_count(0)
            assert db.requirements(open_only=False)[0].tool_execution.tool_args["times"] == 4


@browser_only
def test_in_a_second_tab_the_edit_stays_and_its_button_goes(cli: CommandLine) -> None:
    with opened(cli.db_file) as db, opened_browser() as browser:
        run_id = _started(db).run_id or ""
        with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
            _edit(page, inbox, run_id)
            page.get_by_label("times").fill("4")
            other = page.context.new_page()
            other.goto(f"{inbox.address}/runs/{run_id}")
            other.get_by_role("button", name="Approve", exact=True).click()
            expect(other.locator("#done")).to_be_visible()
            expect(page.locator(".question.closed")).to_contain_text("What you typed was not sent")
            expect(page.locator(".question button")).to_have_count(0)
            expect(page.get_by_label("times")).to_have_value("4")


@browser_only
def test_a_page_that_came_with_a_refusal_follows_the_run_too(cli: CommandLine) -> None:
    with opened(cli.db_file) as db, opened_browser() as browser, Inbox(cli) as inbox:
        requirement = _started(db)
        # A refused form is an error to the browser's console.
        page = browser.new_page()
        page.goto(f"{inbox.address}/?token={inbox.token}")
        _edit(page, inbox, requirement.run_id or "")
        page.get_by_label("times").fill("many")
        page.get_by_role("button", name="Approve with changes").click()
        expect(page.get_by_role("alert")).to_be_focused()
        requirement.reject("no", by="bob")
        requirement.commit()
        expect(page.locator(".question.closed")).to_contain_text("What you typed was not sent")
        expect(page.locator(".question button")).to_have_count(0)
        page.context.close()
