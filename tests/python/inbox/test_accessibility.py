"""What people need who see little, or nothing, or look at a small screen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import Browser, Page, expect

from support.command import DELIVER, ENGRAVE, StartRun
from support.inbox import Inbox
from support.replies import wants

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")

# What text and ground must differ by: WCAG 2.2, level AA.
_CONTRAST = 4.5

_EXAMINE = """() => {
  const named = (element) => element.labels?.length || element.ariaLabel || element.textContent.trim();
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const references = ["aria-labelledby", "aria-describedby", "for"].flatMap((name) =>
    [...document.querySelectorAll(`[${name}]`)].flatMap((element) => element.getAttribute(name).split(" ")));
  return {
    language: document.documentElement.lang,
    headings: document.querySelectorAll("h1").length,
    landmarks: ["body > header", "header nav", "body > main"].map((name) => document.querySelectorAll(name).length),
    unnamed: [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a, summary")]
      .filter((element) => !named(element)).map((element) => element.outerHTML),
    twice: ids.filter((id, index) => ids.indexOf(id) !== index),
    dangling: references.filter((id) => !document.getElementById(id)),
    pictures: [...document.querySelectorAll("svg")]
      .filter((svg) => svg.ariaHidden !== "true" && !(svg.querySelector("title") && svg.querySelector("desc"))).length,
    overflow: document.documentElement.scrollWidth > innerWidth,
  };
}"""

_CONTRASTS = """() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const ratio = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) =>
    !element.closest("svg") && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const bars = [...document.querySelectorAll("svg .bar")].map((bar) => [
    "bar", ratio(channels(getComputedStyle(bar.querySelector("text")).fill),
      channels(getComputedStyle(bar.querySelector("rect")).fill))]);
  return [...bars, ...texts.map((element) =>
    [element.outerHTML.slice(0, 120), ratio(channels(getComputedStyle(element).color), ground(element))])];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with opened_browser() as opened:
        yield opened


def _paths(start: StartRun, painting: str) -> list[str]:
    engraving = start(wants("note_down", text="a"), ENGRAVE)
    delivery = start(DELIVER, task="A word that is " + "very" * 60 + " long")
    runs = [f"/runs/{run_id}" for run_id in (painting, engraving, delivery, start())]
    return ["/", "/runs", "/history", *runs]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_pages_can_be_read_and_used_by_everybody(
    browser: Browser, inbox: Inbox, start: StartRun, painting: str, width: int, scheme: str
) -> None:
    settings: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with signed_in(browser, inbox, **settings) as page:
        for path in _paths(start, painting):
            _open(page, inbox, path)
            assert page.evaluate(_EXAMINE) == {
                "language": "en",
                "headings": 1,
                "landmarks": [1, 1, 1],
                "unnamed": [],
                "twice": [],
                "dangling": [],
                "pictures": 0,
                "overflow": False,
            }, path
            weak = [found for found in page.evaluate(_CONTRASTS) if found[1] < _CONTRAST]
            assert weak == [], path


def test_the_timeline_is_a_picture_with_words_and_a_table(browser: Browser, inbox: Inbox, start: StartRun) -> None:
    run_id = start(wants("note_down", text="a"), ENGRAVE)
    with signed_in(browser, inbox) as page:
        _open(page, inbox, f"/runs/{run_id}")
        picture = page.get_by_role("img", name="Timeline of the run")
        assert "4 stretches" in (picture.locator("desc").text_content() or "")
        assert picture.locator(".bar text").all_text_contents() == ["model", "model", "note_down", "engrave"]
        rows = page.get_by_role("region", name="Timeline table").get_by_role("row")
        assert [cell.split("\t")[2:4] for cell in rows.all_inner_texts()[1:]] == [
            ["model", "model"],
            ["tools", "note_down"],
            ["model", "model"],
            ["waits", "engrave"],
        ]


def test_focus_and_what_is_unfolded_stay_while_the_page_changes_by_itself(
    browser: Browser, inbox: Inbox, painting: str
) -> None:
    with signed_in(browser, inbox) as page:
        page.goto(f"{inbox.address}/runs/{painting}")
        summary = page.get_by_text("The timeline as a table")
        summary.click()
        (item,) = inbox.get("/api/requirements").json["items"]
        assert inbox.decide(item["id"], {"type": "reject", "note": "not red"}).status == 200
        expect(page.get_by_role("region", name="Who decided")).to_contain_text("not red")
        expect(summary).to_be_focused()
        expect(page.get_by_role("region", name="Timeline table")).to_be_visible()


def test_news_are_announced_politely(browser: Browser, inbox: Inbox, start: StartRun) -> None:
    with signed_in(browser, inbox) as page:
        announcer = page.locator("#announcer")
        expect(announcer).to_have_attribute("aria-live", "polite")
        start(DELIVER)
        expect(announcer).to_have_text("2 waiting for a decision")


def test_headings_follow_one_another(browser: Browser, inbox: Inbox, start: StartRun, painting: str) -> None:
    with signed_in(browser, inbox) as page:
        for path in _paths(start, painting):
            _open(page, inbox, path)
            levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))")
            assert levels[0] == 1, path
            assert all(after <= before + 1 for before, after in pairwise(levels)), path


def _open(page: Page, inbox: Inbox, path: str) -> None:
    page.goto(f"{inbox.address}{path}")
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
