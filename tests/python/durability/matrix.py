"""The kill matrix: every feature, every process of it, every fault point that this process passes."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from durability.features import FEATURES
from durability.histories import History

__all__ = ["Cell", "Outcome", "cells_of", "passings_of", "play_cell"]

_STOPS = ("run_queued", "run_paused", "run_cancelled", "run_failed", "run_completed")


@dataclass(frozen=True)
class Cell:
    """A kill.

    Attributes:
        feature: in which feature's run.
        process: in which of its processes, from 0.
        fault: the point and at which passing, as `HALTPOINT_FAULT` takes it.
    """

    feature: str
    process: int
    fault: str


@dataclass(frozen=True)
class Outcome:
    """What came of a cell whose run went through.

    Attributes:
        cell: the cell.
        kills: how many processes died on the way.
        asked: how often a person was asked what became of a call.
    """

    cell: Cell
    kills: int
    asked: int


def passings_of(name: str) -> list[Counter[str]]:
    """Let a feature's run go through unharmed, and return how often each of its processes passes which fault points."""
    with tempfile.TemporaryDirectory() as directory:
        history = History(FEATURES[name], Path(directory))
        passings, before = [], Counter[str]()
        for doing in history.feature.processes:
            history.step(doing)
            written = _kinds(history)
            passings.append(_passings(written - before, drives=doing not in ("cancel", "expire", "revoke", "submit")))
            before = written
        assert history.status == "COMPLETED"
        return passings


def _kinds(history: History) -> Counter[str]:
    journal = history.journal()
    run_by_tools = Counter({"tool_returned": sum("source" not in entry for entry in journal.of("tool_finished"))})
    return journal.kinds() + run_by_tools


def _passings(written: Counter[str], *, drives: bool) -> Counter[str]:
    """What the entries that a process has written tell about the points that it has passed."""
    returned = written.pop("tool_returned", 0)
    commits = Counter(written)
    # Whoever takes a run writes that it goes on.
    commits["lease_acquired"] = written["run_continued"]
    passings = Counter({f"{moment}_commit:{kind}": n for kind, n in commits.items() for moment in ("before", "after")})
    if drives:
        passings += Counter(
            before_model_request=written["model_replied"] + written["run_failed"],
            after_model_reply=written["model_replied"],
            before_tool=written["tool_started"],
            after_tool=returned + written["tool_interrupted"],
            before_reconcile=written["tool_reconciled"],
            after_reconcile=written["tool_reconciled"],
            before_stop=sum(written[kind] for kind in _STOPS),
        )
    return +passings


def cells_of(name: str, passings: list[Counter[str]], *, every_passing: bool) -> Iterator[Cell]:
    """The cells of a feature: each point at its first passing, or at every one."""
    for process, points in enumerate(passings):
        for point, number in sorted(points.items()):
            for passing in range(1, (number if every_passing else 1) + 1):
                yield Cell(name, process, f"{point}:{passing}")


def play_cell(cell: Cell) -> Outcome:
    """Kill a run at that point, continue it in new processes, and check everything."""
    with tempfile.TemporaryDirectory() as directory:
        history = History(FEATURES[cell.feature], Path(directory))
        try:
            return _play(history, cell)
        except AssertionError as error:
            error.args = (f"{cell}: {error.args[0] if error.args else ''}",)
            raise


def _play(history: History, cell: Cell) -> Outcome:
    history.first_processes(cell.process)
    assert history.step(history.feature.processes[cell.process], cell.fault), "the process passed the point alive"
    history.complete()
    return Outcome(cell, history.kills, history.check())
