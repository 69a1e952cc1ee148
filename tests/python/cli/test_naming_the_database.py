"""Where a command and a program find their database: an option on either side of the command, and a variable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from haltpoint import SqliteDatabase
from support.command import PAINT, CommandLine, StartRun
from support.databases import on_files

pytestmark = on_files


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another database, in which nothing waits."""
    path = tmp_path / "other.db"
    SqliteDatabase(path).close()
    return path


def _nowhere(tmp_path: Path) -> dict[str, str]:
    return {"HALTPOINT_DB": str(tmp_path / "nowhere.db")}


@pytest.mark.parametrize("command", ["inbox", "runs", "remembered"])
def test_the_option_may_stand_before_the_command_and_counts_before_the_variable(
    cli: CommandLine, start: StartRun, tmp_path: Path, command: str
) -> None:
    start(PAINT)
    after = cli(command, "--db", str(cli.db_file), env=_nowhere(tmp_path))
    before = cli("--db", str(cli.db_file), command, env=_nowhere(tmp_path))
    assert before.rows == after.rows
    assert cli("--db", str(tmp_path / "nowhere.db"), command).code == 3


def test_commands_that_decide_take_it_there_too(cli: CommandLine, start: StartRun, tmp_path: Path) -> None:
    run_id = start(PAINT)
    assert cli("--db", str(cli.db_file), "approve", run_id, env=_nowhere(tmp_path)).code == 0
    assert cli("--db", str(cli.db_file), "audit", run_id, "--json", env=_nowhere(tmp_path)).code == 0


def test_of_two_the_one_after_the_command_counts(cli: CommandLine, start: StartRun, other: Path) -> None:
    start(PAINT)
    assert len(cli("--db", str(other), "inbox", "--db", str(cli.db_file)).rows) == 1
    assert cli("--db", str(cli.db_file), "inbox", "--db", str(other)).rows == []


def test_it_is_explained_on_both_sides(cli: CommandLine) -> None:
    assert "counts before this one" in " ".join(cli("--help").out.split())
    assert "May also stand before the command" in " ".join(cli("inbox", "--help").out.split())


def test_completion_looks_into_the_file_that_is_named_before_the_command(
    cli: CommandLine, start: StartRun, tmp_path: Path
) -> None:
    run_id = start(PAINT)
    words = f"haltpoint --db {cli.db_file} show "
    asked = {"_HALTPOINT_COMPLETE": "zsh_complete", "COMP_WORDS": words, "COMP_CWORD": "4"}
    assert cli(env={**asked, **_nowhere(tmp_path)}).out.splitlines()[1::3] == [run_id]


_PROGRAM = "from haltpoint import SqliteDatabase; import sys; print(SqliteDatabase(*sys.argv[1:]).db_file)"


def _file_of(directory: Path, *arguments: str, **settings: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "HALTPOINT_DB"}
    finished = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=directory,
        env={**environment, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.strip()


def test_a_program_opens_the_file_of_the_variable_unless_it_names_one(tmp_path: Path) -> None:
    named = str(tmp_path / "named.db")
    assert _file_of(tmp_path, HALTPOINT_DB=named) == named
    assert Path(named).exists()
    assert _file_of(tmp_path, "mine.db", HALTPOINT_DB=named) == "mine.db"
    assert _file_of(tmp_path) == "haltpoint.db"
    assert _file_of(tmp_path, HALTPOINT_DB="") == "haltpoint.db"
