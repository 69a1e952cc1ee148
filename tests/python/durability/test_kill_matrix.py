"""A process may die wherever something is written or done: the run goes on, nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import pytest

from durability.features import FEATURES
from durability.matrix import cells_of, passings_of, play_cell
from haltpoint import _engine

if TYPE_CHECKING:
    from durability.conftest import Table


@pytest.fixture(scope="session")
def passings(hands: Executor) -> dict[str, list[Counter[str]]]:
    """Which fault points each process of each feature passes, and how often."""
    return dict(zip(FEATURES, hands.map(passings_of, FEATURES), strict=True))


# Passed by who moves a run to another database, who is killed there in tests/python/databases.
_OF_MOVES = {
    *(f"{moment}_commit:{kind}" for moment in ("before", "after") for kind in ("run_moved", "run_arrived")),
    "before_import",
    "after_import",
}


def test_the_matrix_covers_every_fault_point(passings: dict[str, list[Counter[str]]]) -> None:
    covered = {point for processes in passings.values() for points in processes for point in points}
    # What workflows alone write, and what is sent to them, is killed in tests of their own.
    of_workflows = {f"{place}_commit:{kind}" for place in ("before", "after") for kind in ("steps_planned", "signal")}
    assert covered | of_workflows == set(_engine.fault_points()) - _OF_MOVES


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.timeout(600)
def test_a_run_survives_a_kill_at_every_fault_point(
    name: str, passings: dict[str, list[Counter[str]]], hands: Executor, table: Table, is_soak: bool
) -> None:
    cells = list(cells_of(name, passings[name], every_passing=is_soak))
    outcomes = list(hands.map(play_cell, cells))
    points = {cell.fault.rsplit(":", 1)[0] for cell in cells}
    kills, asked = sum(outcome.kills for outcome in outcomes), sum(outcome.asked for outcome in outcomes)
    table.rows[name] = (len(points), len(cells), kills, asked)
