"""Workers in processes of their own, and the runs that they find."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from typing_extensions import Self

from haltpoint.db import Database
from support.command import COMMAND
from support.databases import named, opened

from .crew import CLERK, LEDGER

__all__ = ["WorkerProcess", "Yard"]

_HERE = Path(__file__).parent
_PATIENCE = 30.0


class WorkerProcess:
    """`haltpoint worker` under way. A context manager that leaves no process behind."""

    def __init__(self, yard: Yard, target: str, *options: str, env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [COMMAND, "worker", target, "--json", *options],
            cwd=_HERE,
            env={**os.environ, **yard.environment, "PYTHONWARNINGS": "error", **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def until(self, kind: str, run_id: str | None = None) -> Any:
        """Read its progress up to something of that kind, and return that."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            progress = json.loads(line)
            if progress["kind"] == kind and run_id in (None, progress["run_id"]):
                return progress
        raise AssertionError(f"the worker ended before it said {kind}: {self._errors()}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kinds_until_its_end(self) -> list[str]:
        """Wait until it ends in good order, and return what it said on its way."""
        out, errors = self._process.communicate(timeout=_PATIENCE)
        assert self._process.returncode == 0, errors
        return [json.loads(line)["kind"] for line in out.splitlines()]

    def wait(self) -> int:
        """Wait until it has ended, however."""
        return self._process.wait(_PATIENCE)

    def _errors(self) -> str:
        return self._process.communicate(timeout=_PATIENCE)[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


class Yard:
    """A database with runs for workers, and what they note down."""

    def __init__(self, path: Path) -> None:
        self.db_file = path / "runs.db"
        self._ledger = path / "ledger.txt"
        self.environment = {"HALTPOINT_DB": str(named(self.db_file)), LEDGER: str(self._ledger)}

    def submit(self, *tasks: str) -> list[str]:
        """Submit runs of the clerk, and return their ids."""
        with self.database() as database:
            agent = CLERK.on_database(database)
            return [agent.submit(task) for task in tasks]

    def database(self) -> Database:
        """Open the database."""
        return opened(self.db_file)

    def ask(self, question: Callable[[Database], Any]) -> Any:
        """Ask the database something."""
        with self.database() as database:
            return question(database)

    def status(self, run_id: str) -> str:
        """Return a run's status."""
        return str(self.ask(lambda database: database.run(run_id).status))

    def kinds(self, run_id: str) -> list[str]:
        """Return the kinds of a run's entries."""
        return [entry["kind"] for entry in self.ask(lambda database: database.journal(run_id))]

    def decide(self, run_id: str) -> None:
        """Confirm what a run asks for."""
        with self.database() as database:
            for requirement in database.requirements(run_id=run_id):
                requirement.confirm(by="ann")
                requirement.commit()

    def until(self, happened: Callable[[], Any]) -> None:
        """Wait until something is so that other processes bring about."""
        deadline = time.monotonic() + _PATIENCE
        while not happened():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.02)

    def notes(self) -> list[str]:
        """Return what was noted down."""
        return self._ledger.read_text().splitlines() if self._ledger.exists() else []

    def worker(self, *options: str, target: str = "crew:AGENTS", env: Mapping[str, str] | None = None) -> WorkerProcess:
        """Start a worker."""
        return WorkerProcess(self, target, *options, env=env)
