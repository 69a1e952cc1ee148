"""Calls that several people must approve: what was approved so far is said wherever somebody may decide."""

from __future__ import annotations

from typing import Any

import pexpect
import pytest

from haltpoint import Agent, ScriptedModel, tool
from support.command import CommandLine
from support.databases import opened
from support.replies import wants

QUESTION = r"\[a\]pprove.*uit\s+> "


@tool(requires_confirmation=True, approvals=2)
def launch(rockets: int) -> str:
    """Launch rockets."""
    return f"{rockets} launched"


@pytest.fixture
def run_id(cli: CommandLine) -> str:
    """A run that waits for two people."""
    with opened(cli.db_file) as database:
        agent = Agent(ScriptedModel([wants("launch", rockets=9), "done"]), db=database, tools=[launch])
        return str(agent.do("Work.", return_output=True).run_id)


def _ask(cli: CommandLine, by: str) -> Any:
    return cli.at_terminal("inbox", "-i", "--by", by, columns=200)


def _end(terminal: Any) -> str:
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    return str(terminal.before)


def _arguments(cli: CommandLine, run_id: str) -> Any:
    (requirement,) = cli("show", run_id, "--json").record["requirements"]
    return requirement["decided_by"], requirement["tool_execution"]["tool_args"]


@pytest.mark.parametrize("times", [1, 2])
def test_one_of_two_is_told_that_another_person_must_approve(cli: CommandLine, run_id: str, times: int) -> None:
    printed = [cli("approve", run_id, "--by", "ann") for _ in range(times)][-1]
    assert "approved by ann, 1 of 2; another person must approve" in printed.out
    assert cli("inbox").rows[0][4:] == [
        "launch(rockets=9)",
        "approved by ann, 1 of 2; another person must approve",
    ]


def test_whoever_approves_otherwise_is_told_what_was_approved(cli: CommandLine, run_id: str) -> None:
    cli("approve", run_id, "--args", '{"rockets": 2}', "--by", "ann")
    conflict = cli("approve", run_id, "--by", "bob")
    assert conflict.code == 4
    for words in ("approved by ann", '{"rockets": 2}', "1 more must approve the same", "confirm the same or reject"):
        assert words in conflict.err
    assert "first decision stands" not in conflict.err
    digest = cli("inbox", "--json").records[0]["digest"]
    assert f"To approve just that, add --expected-digest {digest}" in conflict.err
    assert cli("approve", run_id, "--args", '{"rockets": 2}', "--by", "bob").code == 0
    assert _arguments(cli, run_id) == ("ann, bob", {"rockets": 2})


def test_a_yes_with_the_digest_of_what_is_shown_approves_that(cli: CommandLine, run_id: str) -> None:
    asked_for = cli("show", run_id, "--json").record["requirements"][0]
    cli("approve", run_id, "--args", '{"rockets": 2}', "--by", "ann")
    shown = cli("show", run_id, "--json").record["requirements"][0]
    assert shown["tool_execution"]["tool_args"] == {"rockets": 2}
    assert cli("approve", run_id, "--by", "bob", "--expected-digest", asked_for["digest"]).code != 0
    assert cli("approve", run_id, "--by", "bob", "--expected-digest", shown["digest"]).code == 0
    assert _arguments(cli, run_id) == ("ann, bob", {"rockets": 2})


def test_changed_arguments_that_were_approved_are_shown_with_the_command_to_approve_them(
    cli: CommandLine, run_id: str
) -> None:
    cli("approve", run_id, "--args", '{"rockets": 2}', "--by", "ann")
    told = "approved by ann with rockets=2, 1 of 2; another person must approve the same"
    assert cli("inbox").rows[0][5] == told
    assert cli("show", run_id).rows[-1][4] == told
    for shown in (cli.shown("inbox", columns=200), cli.shown("show", run_id, columns=200)):
        assert told in shown
    assert """--args '{"rockets": 2}'""" in cli.shown("show", run_id, columns=200)
    records = cli("audit", run_id).rows
    assert records[0][4:6] == ['{"rockets": 9}', '{"rockets": 2}']


def test_a_person_at_a_terminal_sees_how_many_must_approve(cli: CommandLine, run_id: str) -> None:
    terminal = _ask(cli, "ann")
    terminal.expect(QUESTION)
    assert "2 different people must approve" in terminal.before
    terminal.sendline("a")
    terminal.expect("approved by ann, 1 of 2; another person must approve")
    _end(terminal)
    terminal = _ask(cli, "bob")
    terminal.expect(QUESTION)
    assert "approved by ann, 1 of 2; another person must approve" in terminal.before
    terminal.sendline("a")
    _end(terminal)
    assert _arguments(cli, run_id) == ("ann, bob", {"rockets": 9})


def test_to_approve_at_a_terminal_is_to_approve_the_same(cli: CommandLine, run_id: str) -> None:
    cli("approve", run_id, "--args", '{"rockets": 2}', "--by", "ann")
    terminal = _ask(cli, "bob")
    terminal.expect(QUESTION)
    assert "approved by ann with rockets=2, 1 of 2; another person must approve the same" in terminal.before
    terminal.sendline("a")
    _end(terminal)
    assert _arguments(cli, run_id) == ("ann, bob", {"rockets": 2})


def test_what_was_approved_meanwhile_is_shown_before_anybody_approves_it(cli: CommandLine, run_id: str) -> None:
    terminal = _ask(cli, "bob")
    terminal.expect(QUESTION)
    cli("approve", run_id, "--args", '{"rockets": 2}', "--by", "ann")
    terminal.sendline("a")
    terminal.expect("is not what was shown any more")
    terminal.expect(QUESTION)
    assert "approved by ann with rockets=2" in terminal.before
    terminal.sendline("a")
    _end(terminal)
    assert _arguments(cli, run_id) == ("ann, bob", {"rockets": 2})
