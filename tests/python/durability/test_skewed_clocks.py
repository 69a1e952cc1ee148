"""Wall clocks that differ: no accepted decision is held against its run, and no time that is over is given back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = Path(__file__).with_name("skewed.py")
_PATIENCE = 60.0
_HOUR = 3600
_SOUND = "verified True"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the wall clock is put in front of the C library's")


class Clockmaker:
    """Runs the program in new processes, each with a clock of its own."""

    def __init__(self, library: Path, database: Path) -> None:
        self._library = library
        self._database = database

    def run(self, off: int, *arguments: str) -> list[str]:
        """Run it with a wall clock that is so many seconds ahead, and return the lines that it said."""
        environment = dict(os.environ, LD_PRELOAD=str(self._library), SKEW_SECONDS=str(off))
        command = [sys.executable, str(_PROGRAM), str(self._database), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def processes(skewed_clock: Path, tmp_path: Path) -> Clockmaker:
    return Clockmaker(skewed_clock, tmp_path / "runs.db")


def test_a_decision_from_a_clock_behind_counts(processes: Clockmaker) -> None:
    assert processes.run(_HOUR, "ask") == [_SOUND]
    assert processes.run(0, "decide", "1") == [_SOUND]
    assert processes.run(-_HOUR, "decide", "2") == [_SOUND]
    assert processes.run(-_HOUR, "continue") == ["END", _SOUND]


def test_a_time_that_is_over_is_not_given_back(processes: Clockmaker) -> None:
    processes.run(0, "ask")
    assert processes.run(61, "decide", "1") == ["RequirementExpiredError", _SOUND]
    for off in (0, -_HOUR):
        assert processes.run(off, "decide", "1") == ["RequirementExpiredError", _SOUND]
        assert processes.run(off, "decide", "2") == ["RequirementExpiredError", _SOUND]
    assert processes.run(-_HOUR, "continue") == ["END", _SOUND]


def test_what_one_clock_shows_to_be_over_another_one_does_not_undo(processes: Clockmaker) -> None:
    processes.run(0, "ask")
    assert processes.run(61, "expire") == ["2", _SOUND]
    assert processes.run(0, "expire") == ["0", _SOUND]
    assert processes.run(0, "decide", "2") == ["RequirementExpiredError", _SOUND]


def test_a_run_is_taken_up_by_clocks_ahead_and_behind(processes: Clockmaker) -> None:
    processes.run(2 * _HOUR, "ask")
    processes.run(_HOUR, "decide", "1")
    assert processes.run(0, "continue") == ["None", _SOUND]
    processes.run(-_HOUR, "decide", "2")
    assert processes.run(_HOUR, "continue") == ["END", _SOUND]


def test_a_clock_before_1970_is_refused_with_advice(processes: Clockmaker) -> None:
    assert processes.run(-60 * 365 * 24 * _HOUR, "ask") == ["StoreError", "before 1970"]
