"""Runs that meet trouble with their database in the middle, and what must be true of them afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from haltpoint import Agent, AgentRunOutput, ScriptedModel, SqliteDatabase, StoreError, Task, tool
from support.replies import wants

__all__ = ["Voyage", "elsewhere", "locked", "sail_into"]

_LOCK = (
    "import sqlite3, sys\n"
    "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "connection.execute('BEGIN IMMEDIATE')\n"
    "print('held', flush=True)\n"
    "sys.stdin.readline()\n"
)


class Voyage:
    """A run of three steps, of which the second brings trouble upon the database.

    Attributes:
        ledger: the steps that ran, in the order in which they did.
    """

    def __init__(self, trouble: Callable[[], Any]) -> None:
        self.ledger: list[str] = []
        self._trouble: Callable[[], Any] | None = trouble

    def agent(self, database: SqliteDatabase) -> Agent:
        """The agent that drives the run."""

        @tool
        def step(place: str) -> str:
            self.ledger.append(place)
            if place == "second" and self._trouble is not None:
                self._trouble, trouble = None, self._trouble
                trouble()
            return f"{place} {'x' * 100_000}"

        self._tools = [step]
        script = [wants("step", place=place) for place in ("first", "second", "third")]
        return Agent(ScriptedModel([*script, "arrived"]), db=database, tools=self._tools)

    def start(self, database: SqliteDatabase) -> AgentRunOutput:
        """Start the run."""
        output: AgentRunOutput = self.agent(database).do(Task("Sail."), return_output=True)
        return output

    def arrive(self, database: SqliteDatabase, run_id: str) -> AgentRunOutput:
        """Continue the run to its end; what is in doubt was done."""
        output: AgentRunOutput = self.agent(database).continue_run(
            run_id=run_id, return_output=True, hitl_handler=lambda requirement: requirement.supply("second by hand")
        )
        assert output.output == "arrived"
        assert self.ledger == ["first", "second", "third"]
        assert [result.split()[0] for result in results_of(output)] == ["first", "second", "third"]
        assert database.check() == []
        return output


def results_of(output: AgentRunOutput) -> list[str]:
    """The results of tool calls, in the order of the conversation."""
    return [str(message.content) for message in output.messages if message.role == "tool"]


def sail_into(trouble: Callable[[], Any], database: SqliteDatabase) -> tuple[Voyage, StoreError]:
    """Start a run, and return it with the error that the trouble ended it with."""
    voyage = Voyage(trouble)
    with pytest.raises(StoreError) as caught:
        voyage.start(database)
    assert caught.value.run_id is not None
    assert voyage.ledger == ["first", "second"]
    return voyage, caught.value


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """Let another process hold the write lock, until the yielded function is called or the block ends."""
    command = [sys.executable, "-c", _LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder.stdin.close
        holder.stdin.close()


def elsewhere(path: Path, statement: str) -> None:
    """Run one statement on the file, in another process."""
    program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()"
    subprocess.run([sys.executable, "-c", program, str(path), statement], check=True)
