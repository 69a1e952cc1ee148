"""A run that can't be read is named on the page, by the API and at the terminal, beside all the others."""

from __future__ import annotations

import json
import re

import pytest

from audit.evidence import tamper
from support.command import DELIVER, CommandLine, StartRun
from support.inbox import Inbox

_BY_JOURNAL = "UPDATE entries SET hash = x'00' WHERE id >> 32 = (SELECT run FROM runs WHERE run_id = '{}')"
_BY_ROW = "UPDATE runs SET status = 'BROKEN' WHERE run_id = '{}'"


@pytest.fixture
def delivery(cli: CommandLine, start: StartRun, painting: str) -> str:
    """A run beside the one that waits for a color, which is damaged."""
    run_id: str = start(DELIVER)
    tamper("sql", cli.db_file, _BY_JOURNAL.format(painting))
    return run_id


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page))


def test_the_api_lists_the_others_and_names_it(cli: CommandLine, delivery: str, painting: str) -> None:
    with Inbox(cli) as inbox:
        waiting = inbox.get("/api/requirements").json
        assert [item["run_id"] for item in waiting["items"]] == [delivery]
        ((told),) = waiting["damaged"]
        assert told["run_id"] == painting and "haltpoint check" in told["problem"]
        runs = inbox.get("/api/runs").json
        assert [(run["run_id"], run["problem"] is None) for run in runs["items"]] == [
            (delivery, True),
            (painting, False),
        ]
        refused = inbox.get(f"/api/runs/{painting}")
        assert (refused.status, refused.json["error"]) == (503, "DamagedRunError")


def test_the_pages_show_the_others_and_name_it(cli: CommandLine, delivery: str, painting: str) -> None:
    with Inbox(cli) as inbox:
        cookie = {"Cookie": inbox.ask("GET", f"/?token={inbox.token}").headers["Set-Cookie"].partition(";")[0]}
        for path in ("/", "/runs"):
            page = inbox.ask("GET", path, headers=cookie)
            assert page.status == 200 and f"run {painting} cannot be read" in _text(page.text), path
        assert "deliver" in inbox.ask("GET", "/", headers=cookie).text
        refused = inbox.ask("GET", f"/runs/{painting}", headers=cookie)
        assert refused.status == 503 and "haltpoint check" in refused.text
        assert inbox.ask("GET", f"/runs/{delivery}", headers=cookie).status == 200


def test_what_was_decided_in_it_is_missed_on_the_page_of_history(cli: CommandLine, start: StartRun) -> None:
    for _ in range(2):
        run_id = start(DELIVER)
        assert cli("result", run_id, "left at the door").code == 0
    tamper("sql", cli.db_file, _BY_JOURNAL.format(run_id))
    with Inbox(cli) as inbox:
        cookie = {"Cookie": inbox.ask("GET", f"/?token={inbox.token}").headers["Set-Cookie"].partition(";")[0]}
        page = inbox.ask("GET", "/history", headers=cookie)
        assert page.status == 200 and f"run {run_id} cannot be read" in _text(page.text)
        assert "Result given" in page.text


def test_a_decision_on_it_is_refused(cli: CommandLine, delivery: str, painting: str, start: StartRun) -> None:
    (requirement_id,) = [row[0] for row in cli("inbox").rows if row[3] == delivery]
    tamper("sql", cli.db_file, _BY_JOURNAL.format(delivery))
    with Inbox(cli) as inbox:
        refused = inbox.decide(requirement_id, {"type": "result", "result": "x"})
        assert (refused.status, refused.json["error"]) == (503, "DamagedRunError")


def test_the_terminal_lists_the_others_and_names_it(cli: CommandLine, delivery: str, painting: str) -> None:
    listed = cli("inbox")
    assert [row[3] for row in listed.rows] == [delivery]
    assert f"run {painting} cannot be read" in listed.err and "haltpoint check" in listed.err
    told = json.loads(cli("inbox", "--json").err)
    assert (told["error"], told["run_id"]) == ("DamagedRunError", painting)
    assert [row[0] for row in cli("runs").rows] == [delivery, painting]
    assert cli("check").code == 1


def test_the_terminal_names_a_run_of_which_not_even_the_status_can_be_read(
    cli: CommandLine, delivery: str, painting: str
) -> None:
    tamper("sql", cli.db_file, _BY_ROW.format(painting))
    listed = cli("runs")
    assert [row[0] for row in listed.rows] == [delivery]
    assert f'run {painting} has the unknown status "BROKEN"' in listed.err


def test_a_command_that_names_it_says_what_is_wrong(cli: CommandLine, delivery: str, painting: str) -> None:
    for command in ("approve", "show"):
        refused = cli(command, painting)
        assert (refused.code, "haltpoint check" in refused.err, "Traceback" in refused.err) == (1, True, False), command
    assert cli("result", delivery, "left at the door").code == 0
