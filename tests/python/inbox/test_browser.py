"""The page in a real browser: deciding, watching, with the keyboard, without scripts, and hostile text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import Browser, Page, expect

from haltpoint import ModelReply, ToolCall
from support.command import DELIVER, ENGRAVE, CommandLine, StartRun
from support.inbox import Inbox
from support.programs import Program, run_program
from support.worker import WORKER
from worker.workers import Yard

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>{{ 7*7 }}</textarea></title>"
    "javascript:alert(4)\u202egnp\x1b[2J\u200b"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with opened_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, inbox: Inbox) -> Iterator[Page]:
    """The inbox, after signing in."""
    with signed_in(browser, inbox) as opened:
        yield opened


def _open_first(page: Page) -> None:
    page.locator(".card h2 a").first.click()
    expect(page.locator(".question").first).to_be_visible()


def test_the_token_leaves_the_address_bar(page: Page, inbox: Inbox) -> None:
    assert page.url == f"{inbox.address}/"
    assert inbox.token not in page.content()
    assert page.evaluate("document.cookie") == ""


def test_one_process_pauses_a_click_decides_and_a_third_finishes(
    browser: Browser, cli: CommandLine, tmp_path: Path
) -> None:
    run_id = run_program(WORKER, "start", str(cli.db_file), "paint", cwd=tmp_path).last["run_id"]
    with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
        _open_first(page)
        page.get_by_role("button", name="Approve", exact=True).click()
        expect(page.locator("#done")).to_contain_text("paint: approved by ann")
        expect(page.locator("#done")).to_be_focused()
        finished = run_program(WORKER, "proceed", str(cli.db_file), "paint", run_id, cwd=tmp_path).last
        assert (finished["status"], finished["tools"][0][2]) == ("COMPLETED", "painted red")
        expect(page.locator(".eyebrow")).to_contain_text("Completed")
        expect(page.locator(".output")).to_have_text("finished")


def test_a_submitted_run_waits_a_click_decides_and_the_worker_finishes_it(browser: Browser, tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    (run_id,) = yard.submit("pay")
    with yard.worker() as worker:
        worker.until("paused", run_id)
        with Inbox(CommandLine(yard.db_file)) as inbox, signed_in(browser, inbox) as page:
            _open_first(page)
            page.get_by_role("button", name="Approve", exact=True).click()
            worker.until("completed", run_id)
            expect(page.locator(".eyebrow")).to_contain_text("Completed")


def test_arguments_are_changed_and_the_change_is_seen(page: Page, inbox: Inbox, painting: str) -> None:
    _open_first(page)
    page.get_by_text("Change the arguments").click()
    page.get_by_label("color").fill("blue")
    page.get_by_role("button", name="Approve with changes").click()
    expect(page.get_by_role("region", name="Who decided")).to_contain_text('Changed to {"color": "blue"}')
    (record,) = inbox.get(f"/api/runs/{painting}/audit").json["items"]
    assert (record["changed_args"], record["by"]) == ({"color": "blue"}, "ann")


def test_a_line_end_in_a_field_approves_nothing_unchanged(page: Page, inbox: Inbox, painting: str) -> None:
    _open_first(page)
    page.get_by_text("Change the arguments").click()
    page.get_by_label("color").fill("blue")
    page.get_by_label("color").press("Enter")
    expect(page.locator("#done")).to_be_visible()
    (record,) = inbox.get(f"/api/runs/{painting}/audit").json["items"]
    assert record["changed_args"] == {"color": "blue"}


def test_a_call_is_rejected_with_a_note(page: Page, inbox: Inbox) -> None:
    _open_first(page)
    page.locator("summary", has_text="Reject").click()
    page.get_by_label("Why not").fill("not red\nnever")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#done")).to_contain_text("rejected by ann")
    (item,) = inbox.get("/api/requirements?open_only=false").json["items"]
    assert item["decision"] == {"type": "reject", "note": "not red\nnever"}
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("not red never")


def test_typed_fields_are_filled_in_and_what_does_not_fit_is_said_beside_its_field(
    browser: Browser, cli: CommandLine, start: StartRun
) -> None:
    start(ENGRAVE)
    with Inbox(cli) as inbox:
        # A refused form is an error to the browser's console.
        page = browser.new_page()
        page.goto(f"{inbox.address}/?token={inbox.token}")
        _open_first(page)
        page.get_by_label("name").fill("Ann")
        page.get_by_label("copies").fill("two")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("alert")).to_be_focused()
        expect(page.get_by_label("copies")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("name")).to_have_value("Ann")
        page.get_by_label("copies").fill("2")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#done")).to_be_visible()
        (item,) = inbox.get("/api/requirements?open_only=false").json["items"]
        assert item["decision"] == {"type": "input", "values": {"name": "Ann", "copies": 2}}
        page.context.close()


def test_a_result_from_elsewhere_is_given(browser: Browser, cli: CommandLine, start: StartRun) -> None:
    start(DELIVER)
    with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
        _open_first(page)
        page.get_by_label("Result").fill("left at the door")
        page.get_by_role("button", name="Give the result").click()
        expect(page.locator("#done")).to_contain_text("result given by ann")


@pytest.mark.parametrize(
    ("choice", "button", "decision"),
    [
        ("It took effect", "Give the result", {"type": "supply", "content": "sawn by hand"}),
        ("It did not take effect", "Run it once more", {"type": "retry"}),
        ("Go on without it", "Give it up", {"type": "skip", "note": "no oak"}),
    ],
)
def test_a_call_in_doubt_is_recovered(
    browser: Browser, cli: CommandLine, tmp_path: Path, choice: str, button: str, decision: Any
) -> None:
    with Program(WORKER, "start", str(cli.db_file), "saw", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        assert program.hear()["started"] == "saw"
        program.kill()
    run_program(WORKER, "proceed", str(cli.db_file), "saw", run_id, cwd=tmp_path)
    with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
        _open_first(page)
        page.locator("summary", has_text=choice).click()
        for label, text in (("Result", "sawn by hand"), ("Note", "no oak")):
            if page.get_by_label(label, exact=True).is_visible():
                page.get_by_label(label, exact=True).fill(text)
        page.get_by_role("button", name=button).click()
        expect(page.locator("#done")).to_be_visible()
        (item,) = inbox.get("/api/requirements?open_only=false").json["items"]
        assert item["decision"] == decision


def test_a_decision_elsewhere_shows_without_a_reload_and_is_announced(
    page: Page, cli: CommandLine, painting: str
) -> None:
    expect(page.locator(".card")).to_have_count(1)
    assert cli("approve", painting).code == 0
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#announcer")).to_contain_text("0 waiting")


def test_what_comes_shows_without_a_reload_and_takes_no_focus(page: Page, start: StartRun) -> None:
    page.locator(".card h2 a").focus()
    start(DELIVER)
    expect(page.locator(".card")).to_have_count(2)
    assert page.evaluate("document.activeElement.textContent") == "paint"


def test_what_somebody_types_stays_while_the_run_changes(page: Page, cli: CommandLine, start: StartRun) -> None:
    run_id = start(ModelReply(tool_calls=[ToolCall("paint", {"color": "a"}), ToolCall("paint", {"color": "b"})]))
    page.goto(f"{page.url}runs/{run_id}")
    first, second = page.locator(".question").all()
    first.locator("summary", has_text="Reject").click()
    first.get_by_label("Why not").fill("half a sen")
    second_id = (second.get_attribute("id") or "").removeprefix("requirement-")
    assert cli("approve", second_id).code == 0
    expect(second).to_contain_text("This is decided by now")
    expect(first.get_by_label("Why not")).to_have_value("half a sen")
    expect(first.get_by_label("Why not")).to_be_focused()


def test_whoever_comes_too_late_is_told_who_decided(
    browser: Browser, inbox: Inbox, cli: CommandLine, painting: str
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{inbox.address}/?token={inbox.token}")
    page.locator(".card h2 a").click()
    assert cli("reject", painting, "--by", "bob").code == 0
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("was rejected by bob")
    page.context.close()


def test_deciding_works_without_scripts(browser: Browser, inbox: Inbox) -> None:
    with signed_in(browser, inbox, java_script_enabled=False) as page:
        page.locator(".card h2 a").click()
        page.get_by_role("link", name="Change the arguments").click()
        page.get_by_label("color").fill("green")
        page.get_by_role("button", name="Approve with changes").click()
        expect(page.locator("#done")).to_contain_text("approved by ann")


def test_deciding_works_with_the_keyboard_alone(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.card a')"):
            break
    page.keyboard.press("Enter")
    approve = page.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        if approve.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_be_visible()


def test_text_of_models_is_shown_and_never_interpreted(browser: Browser, cli: CommandLine, start: StartRun) -> None:
    form = [{"field_name": HOSTILE, "field_type": HOSTILE, "field_description": HOSTILE}]
    calls = [
        ToolCall("note_down", {"text": HOSTILE}),
        ToolCall("paint", {"color": HOSTILE}),
        ToolCall(HOSTILE, {}),
        ToolCall("get_user_input", {"fields": form}),
    ]
    run_id = start(ModelReply(text=HOSTILE, tool_calls=calls), task=HOSTILE, name=HOSTILE)
    with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
        for path in ("/", "/runs", f"/runs/{run_id}", "/history"):
            page.goto(f"{inbox.address}{path}")
            assert page.locator("main script, main img, main svg [onload], main [onerror]").count() == 0
            assert not {"\u202e", "\x1b", "\u200b"} & set(page.locator("body").inner_text())
        page.goto(f"{inbox.address}/runs/{run_id}")
        expect(page.locator("h1")).to_contain_text("<script>alert(1)</script>")
        expect(page.locator("h1")).to_contain_text("\\u202egnp\\u001b[2J")
        for question in page.locator(".question").all():
            question.locator("summary").first.click() if question.locator("summary").count() else None
        page.get_by_text("Change the arguments").click()
        assert page.locator("main script, main img, main svg [onload], main [onerror]").count() == 0
        page.get_by_text("Back, without changes").click()
        page.get_by_role("button", name="Approve", exact=True).click()
        expect(page.locator("#done")).to_be_visible()
        (approved,) = inbox.get("/api/requirements?open_only=false&kind=confirmation").json["items"]
        assert approved["decision"] == {"type": "confirm"} and approved["tool_execution"]["tool_args"] == {
            "color": HOSTILE
        }


def test_a_form_that_changes_nothing_changes_nothing(browser: Browser, cli: CommandLine, start: StartRun) -> None:
    start(ModelReply(tool_calls=[ToolCall("paint", {"color": f"\n first line\r\n\tsecond {HOSTILE}"})]))
    with Inbox(cli) as inbox:
        # A refused form is an error to the browser's console.
        page = browser.new_page()
        page.goto(f"{inbox.address}/?token={inbox.token}")
        _open_first(page)
        page.get_by_text("Change the arguments").click()
        page.get_by_role("button", name="Approve with changes").click()
        expect(page.get_by_role("alert")).to_contain_text("no argument is changed")
        (waiting,) = inbox.get("/api/requirements").json["items"]
        assert waiting["decision"] is None
        page.context.close()
