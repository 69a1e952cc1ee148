"""`haltpoint inbox -i`: a person at a terminal is asked about one requirement after the other."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pexpect
import pytest

from haltpoint import Agent, RunRequirement, ScriptedModel, tool
from support.command import DELIVER, ENGRAVE, PAINT, CommandLine, StartRun
from support.databases import opened
from support.programs import Program, run_program
from support.replies import wants
from support.worker import WORKER

ASK = wants(
    "get_user_input",
    fields=[
        {"field_name": "nights", "field_type": "int", "field_description": "how many nights"},
        {"field_name": "town", "field_type": "str", "field_description": "where to"},
    ],
)


def _end(terminal: Any) -> str:
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    return str(terminal.before)


def _answer(terminal: Any, question: str, answer: str) -> str:
    terminal.expect(question)
    terminal.sendline(answer)
    return str(terminal.before)


def _decisions(cli: CommandLine, run_id: str) -> list[Any]:
    records = cli("show", run_id, "--json").record["requirements"]
    return [(record["decision"], record["decided_by"]) for record in records]


def test_a_person_sees_the_story_and_the_call_and_approves(cli: CommandLine, start: StartRun) -> None:
    run_id = start(wants("note_down", text="measure twice"), PAINT)
    terminal = cli.at_terminal("inbox", "-i", "--by", "ann")
    shown = _answer(terminal, r"\[a\]pprove.*uit\s+> ", "a")
    for word in ("Build a chair.", 'note_down(text="measure twice")', "noted measure twice", 'color = "red"'):
        assert word in shown
    terminal.expect("approved by ann")
    terminal.expect("continue_run_async")
    assert "1 decided; nothing else waits" in _end(terminal)
    assert _decisions(cli, run_id) == [({"type": "confirm"}, "ann")]


def test_a_letter_that_means_nothing_is_answered_with_those_that_do(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    terminal = cli.at_terminal("inbox", "-i", "--by", "ann")
    _answer(terminal, r"\[a\]pprove.*uit\s+> ", "x")
    terminal.expect("there is no 'x' here: type a, l, e, r, s, q")
    _answer(terminal, r"\[a\]pprove.*uit\s+> ", "q")
    assert "0 decided" in _end(terminal)


def test_a_person_approves_later_calls_as_well(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    terminal = cli.at_terminal("inbox", "-i", "--by", "ann")
    _answer(terminal, r"\[l\]ater calls, too.*uit\s+> ", "l")
    _answer(terminal, r"\[s\]ession, \[b\]ack\s+> ", "b")
    _answer(terminal, r"\[l\]ater calls, too.*uit\s+> ", "l")
    _answer(terminal, r"\[s\]ession, \[b\]ack\s+> ", "s")
    _answer(terminal, r"only with \[t\]hese, \[b\]ack\s+> ", "t")
    # There is no session that it could hold in: the question stands.
    _answer(terminal, r"session.*\[l\]ater calls, too.*uit\s+> ", "l")
    _answer(terminal, r"\[s\]ession, \[b\]ack\s+> ", "r")
    _answer(terminal, r"only with \[t\]hese, \[b\]ack\s+> ", "t")
    terminal.expect("approved, and remembered for the run, with these arguments, by ann")
    _end(terminal)
    remember = {"scope": "run", "with_arguments": True}
    assert _decisions(cli, run_id) == [({"type": "confirm", "remember": remember}, "ann")]


def test_one_kind_after_the_other_is_asked_for_in_its_own_way(cli: CommandLine, start: StartRun) -> None:
    asking, delivery, engraving, painting = start(ASK), start(DELIVER), start(ENGRAVE), start(PAINT)
    terminal = cli.at_terminal("inbox", "-i")
    _answer(terminal, r"\[r\]eject.*uit\s+> ", "r")
    _answer(terminal, r"Enter for no reason\s+> ", "not red")
    _answer(terminal, r"\[f\]ill in.*uit\s+> ", "f")
    _answer(terminal, r'font \(str\) \["serif"\]\s+> ', "")
    _answer(terminal, r"name \(str\)\s+> ", "")
    _answer(terminal, r"a value is needed.*name \(str\)\s+> ", "Ann")
    _answer(terminal, r"copies \(int\)\s+> ", "two")
    _answer(terminal, r"must be a whole number.*copies \(int\)\s+> ", "2")
    _answer(terminal, r"\[g\]ive the result.*uit\s+> ", "g")
    _answer(terminal, r"as the model gets it\s+> ", "left at the door")
    _answer(terminal, r"\[f\]ill in.*uit\s+> ", "f")
    _answer(terminal, r"how many nights\s+> ", "3")
    _answer(terminal, r"where to\s+> ", "")
    assert "4 decided" in _end(terminal)
    decided = [_decisions(cli, run_id)[0][0] for run_id in (painting, engraving, delivery, asking)]
    assert decided == [
        {"type": "reject", "note": "not red"},
        {"type": "input", "values": {"name": "Ann", "copies": 2}},
        {"type": "result", "content": "left at the door"},
        {"type": "input", "values": {"nights": 3, "town": None}},
    ]


def test_a_call_in_doubt_is_given_its_result(cli: CommandLine, tmp_path: Path) -> None:
    with Program(WORKER, "start", str(cli.db_file), "saw", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        program.hear()
        program.kill()
    run_program(WORKER, "proceed", str(cli.db_file), "saw", run_id, cwd=tmp_path)
    terminal = cli.at_terminal("inbox", "-i")
    shown = _answer(terminal, r"re\[t\]ry.*uit\s+> ", "u")
    assert "saw is in doubt" in shown and "attempt: 1" in shown
    _answer(terminal, r"what it returned[^\n]*\n> ", "sawn by hand")
    _end(terminal)
    assert _decisions(cli, run_id)[0][0] == {"type": "supply", "content": "sawn by hand"}


def test_what_is_skipped_stays_open_and_quitting_leaves_the_rest(cli: CommandLine, start: StartRun) -> None:
    oldest, middle, newest = start(PAINT), start(PAINT), start(PAINT)
    terminal = cli.at_terminal("inbox", "-i")
    assert newest in _answer(terminal, r"uit\s+> ", "s")
    assert middle in _answer(terminal, r"uit\s+> ", "a")
    assert oldest in _answer(terminal, r"uit\s+> ", "q")
    assert "1 decided; there is more" in _end(terminal)
    assert [record["run_id"] for record in cli("inbox", "--json").records] == [newest, oldest]


def test_more_than_a_page_is_walked_through(cli: CommandLine, start: StartRun) -> None:
    started = [start(PAINT) for _ in range(3)]
    terminal = cli.at_terminal("inbox", "-i", "--limit", "1")
    for run_id in reversed(started):
        assert run_id in _answer(terminal, r"uit\s+> ", "s")
    _end(terminal)


def test_neither_an_empty_line_nor_an_unknown_letter_decides_anything(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    terminal = cli.at_terminal("inbox", "-i")
    for answer in ("", "x", "yes"):
        _answer(terminal, r"uit\s+> ", answer)
    terminal.expect(r"uit\s+> ")
    terminal.sendeof()
    assert "0 decided; there is more" in _end(terminal)
    assert _decisions(cli, run_id) == [(None, None)]


def test_an_interrupt_keeps_what_was_decided(cli: CommandLine, start: StartRun) -> None:
    waiting, decided = start(PAINT), start(PAINT)
    terminal = cli.at_terminal("inbox", "-i", "--by", "ann")
    _answer(terminal, r"uit\s+> ", "a")
    terminal.expect(r"approved.*uit\s+> ")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130
    assert _decisions(cli, decided) == [({"type": "confirm"}, "ann")]
    assert _decisions(cli, waiting) == [(None, None)]


def test_what_somebody_else_decides_meanwhile_is_said_and_stands(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    terminal = cli.at_terminal("inbox", "-i", "--by", "ann")
    terminal.expect(r"uit\s+> ")
    with opened(cli.db_file) as database:
        (requirement,) = database.requirements()
        requirement.reject("no paint left", by="bob")
        requirement.commit()
    terminal.sendline("a")
    terminal.expect("by bob")
    assert "0 decided" in _end(terminal)
    assert _decisions(cli, run_id)[0][1] == "bob"


@tool(requires_confirmation=True, expires_after=4)
def hurry(item: str) -> str:
    """Send an item while there is time."""
    raise AssertionError


def test_what_expires_meanwhile_is_said(cli: CommandLine) -> None:
    with opened(cli.db_file) as database:
        agent = Agent(ScriptedModel([wants("hurry", item="crate")]), db=database, tools=[hurry])
        run_id = agent.do("Work.", return_output=True).run_id
        terminal = cli.at_terminal("inbox", "-i", "--by", "ann")
        terminal.expect(r"uit\s+> ")
        (requirement,) = database.requirements(run_id=run_id, open_only=False)
        assert asyncio.run(_decision_on(requirement)).is_expired
    terminal.sendline("a")
    terminal.expect("meanwhile its time was over")
    assert "0 decided; nothing else waits" in _end(terminal)


async def _decision_on(requirement: RunRequirement) -> RunRequirement:
    return await requirement


def _editor(directory: Path, script: str) -> dict[str, str]:
    """An environment in which this shell script, given the file, is the editor."""
    editor = directory / "editor"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    return {"EDITOR": str(editor), "VISUAL": str(editor)}


def test_arguments_are_edited_and_shown_before_they_are_approved(
    cli: CommandLine, start: StartRun, tmp_path: Path
) -> None:
    run_id = start(PAINT)
    terminal = cli.at_terminal("inbox", "-i", env=_editor(tmp_path, 'sed -i s/red/blue/ "$1"'))
    _answer(terminal, r"\[e\]dit.*uit\s+> ", "e")
    _answer(terminal, r'to run: paint\(color="blue"\).*\[n\]o\s+> ', "n")
    _answer(terminal, r"uit\s+> ", "e")
    _answer(terminal, r'to run: paint\(color="blue"\).*\[n\]o\s+> ', "y")
    terminal.expect("approved with changed arguments")
    _end(terminal)
    assert _decisions(cli, run_id)[0][0] == {
        "type": "confirm",
        "tool_args": {"color": "blue"},
        "unchecked": True,
    }


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ('echo "{" > "$1"', "not valid JSON"),
        ("""echo '{"size": 3}' > "$1\"""", "size: there is no such"),
        ("exit 1", "failed"),
    ],
)
def test_an_edit_that_went_wrong_leaves_the_question_open(
    cli: CommandLine, start: StartRun, tmp_path: Path, script: str, complaint: str
) -> None:
    run_id = start(PAINT)
    terminal = cli.at_terminal("inbox", "-i", env=_editor(tmp_path, script))
    _answer(terminal, r"uit\s+> ", "e")
    terminal.expect(complaint)
    _answer(terminal, r"uit\s+> ", "s")
    _end(terminal)
    assert _decisions(cli, run_id) == [(None, None)]


def test_a_refused_edit_is_what_the_next_one_begins_with(cli: CommandLine, start: StartRun, tmp_path: Path) -> None:
    run_id = start(PAINT)
    # Refused as it stands, then by the tool, then taken: each step goes on from the one before.
    script = """
if grep -q three "$1"; then echo '{"color": "three"}' > "$1"
elif grep -q '{"size"' "$1"; then echo '{"size": "three"}' > "$1"
else echo '{"size":' > "$1"; fi
"""
    terminal = cli.at_terminal("inbox", "-i", env=_editor(tmp_path, script))
    _answer(terminal, r"uit\s+> ", "e")
    terminal.expect("not valid JSON")
    _answer(terminal, r"uit\s+> ", "e")
    terminal.expect("size: there is no such")
    _answer(terminal, r"uit\s+> ", "e")
    _answer(terminal, r'to run: paint\(color="three"\).*\[n\]o\s+> ', "y")
    terminal.expect("approved with changed arguments")
    _end(terminal)
    assert _decisions(cli, run_id)[0][0] == {
        "type": "confirm",
        "tool_args": {"color": "three"},
        "unchecked": True,
    }


def test_it_is_said_what_was_answered(cli: CommandLine, start: StartRun) -> None:
    start(ASK)
    terminal = cli.at_terminal("inbox", "-i", "--by", "ann")
    _answer(terminal, r"\[f\]ill in.*uit\s+> ", "f")
    _answer(terminal, r"how many nights\s+> ", "3")
    _answer(terminal, r"where to\s+> ", "Oslo")
    terminal.expect(r'get_user_input: nights=3, town="Oslo": .*answered by ann')
    _end(terminal)
    start(ASK)
    printed = cli("answer", cli("inbox", "--json").record["id"], "nights=4", "--by", "ann")
    assert "get_user_input: nights=4, town=null: answered by ann" in printed.out


def test_a_result_may_be_written_in_an_editor(cli: CommandLine, start: StartRun, tmp_path: Path) -> None:
    run_id = start(DELIVER)
    terminal = cli.at_terminal("inbox", "-i", env=_editor(tmp_path, 'printf "two\\nlines\\n" > "$1"'))
    _answer(terminal, r"\[e\]ditor.*uit\s+> ", "e")
    assert "1 decided" in _end(terminal)
    assert _decisions(cli, run_id)[0][0] == {"type": "result", "content": "two\nlines"}


def test_with_watch_it_waits_for_more(cli: CommandLine, start: StartRun) -> None:
    first = start(PAINT)
    terminal = cli.at_terminal("inbox", "-i", "--watch")
    assert first in _answer(terminal, r"uit\s+> ", "a")
    terminal.expect("waiting for more")
    second = start(PAINT)
    assert second in _answer(terminal, r"uit\s+> ", "q")
    assert "1 decided" in _end(terminal)


def test_keys_hit_before_a_question_is_shown_answer_nothing(cli: CommandLine, start: StartRun) -> None:
    started = [start(PAINT) for _ in range(2)]
    terminal = cli.at_terminal("inbox", "-i")
    terminal.expect(r"uit\s+> ")
    terminal.send("a\na\na\na\n")
    terminal.expect("approved")
    _answer(terminal, r"uit\s+> ", "q")
    _end(terminal)
    assert _decisions(cli, started[0]) == [(None, None)]


def test_without_a_terminal_there_is_nobody_to_ask(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    refused = cli("inbox", "-i", stdin="a\n")
    assert (refused.code, "asks at a terminal" in refused.err) == (2, True)
    assert cli("inbox", "-i", "--json").code == 2
