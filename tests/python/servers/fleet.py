"""Workers on a server, the people who decide, and what all of it must add up to."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from typing_extensions import Self

from durability.ledger import Ledger
from haltpoint import PostgresDatabase, RequirementConflictError, RunRequirement, StoreError
from haltpoint.db import Database
from haltpoint.exceptions import RequirementNotFoundError
from support.databases import named

from .fleet_worker import cashier

__all__ = ["PATIENCE", "Fleet", "People", "WorkerProcess", "ended", "problems_of"]

_PROGRAM = Path(__file__).with_name("fleet_worker.py")
PATIENCE = 60.0


class WorkerProcess:
    """A worker under way, whose words are kept. A context manager that leaves no process behind."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None) -> None:
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self._said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def says(self, kind: str, run_id: str | None = None) -> bool:
        """Whether it has said so, of that run."""
        return any(said["kind"] == kind and run_id in (None, said["run_id"]) for said in list(self._said))

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, whatever it does."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def dismiss(self) -> None:
        """Let it end in good order."""
        self.send(signal.SIGTERM)
        assert self._process.wait(PATIENCE) == 0

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Fleet:
    """A database on a server, the workers on it, and what they note down."""

    def __init__(self, directory: Path, address: str | None = None) -> None:
        self.directory = directory
        self.address = address or str(named(directory / "runs.db"))
        self.ledger = Ledger(directory)

    def database(self, **settings: Any) -> Database:
        """Open the database."""
        return PostgresDatabase(self.address, **settings)

    def worker(
        self,
        *,
        lease_seconds: float = 30.0,
        concurrency: int = 4,
        prefix: Sequence[str] = (),
        address: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> WorkerProcess:
        """Start a worker."""
        arguments = [address or self.address, str(self.directory), str(lease_seconds), str(concurrency)]
        return WorkerProcess([*prefix, sys.executable, str(_PROGRAM), *arguments], environment)

    def submit(self, database: Database, task: str, number: int = 1) -> list[str]:
        """Submit runs, and return their ids."""
        agent = cashier(database, self.directory)
        return [agent.submit(task) for _ in range(number)]

    def shut(self, gate: str) -> Path:
        """Stop the agents at a gate until its file is removed."""
        path = self.directory / f"{gate}-gate"
        path.touch()
        return path

    def until(self, happened: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Wait until something is so that other processes bring about."""
        deadline = time.monotonic() + patience
        while not (found := happened()):
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.02)
        return found

    def began(self, tool: str) -> Counter[str]:
        """How often each run's call of that tool began."""
        return Counter(line["run_id"] for line in self.ledger.lines("began") if line["tool"] == tool)


class People:
    """Approvers who decide side by side, two on each requirement; what they were told is on disk is kept.

    Args:
        database: where they decide.
        ledger: where they look up what became of a call in doubt.
        number: how many they are.
    """

    def __init__(self, database: Database, ledger: Ledger, number: int = 20) -> None:
        self._database = database
        self._ledger = ledger
        self._number = number
        self._names = random.Random(7)
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.conflicts = 0

    def decide_until(self, is_over: Callable[[], bool], patience: float) -> None:
        """Decide whatever is asked until something is so."""
        deadline = time.monotonic() + patience
        asked: dict[str, list[Future[None]]] = {}
        with ThreadPoolExecutor(self._number) as people:
            while not self._is(is_over):
                assert time.monotonic() < deadline, "the runs do not come to their end"
                for requirement in self._waiting():
                    if all(word.done() for word in asked.get(requirement.id, [])):
                        asked[requirement.id] = [people.submit(self._decide, requirement.id) for _ in range(2)]
                time.sleep(0.05)
        for words in asked.values():
            for word in words:
                word.result()

    def _is(self, is_over: Callable[[], bool]) -> bool:
        try:
            return is_over()
        except StoreError:
            return False

    def _waiting(self) -> list[RunRequirement]:
        try:
            return self._database.requirements(limit=200)
        except StoreError:
            return []

    def _decide(self, requirement_id: str) -> None:
        name = f"approver {self._names.randrange(self._number)}"
        try:
            for requirement in self._database.requirements(id_prefix=requirement_id):
                self._answer(requirement, name)
                requirement.commit()
                self.acknowledged[requirement_id] = {"by": name, "decision": requirement.decision}
        except (RequirementConflictError, RequirementNotFoundError):
            self.conflicts += 1
        except StoreError:
            # The server is away: they are asked again.
            return

    def _answer(self, requirement: RunRequirement, name: str) -> None:
        if requirement.kind == "confirmation":
            requirement.confirm(by=name)
            return
        call = requirement.tool_execution.tool_call_id
        if self._ledger.has("began", call=call, run_id=requirement.run_id):
            requirement.supply("the books say that it was paid", by=name)
        else:
            requirement.retry(by=name)

    def check(self) -> None:
        """What they were told is on disk is there."""
        for requirement_id, word in self.acknowledged.items():
            (found,) = self._database.requirements(id_prefix=requirement_id, open_only=False)
            assert found.decision is not None, requirement_id
            assert found.decision["type"] == word["decision"]["type"]


def ended(database: Database, run_ids: Sequence[str]) -> bool:
    """Whether all of these runs are completed."""
    return database.count_runs(status="COMPLETED") == len(run_ids)


def problems_of(database: Database, run_ids: Sequence[str]) -> list[str]:
    """What is wrong with the runs or the database; nothing, if all is well."""
    broken = [run_id for run_id in run_ids if not database.verify(run_id).ok]
    unfinished = [run_id for run_id in run_ids if database.run(run_id).output != "finished"]
    return [*broken, *unfinished, *database.check()]
