"""Programs in processes of their own: run to their end, or met half-way, interrupted and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Self

__all__ = ["Finished", "Program", "run_program", "tell"]

_TESTS = Path(__file__).parents[1]
_PATIENCE = 60.0
_MARK = "told: "


def tell(fact: Any) -> None:
    """Tell the test a fact; called in the program."""
    sys.stdout.write(f"{_MARK}{json.dumps(fact)}\n")
    sys.stdout.flush()


@dataclass
class Finished:
    """A program that has ended.

    Attributes:
        code: its exit status; the negative number of the signal that ended it.
        told: what it told, in order.
        errors: what it wrote to standard error.
    """

    code: int
    told: list[Any]
    errors: str

    @property
    def last(self) -> Any:
        """What it told last, when it ended well."""
        assert self.code == 0, self.errors
        return self.told[-1]


class Program:
    """A Python program under way. A context manager that leaves no process behind."""

    def __init__(self, path: Path, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self._told: list[Any] = []
        self._errors = (cwd / f"{path.stem}-{os.urandom(4).hex()}.err").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(path), *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(_TESTS), **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def hear(self) -> Any:
        """Wait for the next fact that it tells."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(_MARK):
                self._told.append(json.loads(line.removeprefix(_MARK)))
                return self._told[-1]
        raise AssertionError(f"the program ended early: {self.finish().errors}")

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def kill(self) -> Finished:
        """Kill it, with no chance to tidy up."""
        self._process.kill()
        return self.finish()

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def finish(self) -> Finished:
        """Wait until it ends."""
        assert self._process.stdout is not None
        lines = [line for line in self._process.stdout if line.startswith(_MARK)]
        self._told += [json.loads(line.removeprefix(_MARK)) for line in lines]
        code = self._process.wait(_PATIENCE)
        self._errors.seek(0)
        return Finished(code, self._told, self._errors.read())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()


def run_program(path: Path, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Finished:
    """Run a program to its end."""
    with Program(path, *arguments, cwd=cwd, env=env) as program:
        return program.finish()
