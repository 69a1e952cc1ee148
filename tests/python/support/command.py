"""The installed command `haltpoint`, run in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pexpect
from typing_extensions import Self

from support.databases import named
from support.replies import wants

__all__ = ["COMMAND", "DELIVER", "ENGRAVE", "PAINT", "CommandLine", "Followed", "Printed", "StartRun"]

COMMAND = Path(sysconfig.get_path("scripts")) / "haltpoint"

_PATIENCE = 30

PAINT = wants("paint", color="red")
ENGRAVE = wants("engrave", font="serif")
DELIVER = wants("deliver", address="Main St")

# Starts a run of a model that says so, and returns the run's id.
StartRun = Callable[..., str]


@dataclass(frozen=True)
class Printed:
    """What a command printed, and how it ended.

    Attributes:
        code: its exit code.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The lines of the output, each as its fields."""
        assert self.code == 0, self.err
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def records(self) -> list[Any]:
        """The lines of the output as JSON."""
        assert self.code == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def record(self) -> Any:
        """The output as one JSON document."""
        (record,) = self.records
        return record

    @property
    def error(self) -> Any:
        """What `--json` says of an error."""
        return json.loads(self.err)


class CommandLine:
    """Runs commands on one database file."""

    def __init__(self, db_file: Path) -> None:
        self.db_file = db_file

    def __call__(self, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Printed:
        """Run a command to its end, through pipes."""
        finished = subprocess.run(
            [COMMAND, *arguments],
            input=stdin,
            env=self._environment(env),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        return Printed(finished.returncode, finished.stdout, finished.stderr)

    def follow(self, *arguments: str) -> Followed:
        """Start a command whose lines are read as they come."""
        return Followed([str(COMMAND), *arguments], self._environment(None))

    def at_terminal(self, *arguments: str, columns: int = 100, env: Mapping[str, str] | None = None) -> Any:
        """Start a command at a terminal, as pexpect's process."""
        return pexpect.spawn(
            str(COMMAND),
            list(arguments),
            env=self._environment(env),
            encoding="utf-8",
            dimensions=(50, columns),
            timeout=_PATIENCE,
            # The tests before may have any number of files open, of which select() knows the first 1,024.
            use_poll=True,
        )

    def shown(self, *arguments: str, columns: int = 100, env: Mapping[str, str] | None = None) -> str:
        """Run a command to its end at a terminal, and return all that it sent."""
        terminal = self.at_terminal(*arguments, columns=columns, env=env)
        terminal.expect(pexpect.EOF)
        terminal.close()
        return str(terminal.before)

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        settings = {"HALTPOINT_DB": str(named(self.db_file)), "PYTHONWARNINGS": "error", "TERM": "xterm-256color"}
        return {**os.environ, **settings, **(more or {})}


class Followed:
    """A command under way whose lines are read as they come. A context manager that leaves no process behind."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        """Wait for the next line."""
        return _stream(self.process.stdout).readline().rstrip("\n")

    def record(self) -> Any:
        """Wait for the next line, and read it as JSON."""
        return json.loads(self.line())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(_PATIENCE)
        _stream(self.process.stdout).close()
        _stream(self.process.stderr).close()


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
