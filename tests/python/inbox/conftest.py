"""A database with runs in it, and the inbox page that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haltpoint import Agent, ScriptedModel, Task
from haltpoint.models.scripted import ScriptedReply
from support.command import PAINT, CommandLine, StartRun
from support.databases import opened
from support.inbox import Inbox
from support.workshop import TOOLS


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """The command, on a file that is not there before a run is started."""
    return CommandLine(tmp_path / "runs.db")


@pytest.fixture
def start(cli: CommandLine) -> StartRun:
    """Starts a run of a model that says so, and returns the run's id."""

    def start_run(*replies: ScriptedReply, task: str = "Build a chair.", name: str = "joiner") -> str:
        with opened(cli.db_file) as database:
            agent = Agent(ScriptedModel([*replies, "finished"]), db=database, tools=TOOLS, name=name)
            run_id: str = agent.do(Task(task), return_output=True).run_id
        return run_id

    return start_run


@pytest.fixture
def painting(start: StartRun) -> str:
    """A run that waits for somebody to agree to a color."""
    return start(PAINT)


@pytest.fixture
def inbox(cli: CommandLine, painting: str) -> Iterator[Inbox]:
    """The inbox of a database in which something waits."""
    with Inbox(cli) as served:
        yield served
