"""One process pauses, the command decides in a second, a third goes on and finishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.command import CommandLine
from support.programs import Program, run_program
from support.worker import WORKER


def _start(cli: CommandLine, script: str) -> str:
    """Let a process start a run that pauses, and end."""
    told = run_program(WORKER, "start", str(cli.db_file), script, cwd=cli.db_file.parent).last
    assert told["status"] == "PAUSED"
    run_id: str = told["run_id"]
    return run_id


def _proceed(cli: CommandLine, script: str, run_id: str) -> Any:
    """Let another process continue the run."""
    return run_program(WORKER, "proceed", str(cli.db_file), script, run_id, cwd=cli.db_file.parent).last


@pytest.mark.parametrize(
    ("script", "command", "outcome"),
    [
        ("paint", ["approve"], "painted red"),
        ("paint", ["approve", "--args", '{"color": "blue"}'], "painted blue"),
        ("paint", ["reject", "--note", "not red"], "Their note: not red"),
        ("engrave", ["answer", "name=Ann", "copies=2"], "Ann in serif, 2 times"),
        ("engrave", ["answer", "--values", '{"name": "Ann", "copies": 2, "font": "sans"}'], "Ann in sans, 2 times"),
        ("deliver", ["result", "left at the door"], "left at the door"),
        ("ask", ["answer", "name=Ann"], '{"name":"Ann"}'),
    ],
)
def test_a_decision_on_the_command_line_lets_another_process_finish_the_run(
    cli: CommandLine, script: str, command: list[str], outcome: str
) -> None:
    run_id = _start(cli, script)
    name, *values = command
    decided = cli(name, run_id, *values, "--by", "ann")
    assert decided.code == 0, decided.err
    finished = _proceed(cli, script, run_id)
    assert finished["status"] == "COMPLETED"
    assert outcome in finished["tools"][0][2]
    assert cli("runs", "--json").record["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        (["retry"], "sawn oak"),
        (["supply", "sawn by hand"], "sawn by hand"),
        (["skip", "--note", "no oak left"], "no oak left"),
    ],
)
def test_a_call_whose_process_was_killed_is_recovered_on_the_command_line(
    cli: CommandLine, tmp_path: Path, decision: list[str], outcome: str
) -> None:
    with Program(WORKER, "start", str(cli.db_file), "saw", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        assert program.hear()["started"] == "saw"
        program.kill()
    assert _proceed(cli, "saw", run_id)["pause_reason"] == "recovery"
    decided = cli("recover", run_id, *decision)
    assert decided.code == 0, decided.err
    with Program(WORKER, "proceed", str(cli.db_file), "saw", run_id, cwd=tmp_path) as program:
        program.say("")
        finished = program.finish().last
    assert finished["status"] == "COMPLETED"
    assert outcome in finished["tools"][1][2]


def test_a_process_that_waits_goes_on_by_itself_once_the_command_decided(cli: CommandLine, tmp_path: Path) -> None:
    arguments = ("start_and_wait_for_a_decision", str(cli.db_file), "paint")
    with Program(WORKER, *arguments, cwd=tmp_path) as program:
        waiting = program.hear()
        assert cli("approve", waiting["requirements"][0]["id"]).code == 0
        assert program.finish().last == {"confirmation": True, "decision": {"type": "confirm"}}


def test_a_run_under_way_in_another_process_is_cancelled(cli: CommandLine, tmp_path: Path) -> None:
    with Program(WORKER, "start", str(cli.db_file), "stir", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        cancelled = cli("cancel", run_id, "--by", "ann", "--json")
        assert cancelled.code == 0, cancelled.err
        assert program.finish().last["status"] == "CANCELLED"
    (record,) = cli("audit", run_id, "--json").record["records"]
    assert (record["action"], record["by"]) == ("cancel_requested", "ann")
