"""What is shown is what is decided on: all that a tool gets, the digest of it, and nothing empty by one key."""

from __future__ import annotations

from typing import Annotated, Any

import pexpect
import pytest
from pydantic import AfterValidator, SecretStr

from haltpoint import Agent, ScriptedModel, tool
from haltpoint.models.scripted import ScriptedReply
from support.command import DELIVER, ENGRAVE, PAINT, CommandLine, StartRun
from support.databases import opened
from support.replies import wants

FORGED = "0" * 64


@tool(requires_confirmation=True, approvals=2, expires_after=3600)
def pay(
    euros: Annotated[int, AfterValidator(lambda given: min(given, 10))], key: SecretStr, to: str, memo: str = "none"
) -> str:
    """Pay."""
    return f"{euros} {key.get_secret_value()} {to} {memo}"


@tool(requires_user_input=True, user_input_fields=["cc", "tone"])
def write(to: str, copies: int = 2, cc: str | None = None, tone: str = "warm") -> str:
    """Write."""
    return f"{to} {copies} {cc} {tone}"


def _started(cli: CommandLine, reply: ScriptedReply) -> str:
    with opened(cli.db_file) as database:
        agent = Agent(ScriptedModel([reply, "done"]), db=database, tools=[pay, write])
        return str(agent.do("Work.", return_output=True).run_id)


@pytest.fixture
def paying(cli: CommandLine) -> str:
    """A run that waits for two people."""
    return _started(cli, wants("pay", euros=99, key="abc", to="ann"))


def _requirement(cli: CommandLine, run_id: str) -> Any:
    (requirement,) = cli("show", run_id, "--json").record["requirements"]
    return requirement


def _result(cli: CommandLine, run_id: str) -> Any:
    with opened(cli.db_file) as database:
        agent = Agent(ScriptedModel(["said before", "done"]), db=database, tools=[pay, write])
        return agent.continue_run(run_id=run_id, return_output=True).tools[0].result


def test_all_that_the_tool_gets_is_shown_with_where_it_comes_from(cli: CommandLine, paying: str) -> None:
    line = 'pay(euros=10 (the model said 99), key="**********", to="ann", memo="none" (default))'
    assert cli("inbox").rows[0][4] == line
    assert cli("show", paying).rows[-1][3] == line
    assert line in cli("approve", paying, "--by", "ann").out
    for shown in (cli.shown("show", paying, columns=200), _walked(cli)):
        asked = shown.rpartition("2 different" if "2 different" in shown else "approved by ann")[0].rpartition("pay")[2]
        assert "euros = 10 (the model said 99)" in asked
        assert 'memo = "none" (default)' in asked
        assert "abc" not in asked
        assert "expires at" in shown


def _walked(cli: CommandLine) -> str:
    terminal = cli.at_terminal("inbox", "-i", columns=200)
    terminal.expect(r"uit\s+> ")
    shown = str(terminal.before)
    terminal.sendline("q")
    terminal.expect(pexpect.EOF)
    terminal.close()
    return shown


def test_what_a_call_runs_with_beside_its_form_is_shown(cli: CommandLine) -> None:
    run_id = _started(cli, wants("write", to="ann"))
    assert "copies (int) = 2 (default)" in cli.shown("show", run_id)


def test_values_that_are_left_as_they_are_shown_stay_what_they_are(cli: CommandLine, paying: str) -> None:
    shown = '{"euros": 10, "key": "**********", "to": "bob", "memo": "none"}'
    assert cli("approve", paying, "--args", shown, "--by", "ann").code == 0
    told = cli("inbox").rows[0][5]
    assert 'approved by ann with euros=10, key="**********", to="bob", memo="none", 1 of 2' in told
    assert "--args" in cli.shown("show", paying, columns=250)
    decided = cli("approve", paying, "--args", shown, "--by", "bob")
    assert 'to="bob" (the model said "ann")' in decided.out
    assert _result(cli, paying) == "10 abc bob none"


@pytest.mark.parametrize(
    ("reply", "command"),
    [
        (PAINT, ["approve"]),
        (PAINT, ["approve", "--args", '{"color": "blue"}']),
        (PAINT, ["reject", "--note", "no"]),
        (ENGRAVE, ["answer", "name=Ann", "copies=2"]),
        (DELIVER, ["result", "done"]),
    ],
)
def test_a_decision_on_something_else_than_what_was_shown_is_a_conflict(
    cli: CommandLine, start: StartRun, reply: ScriptedReply, command: list[str]
) -> None:
    run_id = start(reply)
    name, *rest = command
    refused = cli(name, run_id, *rest, "--expected-digest", FORGED)
    assert (refused.code, "is not what was shown any more" in refused.err) == (4, True), refused.err
    assert "It is now:" in refused.err
    assert _requirement(cli, run_id)["decision"] is None
    digest = _requirement(cli, run_id)["digest"]
    assert cli(name, run_id, *rest, "--expected-digest", digest).code == 0


def test_the_conflict_says_what_runs_now(cli: CommandLine, paying: str) -> None:
    digest = _requirement(cli, paying)["digest"]
    cli("approve", paying, "--args", '{"euros": 3, "key": "**********", "to": "ann"}', "--by", "ann")
    refused = cli("approve", paying, "--by", "bob", "--expected-digest", digest)
    assert refused.code == 4 and "approved by ann with euros=3" in refused.err
    as_json = cli("reject", paying, "--by", "bob", "--expected-digest", digest, "--json")
    assert as_json.error["error"] == "InvalidResolutionError" and as_json.error["exit_code"] == 4


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("approve", ["--args", '{"color": "red", "color": "blue"}']),
        ("approve", ["--args", "true"]),
        ("approve", ["--args", "null"]),
        ("approve", ["--args", '["red"]']),
        ("approve", ["--args", '{"color": NaN}']),
        ("answer", ["--values", '{"name": "Ann", "name": "Bob", "copies": 1}']),
        ("answer", ["name=Ann", "name=Bob", "copies=1"]),
        ("answer", ["--values", '{"name": "Bob", "copies": 1}', "name=Ann"]),
        ("answer", ["--values", "false"]),
    ],
)
def test_what_says_two_things_or_is_no_object_is_refused(
    cli: CommandLine, start: StartRun, command: str, given: list[str]
) -> None:
    run_id = start(PAINT if command == "approve" else ENGRAVE)
    assert cli(command, run_id, *given).code == 2
    assert _requirement(cli, run_id)["decision"] is None


@pytest.mark.parametrize("text", [[""], [" \n"], ["-"], []])
def test_an_empty_result_needs_a_word_of_its_own(cli: CommandLine, start: StartRun, text: list[str]) -> None:
    run_id = start(DELIVER)
    refused = cli("result", run_id, *text)
    assert (refused.code, "--empty" in refused.err) == (2, True)
    assert _requirement(cli, run_id)["decision"] is None
    assert cli("result", run_id, *text, "--empty").code == 0
    assert _requirement(cli, run_id)["decision"]["content"].strip() == ""


@pytest.mark.parametrize("given", [[], ["--values", "{}"]])
def test_an_answer_without_values_needs_a_word_of_its_own(cli: CommandLine, given: list[str]) -> None:
    run_id = _started(cli, wants("write", to="ann"))
    refused = cli("answer", run_id, *given)
    assert (refused.code, "--empty" in refused.err) == (2, True)
    decided = cli("answer", run_id, *given, "--empty")
    assert decided.code == 0 and 'tone="warm"' in decided.out
    assert _result(cli, run_id) == "ann 2 None warm"


def test_a_field_that_is_named_may_be_empty(cli: CommandLine) -> None:
    run_id = _started(cli, wants("write", to="ann"))
    assert cli("answer", run_id, "cc=").code == 0
    assert _result(cli, run_id) == "ann 2 None warm"


@pytest.mark.parametrize("arguments", [["retry", "--empty"], ["skip", "--empty"], ["supply", ""]])
def test_empty_is_for_a_result(cli: CommandLine, start: StartRun, arguments: list[str]) -> None:
    refused = cli("recover", start(PAINT), *arguments)
    assert (refused.code, "--empty" in refused.err) == (2, True)


def test_at_a_terminal_an_empty_result_is_asked_about(cli: CommandLine, start: StartRun) -> None:
    run_id = start(DELIVER)
    terminal = cli.at_terminal("inbox", "-i")
    for answer in ("n", "y"):
        terminal.expect(r"uit\s+> ")
        terminal.sendline("g")
        terminal.expect("as the model gets it.*> ")
        terminal.sendline("")
        terminal.expect(r"the result is empty.*\[n\]o\s+> ")
        assert _requirement(cli, run_id)["decision"] is None
        terminal.sendline(answer)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert 'deliver(address="Main St")' in terminal.before
    assert _requirement(cli, run_id)["decision"] == {"type": "result", "content": ""}


def test_at_a_terminal_a_form_of_which_nothing_is_filled_in_is_asked_about(cli: CommandLine) -> None:
    run_id = _started(cli, wants("write", to="ann"))
    terminal = cli.at_terminal("inbox", "-i")
    terminal.expect(r"uit\s+> ")
    terminal.sendline("f")
    for field in ("to ", "copies ", "cc ", "tone "):
        terminal.expect(f"{field}.*> ")
        terminal.sendline("")
    terminal.expect(r"nothing is filled in.*\[n\]o\s+> ")
    assert _requirement(cli, run_id)["decision"] is None
    terminal.sendline("y")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert 'write(to="ann", copies=2 (default), cc=null' in terminal.before
    assert _requirement(cli, run_id)["decision"]["type"] == "input"


def test_at_a_terminal_success_says_what_runs(cli: CommandLine, paying: str) -> None:
    for by in ("ann", "bob"):
        terminal = cli.at_terminal("inbox", "-i", "--by", by, columns=200)
        terminal.expect(r"uit\s+> ")
        terminal.sendline("a")
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert 'pay(euros=10 (the model said 99), key="**********", to="ann", memo="none" (default))' in terminal.before
