"""Stopping a run: on its page, with a second thought, and through the JSON API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, opened_browser, signed_in
from playwright.sync_api import Browser, expect

from support.command import CommandLine, StartRun
from support.inbox import Answer, Inbox
from support.programs import Program
from support.worker import WORKER

in_a_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with opened_browser() as opened:
        yield opened


@in_a_browser
@pytest.mark.parametrize("scripts", [True, False])
def test_a_paused_run_is_cancelled_by_whoever_confirms_it(
    browser: Browser, inbox: Inbox, cli: CommandLine, painting: str, scripts: bool
) -> None:
    with signed_in(browser, inbox, java_script_enabled=scripts) as page:
        page.goto(f"{inbox.address}/runs/{painting}")
        expect(page.get_by_role("button", name="Yes, cancel the run")).to_be_hidden()
        page.get_by_text("Cancel this run…").click()
        assert inbox.get(f"/api/runs/{painting}").json["run"]["status"] == "PAUSED"
        page.get_by_role("button", name="Yes, cancel the run").click()
        expect(page.locator("#done")).to_contain_text("The run is cancelled.")
        expect(page.locator(".eyebrow")).to_contain_text("Cancelled")
        expect(page.get_by_text("Cancel this run…")).to_have_count(0)
        expect(page.locator(".question")).to_have_count(0)
    (record,) = cli("audit", painting, "--json").record["records"]
    assert (record["action"], record["by"]) == ("cancel_requested", "ann")


@in_a_browser
def test_a_run_under_way_in_another_process_is_told_to_stop(browser: Browser, cli: CommandLine, tmp_path: Path) -> None:
    with Program(WORKER, "start", str(cli.db_file), "dry", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        with Inbox(cli) as inbox, signed_in(browser, inbox) as page:
            page.goto(f"{inbox.address}/runs/{run_id}")
            page.get_by_text("Cancel this run…").click()
            page.get_by_label("Stop async tools in their middle").check()
            page.get_by_role("button", name="Yes, cancel the run").click()
            expect(page.locator("#done")).to_be_visible()
            expect(page.locator(".eyebrow")).to_contain_text("Cancelled")


@in_a_browser
def test_what_is_chosen_stays_while_the_run_goes_on(browser: Browser, inbox: Inbox, painting: str) -> None:
    with signed_in(browser, inbox) as page:
        page.goto(f"{inbox.address}/runs/{painting}")
        page.get_by_text("Cancel this run…").click()
        page.locator("#cancel-now").focus()
        with page.expect_response(lambda response: response.url.endswith(f"/runs/{painting}")):
            item = inbox.get("/api/requirements").json["items"][0]
            assert inbox.decide(item["id"], {"type": "confirm"}).status == 200
        expect(page.locator(".closed")).to_be_visible()
        expect(page.locator("#cancel-now")).to_be_focused()


def _cancel(inbox: Inbox, run_id: str, body: str = "{}", **headers: str) -> Answer:
    sent = {**inbox.bearer, "Content-Type": "application/json", **headers}
    return inbox.ask("POST", f"/api/runs/{run_id}/cancel", headers=sent, body=body)


def test_the_api_cancels_under_the_name_of_the_server(inbox: Inbox, cli: CommandLine, painting: str) -> None:
    answer = _cancel(inbox, painting, '{"interrupt": true}')
    assert (answer.status, answer.json["status"], answer.json["open_requirements"]) == (200, "CANCELLED", [])
    (record,) = inbox.get(f"/api/runs/{painting}/audit").json["items"]
    assert (record["action"], record["by"]) == ("cancel_requested", "ann")


def test_what_is_over_can_not_be_cancelled(inbox: Inbox, start: StartRun) -> None:
    answer = _cancel(inbox, start())
    assert (answer.status, answer.json["error"]) == (409, "nothing_under_way")
    assert _cancel(inbox, "nothing").status == 404


@pytest.mark.parametrize("body", ["[]", "null", '{"interrupt": 1}', '{"by": "bob"}'])
def test_a_body_that_does_not_fit_cancels_nothing(inbox: Inbox, painting: str, body: str) -> None:
    assert _cancel(inbox, painting, body).status == 422
    assert inbox.get(f"/api/runs/{painting}").json["run"]["status"] == "PAUSED"


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Content-Type": "text/plain"}],
)
def test_another_sites_page_cancels_nothing(inbox: Inbox, painting: str, headers: dict[str, Any]) -> None:
    cookie = str(inbox.ask("GET", f"/?token={inbox.token}").headers["Set-Cookie"]).partition(";")[0]
    headers = {"Content-Type": "application/json", **headers, "Cookie": cookie}
    assert inbox.ask("POST", f"/api/runs/{painting}/cancel", headers=headers, body="{}").status in (403, 415)
    assert inbox.submit(f"/runs/{painting}/cancel", {}, Cookie=cookie).status == 403
    assert inbox.get(f"/api/runs/{painting}").json["run"]["status"] == "PAUSED"
