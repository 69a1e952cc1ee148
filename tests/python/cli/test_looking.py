"""Lists and runs as they are shown: to a person, to a pipe, to a program."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from haltpoint import Agent, ModelReply, RunRequirement, ScriptedModel, ToolCall
from support.command import COMMAND, ENGRAVE, PAINT, CommandLine, StartRun
from support.databases import named, opened
from support.workshop import TOOLS

STYLES = re.compile(r"\x1b\[[0-9;]*m")


def _plain(shown: str) -> list[str]:
    return [line.rstrip() for line in STYLES.sub("", shown).replace("\r", "").splitlines()]


def test_runs_are_listed_newest_first_with_what_tells_them_apart(cli: CommandLine, start: StartRun) -> None:
    done = start(task="Sweep the floor.", name="helper")
    waiting = start(PAINT)
    rows = cli("runs").rows
    assert [(row[0], row[1], *row[3:]) for row in rows] == [
        (waiting, "PAUSED", "joiner", "Build a chair."),
        (done, "COMPLETED", "helper", "Sweep the floor."),
    ]
    assert [row[0] for row in cli("runs", "--status", "completed").rows] == [done]
    assert [row[0] for row in cli("runs", "--agent", "joiner").rows] == [waiting]
    assert [row[0] for row in cli("runs", "--limit", "1").rows] == [waiting]
    assert [row[0] for row in cli("runs", "--before", waiting).rows] == [done]


def test_a_listed_run_has_the_documented_fields(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    record = cli("runs", "--json").record
    waiting = cli("inbox", "--json").record
    assert record == {
        "run_id": run_id,
        "status": "PAUSED",
        "agent_name": "joiner",
        "session_id": None,
        "user_id": None,
        "created_at": record["created_at"],
        "updated_at": record["updated_at"],
        "task": "Build a chair.",
        "pause_reason": "confirmation",
        "open_requirements": [waiting["id"]],
        "sleeps_until": None,
        "waits_for": [],
        "not_before": None,
        "problem": None,
    }


def test_a_requirement_has_the_form_that_programs_know(cli: CommandLine, start: StartRun) -> None:
    run_id = start(ENGRAVE)
    record = cli("inbox", "--json").record
    with opened(cli.db_file) as database:
        [requirement] = database.requirements()
    assert record == requirement.to_dict()
    assert [shown["requirements"] for shown in [cli("show", run_id, "--json").record]] == [[record]]
    assert (record["kind"], record["tool_execution"]["tool_args"]) == ("user_input", {"font": "serif"})
    terms = ("expires_at", "expired_at", "approvals_needed", "approvals", "always_ask", "remembered_from", "revoked")
    assert [record[name] for name in terms] == [None, None, 1, [], False, None, None]
    assert RunRequirement.from_dict(record).to_dict() == record


def test_the_fields_to_fill_in_are_told_in_a_pipe_too(cli: CommandLine, start: StartRun) -> None:
    run_id = start(ENGRAVE)
    requirement_id = cli("inbox").rows[0][0]
    rows = [row[2] for row in cli("show", run_id).rows if row[:2] == ["field", requirement_id]]
    assert rows == ["name (str) = (to be filled in)", "copies (int) = (to be filled in)"]
    cli("answer", requirement_id, "name=Ann", "copies=2")
    assert not [row for row in cli("show", run_id).rows if row[0] == "field"]


def test_each_field_of_a_requirement_is_documented(cli: CommandLine, start: StartRun) -> None:
    start(ENGRAVE)
    record = cli("inbox", "--json").record
    document = (Path(__file__).parents[3] / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    [row] = [line for line in document.splitlines() if line.startswith("| a requirement (")]
    assert [name for name in [*record, *record["tool_execution"]] if f"`{name}`" not in row] == []


def test_what_is_printed_of_a_decision_is_the_same_form(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    decided = cli("approve", cli("inbox").rows[0][0], "--by", "ann", "--json").record["requirement"]
    with opened(cli.db_file) as database:
        stored = database.requirements(open_only=False)[0].to_dict()
    assert decided == stored


def test_what_is_printed_can_be_decided_and_handed_to_a_program(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    record = cli("inbox", "--json").record
    with opened(cli.db_file) as database:
        agent = Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=TOOLS)
        assert agent.continue_run(run_id=run_id, requirements=[{**record, "confirmation": True}]) == "finished"


def test_the_inbox_is_narrowed_down_by_run_and_kind(cli: CommandLine, start: StartRun) -> None:
    painting, engraving = start(PAINT), start(ENGRAVE)
    assert [row[3] for row in cli("inbox").rows] == [engraving, painting]
    assert [row[3] for row in cli("inbox", "--run", painting).rows] == [painting]
    assert [row[2] for row in cli("inbox", "--kind", "user_input").rows] == ["user_input"]


def test_a_run_is_shown_with_its_story_and_what_it_waits_for(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    shown = cli("show", run_id, "--json").record
    assert [event["kind"] for event in shown["timeline"]] == [
        "run_started",
        "model_replied",
        "requirement_opened",
        "run_paused",
    ]
    assert [item["tool_execution"]["tool_args"] for item in shown["requirements"]] == [{"color": "red"}]
    words = "\n".join(_plain(cli.shown("show", run_id)))
    assert 'the model asks for paint(color="red")' in words
    assert f"haltpoint approve {shown['requirements'][0]['id'][:8]}" in words


def test_a_finished_run_is_shown_with_its_output(cli: CommandLine, start: StartRun) -> None:
    run_id = start()
    assert cli("show", run_id, "--json").record["run"]["output"] == "finished"
    assert "finished" in cli("show", run_id).out


def test_an_empty_inbox_says_so_to_a_person_and_nothing_to_a_pipe(cli: CommandLine, start: StartRun) -> None:
    start()
    assert cli("inbox").rows == []
    assert "nothing waits" in cli.shown("inbox")


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
def test_a_list_fits_the_terminal_and_leaves_nothing_out(cli: CommandLine, start: StartRun, columns: int) -> None:
    words = [f"word{number}" for number in range(30)]
    start(ModelReply(tool_calls=[ToolCall("paint", {"color": " ".join(words)})]))
    lines = _plain(cli.shown("inbox", columns=columns))
    assert max(map(len, lines)) <= columns
    joined = "".join("".join(lines).split())
    assert all(word in joined for word in words)


def test_what_is_too_long_for_a_list_says_how_much_is_missing(cli: CommandLine, start: StartRun) -> None:
    run_id = start(ModelReply(tool_calls=[ToolCall("paint", {"color": "red" * 1000})]))
    assert "more characters)" in "".join(_plain(cli.shown("inbox")))
    assert "red" * 1000 in cli("inbox").out
    assert "red" * 1000 in "".join(line.strip() for line in _plain(cli.shown("show", run_id)))


def test_no_colours_are_sent_where_they_are_not_wanted(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    assert STYLES.search(cli.shown("inbox"))
    assert "\x1b[3" not in cli.shown("inbox", env={"NO_COLOR": "1"})
    assert "\x1b" not in cli.shown("inbox", env={"TERM": "dumb"})
    assert "\x1b" not in cli("inbox").out


def test_an_output_that_knows_only_ascii_is_no_reason_to_fail(cli: CommandLine, start: StartRun) -> None:
    run_id = start(task="Grüße streichen.")
    shown = cli("show", run_id, env={"PYTHONIOENCODING": "ascii"})
    assert shown.code == 0
    assert r"Gr\xfc\xdfe" in shown.out


@pytest.mark.parametrize("command", ["runs", "inbox", "remembered"])
def test_a_limit_beyond_all_counting_is_wrong_usage(cli: CommandLine, start: StartRun, command: str) -> None:
    start(PAINT)
    refused = cli(command, "--limit", "99999999999999999999")
    assert (refused.code, "--limit" in refused.err, "Traceback" in refused.err) == (2, True, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_output_that_can_not_be_written_is_told_in_one_line(
    cli: CommandLine, start: StartRun, options: list[str]
) -> None:
    start(PAINT)
    environment = {**os.environ, "HALTPOINT_DB": str(named(cli.db_file))}
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [COMMAND, "runs", *options],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    (said,) = finished.stderr.splitlines()
    assert (finished.returncode, "the output can't be written: No space left on device" in said) == (1, True)
