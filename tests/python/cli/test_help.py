"""The command explains itself: help, exit codes, completion, and what is missing where it was not installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from haltpoint import Agent, ScriptedModel
from haltpoint.cli.exit_codes import MEANINGS
from haltpoint.cli.registry import names
from support.command import COMMAND, DELIVER, ENGRAVE, PAINT, CommandLine, StartRun
from support.databases import opened
from support.programs import Program
from support.workshop import TOOLS

DECIDING = ["approve", "reject", "answer", "result", "recover"]
_SAWING = """
import sys
from pathlib import Path
from haltpoint import Agent, ScriptedModel
from support.databases import opened
from support.replies import wants
from support.workshop import TOOLS
Agent(ScriptedModel([wants("saw", board="oak")]), db=opened(Path(sys.argv[1])), tools=TOOLS).do("Saw.")
"""
ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")


def test_the_help_lists_every_command_and_every_exit_code(cli: CommandLine) -> None:
    printed = cli("--help").out
    for name in names():
        assert re.search(rf"^  {name}  ", printed, re.MULTILINE)
    for code, meaning in MEANINGS.items():
        assert f"{int(code)}  {meaning}" in printed


@pytest.mark.parametrize("name", names())
def test_each_command_has_help_and_stands_in_the_document(cli: CommandLine, name: str) -> None:
    printed = cli(name, "--help")
    assert printed.code == 0
    assert printed.out.startswith(f"Usage: haltpoint {name} ")
    assert f"`{name}" in DOCUMENT


@pytest.mark.parametrize("code", MEANINGS)
def test_the_document_has_each_exit_code(code: int) -> None:
    assert re.search(rf"^\| {int(code)} \| ", DOCUMENT, re.MULTILINE)


def test_a_misspelt_command_is_told_which_one_is_meant(cli: CommandLine) -> None:
    refused = cli("aprove")
    assert (refused.code, "approve" in refused.err) == (2, True)


@pytest.mark.parametrize("package", ["click", "rich"])
def test_without_the_extra_the_command_says_what_to_install(package: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; from haltpoint.cli import main; sys.exit(main())"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert package in finished.stderr and "pip install 'haltpoint[cli]'" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_completion_for_each_shell(cli: CommandLine, shell: str) -> None:
    assert "_HALTPOINT_COMPLETE" in cli("completion", shell).out


def _completed(cli: CommandLine, line: str) -> set[str]:
    words = {"_HALTPOINT_COMPLETE": "zsh_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    printed = cli(env=words).out.splitlines()
    return set(printed[1::3])


def test_commands_options_and_ids_are_completed(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    requirement_id = cli("inbox").rows[0][0]
    assert _completed(cli, "haltpoint app") == {"approve"}
    assert "--status" in _completed(cli, "haltpoint runs --s")
    assert _completed(cli, f"haltpoint show {run_id[:3]}") == {run_id}
    assert _completed(cli, "haltpoint approve ") == {requirement_id}
    assert _completed(cli, f"haltpoint approve --db {cli.db_file}.not-there ") == set()


def test_each_command_is_offered_what_it_can_decide(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    start(ENGRAVE)
    start(DELIVER)
    ids = {row[2]: row[0] for row in cli("inbox").rows}
    assert set(ids) == {"confirmation", "user_input", "external_tool"}
    offered = {command: _completed(cli, f"haltpoint {command} ") for command in DECIDING}
    assert offered == {
        "approve": {ids["confirmation"]},
        "reject": {ids["confirmation"]},
        "answer": {ids["user_input"]},
        "result": {ids["external_tool"]},
        "recover": set(),
    }
    assert cli("approve", ids["confirmation"]).code == 0
    assert _completed(cli, "haltpoint reject ") == set()


def test_recover_is_offered_calls_in_doubt(cli: CommandLine, tmp_path: Path) -> None:
    program = tmp_path / "sawing.py"
    program.write_text(_SAWING)
    with Program(program, str(cli.db_file), cwd=tmp_path) as sawing:
        run_id = sawing.hear()["run_id"]
        sawing.kill()
    with opened(cli.db_file) as database:
        Agent(ScriptedModel(["finished"]), db=database, tools=TOOLS).continue_run(run_id=run_id, return_output=True)
        [requirement] = database.requirements()
    assert requirement.kind == "recovery"
    assert _completed(cli, "haltpoint recover ") == {requirement.id}
    assert _completed(cli, "haltpoint approve ") == set()


def test_bash_takes_the_completion(cli: CommandLine) -> None:
    script = f'PATH="{COMMAND.parent}:$PATH"; eval "$(haltpoint completion bash)" && complete -p haltpoint'
    finished = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "_haltpoint_completion" in finished.stdout
