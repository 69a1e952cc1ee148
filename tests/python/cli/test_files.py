"""The database file that a command is given: found, and never made."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import PAINT, CommandLine, StartRun
from support.databases import on_files
from support.trouble import elsewhere

pytestmark = on_files

LOOKS = [["runs"], ["inbox"], ["show", "abc"], ["check"], ["approve", "abc"], ["backup", "copy.db"], ["audit", "abc"]]


def _text(path: Path) -> None:
    path.write_text("Dear diary, " * 1000)


def _other_application(path: Path) -> None:
    elsewhere(path, "CREATE TABLE letters (words TEXT)")


def _contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("command", LOOKS, ids=lambda command: command[0])
def test_a_file_that_is_not_there_is_not_found_and_not_made(
    cli: CommandLine, tmp_path: Path, command: list[str]
) -> None:
    missing = cli(*command)
    assert missing.code == 3
    assert "there is no file" in missing.err and "--db FILE" in missing.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (_text, "no SQLite database"),
        (_other_application, "another application"),
        (Path.touch, "is empty"),
        (Path.mkdir, "is a directory"),
    ],
)
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    cli: CommandLine, tmp_path: Path, make: Callable[[Path], None], complaint: str
) -> None:
    make(cli.db_file)
    before = _contents(tmp_path) if cli.db_file.is_file() else {}
    refused = cli("inbox")
    assert (refused.code, complaint in refused.err) == (1, True), refused.err
    assert cli("inbox", "--json").error["exit_code"] == 1
    assert not before or _contents(tmp_path) == before


def test_the_file_is_named_by_option_variable_or_its_usual_name(
    cli: CommandLine, start: StartRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(PAINT)
    other = CommandLine(tmp_path / "nowhere.db")
    assert len(other("inbox", "--db", str(cli.db_file)).rows) == 1
    os.rename(cli.db_file, tmp_path / "haltpoint.db")
    monkeypatch.chdir(tmp_path)
    assert len(other("inbox", env={"HALTPOINT_DB": ""}).rows) == 1


def test_a_pipe_that_is_closed_ends_the_command_without_a_word(cli: CommandLine, start: StartRun) -> None:
    for _ in range(3):
        start(PAINT)
    with cli.follow("inbox", "--watch") as followed:
        assert followed.process.stdout is not None
        followed.line()
        followed.process.stdout.close()
        start(PAINT)
        assert followed.process.wait(30) == 141
        assert followed.process.stderr is not None
        assert followed.process.stderr.read() == ""
        followed.process.stdout = open(os.devnull)  # noqa: SIM115 - closed with the process
