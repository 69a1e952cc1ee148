"""One run's history through several processes, and what must be true of it whatever happened to them."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durability.features import Feature
from durability.ledger import Ledger
from durability.processes import Participant, inspect, participate
from support.databases import is_server, opened

__all__ = ["Counts", "History", "Journal"]

# More processes than any run needs to come to its end.
_MOST_PROCESSES = 12


@dataclass
class Counts:
    """What a number of histories add up to."""

    points: set[str] = field(default_factory=set)
    histories: int = 0
    kills: int = 0
    asked: int = 0


class Journal:
    """A run's journal as `export` tells it."""

    def __init__(self, export: str) -> None:
        _, *lines = export.splitlines()
        self.entries: list[tuple[str, dict[str, Any]]] = [
            (entry["kind"], entry["entry"]) for entry in map(json.loads, lines)
        ]

    def of(self, kind: str, /, **facts: Any) -> list[dict[str, Any]]:
        """The entries of a kind that hold these facts."""
        return [entry for each, entry in self.entries if each == kind and facts.items() <= entry.items()]

    def kinds(self) -> Counter[str]:
        """How many entries there are of each kind."""
        return Counter(kind for kind, _ in self.entries)


class History:
    """A feature's run, process by process.

    Args:
        feature: what runs.
        directory: its database and its ledger.
    """

    def __init__(self, feature: Feature, directory: Path) -> None:
        self.feature = feature
        self.ledger = Ledger(directory)
        self._directory = directory
        self.kills = 0

    def process(self, doing: str, fault: str | None = None) -> Participant:
        """Start a process that does one thing."""
        arguments = (str(self._directory), self.feature.name, doing, self.run_id)
        return Participant(participate, *arguments, fault=fault)

    def step(self, doing: str, fault: str | None = None) -> bool:
        """Let a process do one thing to its end, and say whether it was killed."""
        with self.process(doing, fault) as process:
            killed = process.finish().killed
        self.kills += killed
        return killed

    def first_processes(self, number: int) -> None:
        """Go through that many of the feature's processes."""
        for doing in self.feature.processes[:number]:
            self.step(doing)

    @property
    def run_id(self) -> str | None:
        """The run, as soon as it is on disk."""
        row = self._row()
        return None if row is None else row[0]

    @property
    def status(self) -> str | None:
        """The run's status as it is stored."""
        row = self._row()
        return None if row is None else row[1]

    def _row(self) -> tuple[str, str] | None:
        path = self._directory / "runs.db"
        if is_server():
            with opened(path) as database:
                found = database.runs()
            assert len(found) <= 1
            return (str(found[0].run_id), found[0].status.value) if found else None
        if not path.exists():
            return None
        with closing(sqlite3.connect(path)) as connection:
            # A process may have been killed before the tables were there.
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchall():
                return None
            rows = connection.execute("SELECT run_id, status FROM runs").fetchall()
        assert len(rows) <= 1
        return rows[0] if rows else None

    def journal(self) -> Journal:
        """The run's journal; the database must be in order."""
        assert self.run_id is not None
        with Participant(inspect, str(self._directory), self.run_id) as process:
            told = process.finish().told
        assert told["problems"] == []
        return Journal(told["export"])

    def complete(self) -> None:
        """Continue in new processes, deciding what is asked, until the run is completed."""
        for _ in range(_MOST_PROCESSES):
            if self.run_id is None:
                # Nothing was ever on disk: then nothing may have happened either.
                assert self.ledger.lines() == []
                self.step("start")
            elif self.status == "COMPLETED":
                return
            else:
                self.step("decide")
        raise AssertionError(f"the run has not come to its end: {self.status}, {self.ledger.lines()}")

    def check(self) -> int:
        """Check what must be true of a completed run, and return how often a person was asked about a call in doubt."""
        journal = self.journal()
        assert self.status == "COMPLETED"
        assert self.ledger.lines("malformed") == []
        check_outcomes(journal)
        check_effects(journal, self.ledger)
        check_decisions(journal, self.ledger)
        return len(journal.of("requirement_opened", kind="recovery"))


def check_outcomes(journal: Journal) -> None:
    """Each call that the model made has exactly one outcome, and was not started after it."""
    planned = [call["id"] for reply in journal.of("model_replied") for call in reply.get("calls", ())]
    finished = [entry["call_id"] for entry in journal.of("tool_finished")]
    assert sorted(finished) == sorted(planned)
    for call_id in planned:
        story = [kind for kind, entry in journal.entries if entry.get("call_id") == call_id]
        assert story[-1] == "tool_finished", story
    assert journal.entries[-1][0] == "run_completed"
    assert journal.kinds()["run_completed"] == 1


def check_effects(journal: Journal, ledger: Ledger) -> None:
    """No tool ran without its start on disk, none twice under one start, none again unless that was allowed."""
    began = ledger.lines("began")
    attempts = [(line["call"], line["attempt"]) for line in began]
    assert len(attempts) == len(set(attempts))
    for line in began:
        assert journal.of("tool_started", call_id=line["call"], attempt=line["attempt"])
        assert {other["key"] for other in began if other["call"] == line["call"]} == {line["key"]}
    for call_id, number in Counter(call for call, _ in attempts).items():
        if not any(line.get("repeatable") for line in began if line["call"] == call_id):
            assert number <= 1 + len(_decisions_on(journal, call_id, "retry"))
    for entry in journal.of("tool_finished"):
        if entry.get("source", "tool") == "tool":
            assert entry["call_id"] in dict(attempts), "an outcome of a tool that never ran"
        elif entry["source"] in ("rejected", "external", "user", "refused"):
            assert entry["call_id"] not in dict(attempts), "a tool ran that must not"


def check_decisions(journal: Journal, ledger: Ledger) -> None:
    """What a person was told to be on disk is there, once, and is what happened."""
    decided = {entry["requirement_id"]: entry["decision"] for entry in journal.of("requirement_decided")}
    assert len(decided) == len(journal.of("requirement_decided"))
    for line in ledger.lines("acknowledged"):
        assert _without_none(decided[line["requirement"]]) == _without_none(line["decision"])
    for requirement_id, decision in decided.items():
        (opened,) = journal.of("requirement_opened", requirement_id=requirement_id)
        (outcome,) = journal.of("tool_finished", call_id=opened["call_id"])
        check_honoured(decision, outcome, ledger)


def check_honoured(decision: dict[str, Any], outcome: dict[str, Any], ledger: Ledger) -> None:
    """The outcome is what the decision says, or what came of a later one on the same call."""
    source, content = outcome.get("source", "tool"), outcome["content"]
    if decision["type"] in ("confirm", "retry"):
        assert source in ("tool", "supplied", "skipped", "reconciled")
    elif decision["type"] == "reject":
        assert source == "rejected"
        assert decision["note"] in content
    elif decision["type"] in ("result", "supply"):
        assert content == decision["content"]
    elif decision["type"] == "input":
        name = decision["values"]["name"]
        assert name in content
        began = [line for line in ledger.lines("began") if line["call"] == outcome["call_id"]]
        assert all(line["name"] == name for line in began)


def _decisions_on(journal: Journal, call_id: str, kind: str) -> Sequence[dict[str, Any]]:
    of_call = {entry["requirement_id"] for entry in journal.of("requirement_opened", call_id=call_id)}
    decided = journal.of("requirement_decided")
    return [entry for entry in decided if entry["requirement_id"] in of_call and entry["decision"]["type"] == kind]


def _without_none(decision: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in decision.items() if value is not None}
