"""Filling in a form at the command line, where nobody has the tool's code."""

from __future__ import annotations

import json

import pexpect
import pytest

from support.command import CommandLine, StartRun
from support.replies import wants
from support.travel import FILLED_IN, REFUSED, finish_booking, start_booking


def pairs(**changed: str) -> list[str]:
    return [f"{name}={value}" for name, value in {**FILLED_IN, **changed}.items()]


@pytest.mark.parametrize(("name", "typed", "words"), REFUSED)
def test_a_value_that_does_not_fit_is_refused_in_words(cli: CommandLine, name: str, typed: str, words: str) -> None:
    run_id = start_booking(cli.db_file)
    refused = cli("answer", run_id, *pairs(**{name: typed}))
    assert (refused.code, words in refused.err) == (2, True), refused.err
    assert cli("answer", run_id, *pairs()).code == 0
    assert finish_booking(cli.db_file, run_id) == "Ritz 2 double 29.02. True A 7 None warm"


@pytest.mark.parametrize(
    ("typed", "result"),
    [
        ({}, "None warm"),
        ({"cc": "", "tone": ""}, "None warm"),
        ({"cc": "null", "tone": "null"}, "None None"),
        ({"cc": "eve", "tone": "cold"}, "eve cold"),
    ],
)
def test_fields_that_may_stay_empty_take_their_defaults(cli: CommandLine, typed: dict[str, str], result: str) -> None:
    run_id = start_booking(cli.db_file)
    assert cli("answer", run_id, *pairs(**typed)).code == 0
    assert finish_booking(cli.db_file, run_id) == f"Ritz 2 double 29.02. True A 7 {result}"


def test_values_come_as_json_with_their_types(cli: CommandLine) -> None:
    run_id = start_booking(cli.db_file)
    values = {**FILLED_IN, "nights": 2, "breakfast": True, "address": {"street": "A", "code": 7}, "tone": None}
    assert cli("answer", run_id, "--values", json.dumps(values)).code == 0
    assert finish_booking(cli.db_file, run_id) == "Ritz 2 double 29.02. True A 7 None None"


def test_an_empty_text_for_a_field_that_needs_one_has_to_be_meant(cli: CommandLine, start: StartRun) -> None:
    run_id = start(wants("engrave", font="serif"))
    refused = cli("answer", run_id, "name=", "copies=2")
    assert refused.code == 2
    assert "name is empty: give a value, or --empty where an empty text is meant" in refused.err
    assert cli("inbox", "--json").records != []
    assert cli("answer", run_id, "name=", "copies=2", "--empty").code == 0


def test_what_is_required_and_empty_is_named_field_by_field(cli: CommandLine) -> None:
    run_id = start_booking(cli.db_file)
    refused = cli("answer", run_id, "nights=2", "address=")
    assert refused.code == 2
    for name in ("room", "day", "breakfast"):
        assert f"{name}: Field required" in refused.err
    assert "cc" not in refused.err


def test_what_a_form_asks_for_is_shown_with_its_schema_and_its_defaults(cli: CommandLine) -> None:
    run_id = start_booking(cli.db_file)
    (record,) = cli("inbox", "--json").records
    form = {field["name"]: field for field in record["user_input_schema"]}
    assert form["nights"]["json_schema"] == {"type": "integer", "minimum": 1}
    assert form["address"]["json_schema"]["required"] == ["street", "code"]
    assert (form["nights"]["required"], form["cc"]["required"], form["tone"]["default"]) == (True, False, "warm")
    shown = cli.shown("show", run_id)
    assert '"warm" if left empty' in shown
    assert "(may stay empty)" in shown


def test_a_wrong_answer_at_the_terminal_is_explained_and_asked_for_again(cli: CommandLine) -> None:
    run_id = start_booking(cli.db_file)
    terminal = cli.at_terminal("inbox", "-i", columns=200)

    def answer(question: str, typed: str) -> None:
        terminal.expect(question)
        terminal.sendline(typed)

    answer(r"\[f\]ill in.*uit\s+> ", "f")
    answer(r'hotel \(str\) \["Ritz"\]\s+> ', "")
    answer(r"nights \(int\)\s+> ", "0")
    answer(r'must be greater than or equal to 1, got "0".*nights \(int\)\s+> ', "2")
    answer(r"room \([^)]*\)\s+> ", "suite")
    answer(r"must be 'single' or 'double'.*room \([^)]*\)\s+> ", "double")
    answer(r"day \(date\)\s+> ", "2024-02-29")
    answer(r"breakfast \(bool, yes or no\)\s+> ", "yes")
    answer(r"address \(Address, JSON[^\n]*\)\s+> ", '{"street": "A"}')
    answer(r"address\.code: Field required.*address \(Address, JSON[^\n]*\)\s+> ", '{"street": "A", "code": 7}')
    answer(r"cc \(str \| None\)\s+> ", "")
    answer(r'tone \(str \| None\) \["warm"\]\s+> ', "null")
    terminal.expect("1 decided")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert finish_booking(cli.db_file, run_id) == "Ritz 2 double 29.02. True A 7 None None"


def test_what_only_the_code_of_the_tool_refuses_is_told_to_the_model_and_never_runs(cli: CommandLine) -> None:
    run_id = start_booking(cli.db_file)
    assert cli("answer", run_id, *pairs(nights="13")).code == 0
    told = finish_booking(cli.db_file, run_id)
    assert told is not None
    assert "must be another number than 13" in told


def test_the_same_answer_again_is_done_and_another_one_is_a_conflict(cli: CommandLine) -> None:
    run_id = start_booking(cli.db_file)
    requirement_id = cli("inbox", "--json").records[0]["id"]
    assert cli("answer", run_id, *pairs(), "--by", "ann").code == 0
    assert cli("answer", requirement_id, *pairs(), "--by", "bob").code == 0
    for other in (["--empty"], ["nights=2"], pairs(tone="null")):
        assert cli("answer", requirement_id, *other, "--by", "bob").code == 4
