"""Text of models and tools that wants to be more than text: it is shown, and never obeyed."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from typing import Any

import pexpect
import pytest

from haltpoint import ModelReply, ToolCall
from support.command import CommandLine, StartRun

HOSTILE = (
    "\x1b[2J\x1b[1;1Happroved\x1b]0;title\x07\x1b]8;;http://evil\x1b\\\x9b31m\r\b\x7f\x00\x0b"
    "[bold red]markup[/] [link=http://evil]here[/link] :skull: "
    "\u202egnp.exe\u2066\u200b\u2028\ufeff\U000e0041\tcell\nline"
)
# What a terminal is sent beside text: colours, and where the command itself draws, nothing else.
OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?2004[hl]|\r\n")


def _hostile_run(start: StartRun) -> str:
    calls = [ToolCall("note_down", {"text": HOSTILE}), ToolCall("paint", {"color": HOSTILE}), ToolCall(HOSTILE, {})]
    form = [{"field_name": f"x; touch {HOSTILE}", "field_type": HOSTILE, "field_description": HOSTILE}]
    calls.append(ToolCall("get_user_input", {"fields": form}))
    # Names hold all of it but U+0000, which is refused.
    return start(ModelReply(text=HOSTILE, tool_calls=calls), task=HOSTILE, name=HOSTILE.replace("\x00", ""))


def _unsafe(text: str) -> set[str]:
    return {character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@pytest.mark.parametrize("columns", [40, 120])
@pytest.mark.parametrize("command", ["runs", "inbox", "show", "audit", "check"])
def test_a_terminal_is_sent_no_control_character_of_a_model(
    cli: CommandLine, start: StartRun, command: str, columns: int
) -> None:
    run_id = _hostile_run(start)
    arguments = [run_id] if command in ("show", "audit") else []
    shown = OWN.sub("", cli.shown(command, *arguments, columns=columns))
    assert _unsafe(shown) == set()
    if command in ("runs", "inbox", "show"):
        assert "\\u001b[2J" in shown
    if command == "show":
        assert "[bold red]markup[/]" in shown and ":skull:" in shown


@pytest.mark.parametrize("command", ["runs", "inbox", "show", "audit"])
def test_a_pipe_gets_one_line_for_each_item_whatever_is_in_it(cli: CommandLine, start: StartRun, command: str) -> None:
    run_id = _hostile_run(start)
    arguments = [run_id] if command in ("show", "audit") else []
    printed = cli(command, *arguments).out
    assert _unsafe(printed) <= {"\n", "\t"}
    if command == "runs":
        (row,) = cli("runs").rows
        assert len(row) == 5
    if command == "inbox":
        assert [len(row) for row in cli("inbox").rows] == [6, 6]


def test_json_is_ascii_and_reads_back_as_the_very_text(cli: CommandLine, start: StartRun) -> None:
    _hostile_run(start)
    printed = cli("inbox", "--json")
    assert _unsafe(printed.out) == {"\n"} and printed.out.isascii()
    by_tool: dict[str, Any] = {call["tool_name"]: call for call in (one["tool_execution"] for one in printed.records)}
    assert by_tool["paint"]["tool_args"] == {"color": HOSTILE}


def test_arguments_are_shown_as_json_that_reads_back_as_the_very_text(cli: CommandLine, start: StartRun) -> None:
    _hostile_run(start)
    (call,) = (row[4] for row in cli("inbox", "--kind", "confirmation").rows)
    assert json.loads(call.removeprefix("paint(color=").removesuffix(")")) == HOSTILE


def test_asking_at_the_terminal_sends_no_control_character_of_a_model(cli: CommandLine, start: StartRun) -> None:
    _hostile_run(start)
    terminal = cli.at_terminal("inbox", "-i", columns=60)
    terminal.logfile_read = io.StringIO()
    terminal.expect(r"uit\s+> ")
    terminal.sendline("f")
    terminal.sendline("")
    terminal.expect("nothing is filled in.*> ")
    terminal.sendline("y")
    terminal.expect(r"answered by.*uit\s+> ")
    terminal.sendline("s")
    terminal.expect(pexpect.EOF)
    terminal.close()
    shown = terminal.logfile_read.getvalue()
    assert _unsafe(OWN.sub("", shown)) == set()
    assert shown.count("\\u001b[2J") > 5


def test_an_error_shows_the_words_of_others_without_obeying_them(cli: CommandLine, start: StartRun) -> None:
    _hostile_run(start)
    requirement_id = cli("inbox", "--kind", "confirmation").rows[0][0]
    assert cli("reject", requirement_id, "--note", HOSTILE.replace("\x00", ""), "--by", "ann").code == 0
    conflict = cli("approve", requirement_id)
    assert conflict.code == 4
    assert _unsafe(conflict.err) == {"\n"}
