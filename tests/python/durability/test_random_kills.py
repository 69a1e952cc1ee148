"""Kills and collisions at moments that nobody has chosen. The seed of each round is in its failure."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from durability.features import FEATURES
from durability.histories import History
from durability.processes import Participant

if TYPE_CHECKING:
    from durability.conftest import Table

_NAMES = list(FEATURES)
_KILLS_IN_SOAK, _KILLS_IN_PASSING = 300, 20
_ROUNDS_IN_SOAK, _ROUNDS_IN_PASSING = 50, 5

# A process of these runs takes some 50 ms from its fork to its end.
_LONGEST_DELAY = 0.08
_MOST_KILLS_PER_RUN = 6

# How a process may end that was not alone: with the run as it is then, or told that somebody else was first.
_FAIR = ("COMPLETED", "CANCELLED", "PAUSED", "done", "ModelError", "RunBusyError", "RequirementConflictError")


def play_random_kills(seed: int) -> tuple[int, int]:
    """Kill a run again and again, then let it go through; returns the kills and how often a person was asked."""
    return _with_history(seed, _kill_at_random)


def _kill_at_random(history: History, chance: random.Random) -> None:
    for _ in range(chance.randint(1, _MOST_KILLS_PER_RUN)):
        doing = "start" if history.run_id is None else chance.choice(["go on", "decide", "decide"])
        with history.process(doing) as process:
            history.kills += process.killed_within(chance.uniform(0, _LONGEST_DELAY))


def play_a_collision(seed: int) -> tuple[int, int]:
    """Let two processes continue a run and a third cancel it, all at once, then let it go through."""
    return _with_history(seed, _collide)


def _collide(history: History, chance: random.Random) -> None:
    history.first_processes(chance.randint(1, len(history.feature.processes) - 1))
    doings = ["decide", "decide", "cancel"]
    chance.shuffle(doings)
    with ExitStack() as stack:
        processes: list[Participant] = []
        for doing in doings:
            processes.append(stack.enter_context(history.process(doing)))
            time.sleep(chance.uniform(0, 0.02))
        told = [process.finish() for process in processes]
    for ended in told:
        assert not ended.killed
        assert ended.told["status"] in _FAIR, ended


def _with_history(seed: int, play: Callable[[History, random.Random], None]) -> tuple[int, int]:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        history = History(FEATURES[chance.choice(_NAMES)], Path(directory))
        try:
            play(history, chance)
            history.complete()
            return history.kills, history.check()
        except AssertionError as error:
            error.args = (f"seed {seed}, {history.feature.name}: {error.args[0] if error.args else ''}",)
            raise


@pytest.mark.timeout(1200)
def test_a_run_survives_kills_at_random_moments(hands: Executor, table: Table, is_soak: bool) -> None:
    wanted = _KILLS_IN_SOAK if is_soak else _KILLS_IN_PASSING
    rounds, kills, asked = 0, 0, 0
    while kills < wanted:
        seeds = [random.randrange(2**32) for _ in range(8)]
        outcomes = list(hands.map(play_random_kills, seeds))
        rounds, kills = rounds + len(seeds), kills + sum(killed for killed, _ in outcomes)
        asked += sum(asked for _, asked in outcomes)
    table.rows["random moments"] = (0, rounds, kills, asked)


@pytest.mark.timeout(1200)
def test_two_resumers_and_a_canceller_at_once_do_no_harm(hands: Executor, is_soak: bool, table: Table) -> None:
    rounds = _ROUNDS_IN_SOAK if is_soak else _ROUNDS_IN_PASSING
    outcomes = list(hands.map(play_a_collision, [random.randrange(2**32) for _ in range(rounds)]))
    kills, asked = sum(killed for killed, _ in outcomes), sum(asked for _, asked in outcomes)
    table.rows["two resumers, one canceller"] = (0, rounds, kills, asked)
