"""The shell blocks of all documents: each is run by bash, in a directory where what it names is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from haltpoint import Agent, ModelReply, ScriptedModel, SqliteDatabase, ToolCall, tool
from support.command import CommandLine
from support.documents import BLOCKS, ROOT, Block
from support.inbox import Inbox

from .stand_ins import STAND_INS, make, pip

BASH = shutil.which("bash")
SHELL = [block for block in BLOCKS if block.language == "sh"]
# These ask a server.
REQUESTS = [block for block in SHELL if "$PORT" in block.text]
EXAMPLES = [block for block in SHELL if block not in REQUESTS]
# The exit code of a block that does not end with 0.
CODES = {"docs/concepts/fault-points.md": 128 + 9}
# What a machine may lack.
OTHERS = ("openssl", "sqlite3")
AGENTS = """
from haltpoint import Agent, ScriptedModel

clerk = Agent(ScriptedModel(["Welcome!"]), name="clerk")
"""
PROGRAM = """
from haltpoint import Agent, ModelReply, ScriptedModel, SqliteDatabase, ToolCall, tool


@tool
def stamp(page: int) -> str:
    return f"page {page} stamped"


calls = [ModelReply(tool_calls=[ToolCall("stamp", {"page": page})]) for page in (1, 2)]
with SqliteDatabase() as database:
    Agent(ScriptedModel([*calls, "Done."]), db=database, tools=[stamp]).do("Stamp both pages.")
"""

pytestmark = pytest.mark.skipif(BASH is None, reason="there is no bash")


@tool(requires_confirmation=True)
def paint(color: str) -> str:
    """Paint."""
    return f"painted {color}"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a block is run: modules, the examples, and programs that stand for others."""
    (tmp_path / "agents.py").write_text(AGENTS, encoding="utf-8")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    # CONTRIBUTING.md has a part of the tests run; here that part is empty.
    (tmp_path / "tests" / "python" / "rules").mkdir(parents=True)
    (tmp_path / "tests" / "python" / "rules" / "test_nothing.py").write_text("def test_it() -> None: ...\n")
    stand_ins = Path(__file__).with_name("stand_ins.py")
    for name in STAND_INS:
        make_command(tmp_path / "commands" / name, f'"{sys.executable}" "{stand_ins}" {name}')
    for name in ("commands", ".venv/bin"):
        make_command(tmp_path / name / "python", f'"{sys.executable}"')
    return tmp_path


def make_command(path: Path, program: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {program} "$@"\n', encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def paused(directory: Path) -> dict[str, str]:
    """The ids of a run that waits for a confirmation."""
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("paint", {"color": "red"})]), "Done."])
    with SqliteDatabase(directory / "runs.db") as database:
        output = Agent(model, name="painter", db=database, tools=[paint]).do("Paint.", return_output=True)
        return {"RUN_ID": output.run_id, "REQUIREMENT_ID": output.active_requirements[0].id}


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_block_runs(example: Block, directory: Path, paused: dict[str, str]) -> None:
    for name in OTHERS:
        if name in example.text and shutil.which(name) is None:
            pytest.skip(f"there is no {name}")
    path = os.pathsep.join([str(directory / "commands"), os.environ["PATH"]])
    environment = {**os.environ, "HALTPOINT_DB": "runs.db", **paused, "PATH": path, "PYTHONPATH": ""}
    # With a command after it, bash does not become the last one, and says by which signal that one died.
    command = [str(BASH), "-euo", "pipefail", "-c", f"{example.text}:"]
    finished = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert finished.returncode == CODES.get(example.document, 0), finished.stdout + finished.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_request_of_the_document_decides(directory: Path, paused: dict[str, str]) -> None:
    [example] = REQUESTS
    with Inbox(CommandLine(directory / "runs.db")) as inbox:
        known = {"PORT": inbox.host.rpartition(":")[2], "TOKEN": inbox.token}
        command = [str(BASH), "-euo", "pipefail", "-c", example.text]
        subprocess.run(command, env={**os.environ, **paused, **known}, capture_output=True, timeout=100, check=True)
    with SqliteDatabase(directory / "runs.db") as database:
        [record] = database.audit(paused["RUN_ID"])
        assert database.requirement(paused["REQUIREMENT_ID"]).tool_execution.tool_args == {"color": "blue"}
        assert record.by == "ann"


@pytest.mark.parametrize("wrong", [["tset"], ["mutants", "FILE=a"], []])
def test_a_target_that_is_not_there_would_be_noticed(wrong: list[str]) -> None:
    assert make(wrong) == 1


def test_an_extra_that_is_not_there_would_be_noticed() -> None:
    assert pip(["install", ".[cil]"]) == 1
