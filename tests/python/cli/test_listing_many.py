"""What a command does not show, it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pexpect
import pytest

from support.command import CommandLine
from support.databases import opened
from support.many import approve_for_session, pause_in_many_runs

MANY = 2000


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command, on a file in which 2,000 runs wait, and 60 approvals stand."""
    cli = CommandLine(tmp_path_factory.mktemp("full") / "runs.db")
    with opened(cli.db_file, durability="normal") as database:
        approve_for_session(database, 60)
        pause_in_many_runs(database, MANY)
    return cli


@pytest.mark.parametrize(("command", "total"), [("inbox", "2,000"), ("runs", "2,001"), ("remembered", "60")])
def test_a_list_says_how_much_it_leaves_out_and_how_to_see_it(full: CommandLine, command: str, total: str) -> None:
    first = full(command)
    last = first.rows[-1][0]
    assert len(first.rows) == 50
    assert first.err == f"haltpoint: 50 of {total}, older ones with --before {last}\n"
    second = full(command, "--before", last, "--limit", "5")
    assert len(second.rows) == 5
    assert not {row[0] for row in second.rows} & {row[0] for row in first.rows}


@pytest.mark.parametrize(("command", "total"), [("inbox", MANY), ("runs", MANY + 1), ("remembered", 60)])
def test_a_program_is_told_the_same_beside_the_list(full: CommandLine, command: str, total: int) -> None:
    key = {"inbox": "id", "runs": "run_id", "remembered": "requirement_id"}[command]
    listed = full(command, "--json", "--limit", "7")
    last = listed.records[-1][key]
    assert json.loads(listed.err) == {"shown": 7, "total": total, "before": last}


@pytest.mark.parametrize(("command", "total"), [("inbox", "2,000"), ("runs", "2,001"), ("remembered", "60")])
def test_a_person_reads_it_below_the_table(full: CommandLine, command: str, total: str) -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", full.shown(command, "--limit", "3"))
    (before,) = re.findall(rf"3 of {total}, older ones with --before (\S+)", shown)
    assert len(full(command, "--before", before, "--limit", "1").rows) == 1


@pytest.mark.parametrize(("command", "total"), [("inbox", MANY), ("runs", MANY + 1), ("remembered", 60)])
def test_with_a_limit_that_all_fit_in_nothing_is_said(full: CommandLine, command: str, total: int) -> None:
    for limit in (str(total), "100000"):
        listed = full(command, "--limit", limit)
        assert (len(listed.rows), listed.err) == (total, "")


def test_the_last_page_says_nothing(full: CommandLine) -> None:
    oldest = full("inbox", "--limit", "100000").rows[-10][0]
    last = full("inbox", "--before", oldest)
    assert (len(last.rows), last.err) == (9, "")


def test_filters_count_what_they_let_through(full: CommandLine) -> None:
    run_id = full("inbox", "--limit", "1").rows[0][3]
    assert full("inbox", "--run", run_id).err == ""
    assert "50 of 2,000" in full("inbox", "--kind", "confirmation").err
    assert full("inbox", "--kind", "recovery").err == ""
    assert "50 of 2,000" in full("runs", "--status", "paused").err
    assert full("runs", "--status", "completed").err == ""


def test_the_oldest_of_all_is_found_by_the_beginning_of_its_id_and_completed(full: CommandLine) -> None:
    oldest = full("inbox", "--limit", "100000").rows[-1]
    assert full("show", oldest[3]).code == 0
    assert full("inbox", "--run", oldest[3]).rows == [oldest]
    offered = _offered(full, f"haltpoint reject {oldest[0][:-4]}")
    assert oldest[0] in offered
    assert len(_offered(full, "haltpoint reject ")) == MANY
    approval = full("remembered", "--limit", "100").rows[-1][0]
    assert approval in _offered(full, f"haltpoint revoke {approval[:-4]}")


def _offered(cli: CommandLine, words: str) -> list[str]:
    environment = {"_HALTPOINT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
    return [line.partition(",")[2] for line in cli(env=environment).out.splitlines()]


@pytest.mark.parametrize("before", ["zzz", "00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize("command", ["inbox", "runs", "remembered"])
def test_an_unknown_place_to_begin_is_not_found(full: CommandLine, command: str, before: str) -> None:
    refused = full(command, "--before", before)
    assert (refused.code, "Traceback" in refused.err) == (3, False)
    assert before in refused.err


def test_asking_goes_through_all_and_takes_no_place_to_begin(full: CommandLine) -> None:
    refused = full("inbox", "-i", "--before", full("inbox", "--limit", "1").rows[0][0])
    assert (refused.code, "--before" in refused.err) == (2, True)


def test_a_watched_list_says_at_its_beginning_what_it_leaves_out(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "runs.db")
    with opened(cli.db_file, durability="normal") as database:
        pause_in_many_runs(database, 4)
    with cli.follow("inbox", "--watch", "--json", "--limit", "2") as followed:
        lines = [followed.record()["id"] for _ in range(2)]
        told = json.loads(followed.process.stderr.readline())  # type: ignore[union-attr]
        assert told == {"shown": 2, "total": 4, "before": lines[0]}


@pytest.mark.parametrize("as_json", [False, True])
def test_rows_are_printed_before_the_last_ones_are_read(full: CommandLine, as_json: bool) -> None:
    """Whatever stands in the pipe, the last page is read after the first line is."""
    with opened(full.db_file) as database:
        runs = database.runs()
        oldest = [run.run_id for run in runs if run.is_paused][-1]
        options = ["--json"] if as_json else []
        with full.follow("runs", "--limit", "100000", *options) as listing:
            first = listing.line()
            assert runs[0].run_id in first
            database.cancel(oldest)
            rest = listing.process.stdout.read().splitlines() if listing.process.stdout else []
    assert len(rest) == len(runs) - 1
    (last,) = [line for line in rest if oldest in line]
    assert "CANCELLED" in last


def test_a_terminal_shows_the_first_rows_before_the_last_ones_are_read(full: CommandLine) -> None:
    with opened(full.db_file) as database:
        waiting = [run.run_id for run in database.runs(status="PAUSED", limit=600)]
        terminal = full.at_terminal("runs", "--status", "PAUSED", "--limit", "600")
        terminal.expect(waiting[0][:13])
        database.cancel(waiting[-1])
        terminal.expect(pexpect.EOF)
        terminal.close()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.before).splitlines()
    # Behind the first; the cancelled one made room for the next older one.
    rows = [line for line in lines[1:] if "PAUSED" in line]
    assert len(rows) == 600 - 1
    assert not any(waiting[-1].startswith(row.split()[0]) for row in rows)
    assert not any(line.startswith("RUN") for line in lines)
    assert len({row.index("PAUSED") for row in rows}) == 1
