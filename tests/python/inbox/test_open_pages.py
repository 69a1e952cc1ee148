"""Pages that stay open while somebody else decides: what was typed stays, and what matters is in sight."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import Browser, expect

from support.command import PAINT, CommandLine, StartRun
from support.inbox import Inbox
from support.replies import wants

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with opened_browser() as opened:
        yield opened


def test_a_note_that_is_being_typed_stays_when_somebody_else_decides(
    browser: Browser, cli: CommandLine, start: StartRun
) -> None:
    run_id = start(PAINT)
    with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
        page.goto(f"{inbox.address}/runs/{run_id}")
        page.get_by_text("Reject", exact=True).click()
        page.get_by_label("Why not").fill("the color is")
        assert cli("approve", run_id, "--by", "bob").code == 0
        expect(page.locator(".question.closed")).to_contain_text("What you typed was not sent")
        note = page.get_by_label("Why not")
        expect(note).to_have_value("the color is")
        expect(note).to_be_focused()
        expect(note).to_have_attribute("readonly", "")
        expect(page.locator(".question button")).to_have_count(0)
        # A further change of the run changes nothing about it.
        assert cli("cancel", run_id).code == 0
        expect(page.locator(".eyebrow")).to_contain_text("Cancelled")
        expect(note).to_have_value("the color is")


def test_a_question_into_which_nothing_was_typed_goes_when_somebody_else_decides(
    browser: Browser, cli: CommandLine, start: StartRun
) -> None:
    run_id = start(PAINT)
    with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
        page.goto(f"{inbox.address}/runs/{run_id}")
        page.get_by_text("Reject", exact=True).click()
        assert cli("approve", run_id, "--by", "bob").code == 0
        expect(page.locator(".question.closed")).to_contain_text("This is decided by now")
        expect(page.locator(".question textarea, .question input, .question select")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1040, 1280])
def test_the_names_of_the_lanes_and_what_began_last_are_in_sight_at_any_width(
    browser: Browser, cli: CommandLine, start: StartRun, width: int
) -> None:
    run_id = start(wants("note_down", text="a"), wants("note_down", text="b"), PAINT)
    with Inbox(cli) as inbox, signed_in(browser, inbox, viewport={"width": width, "height": 900}) as page:
        page.goto(f"{inbox.address}/runs/{run_id}")
        frame = page.locator(".picture").bounding_box()
        assert frame is not None
        lanes = [page.locator(".lane-names text", has_text=name).bounding_box() for name in ("Model", "Tools", "Waits")]
        assert all(lane is not None and frame["x"] <= lane["x"] for lane in lanes)
        column = page.locator(".lane-names").bounding_box()
        label = page.locator(".bar-waits text").bounding_box()
        assert column is not None and label is not None
        assert column["x"] + column["width"] <= label["x"]
        assert label["x"] + label["width"] <= frame["x"] + frame["width"]
        assert (
            page.locator(".picture").evaluate("part => getComputedStyle(part.querySelector('.lane-names')).position")
            == "sticky"
        )
