"""A workflow that is killed at each place, and continued by another process, does each thing once."""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from haltpoint import SqliteDatabase
from support.programs import Program, run_program

from . import cases

pytestmark = [pytest.mark.on_files, pytest.mark.timeout(600)]

_DRIVE = Path(__file__).with_name("drive.py")
_KINDS = ("steps_planned", "tool_started", "tool_finished", "requirement_opened", "run_paused", "run_continued")

# Around each kind of entry that the run writes, around steps, and around the body.
_POINTS = [
    *(f"{place}_commit:{kind}" for kind in _KINDS for place in ("before", "after")),
    "before_model_request",
    "after_model_reply",
    "before_tool",
    "after_tool",
]


# How often each point is passed at most; a soak passes them all.
_PASSINGS = int(os.environ.get("HALTPOINT_SOAK_PASSINGS", "2"))


def _check(folder: Path, run_id: str) -> None:
    """The run came to its end, and each step to one outcome."""
    with SqliteDatabase(folder / "runs.db") as db:
        journal = db.journal(run_id)
        assert db.verify(run_id).ok
        assert db.run(run_id).is_complete
    finished = Counter(item["entry"]["call_id"] for item in journal if item["kind"] == "tool_finished")
    planned = [call["id"] for item in journal if item["kind"] == "steps_planned" for call in item["entry"]["calls"]]
    assert finished == Counter(planned)
    assert len(planned) == 7
    started = Counter(item["entry"]["call_id"] for item in journal if item["kind"] == "tool_started")
    # All of them may be repeated, once for the one kill.
    assert sum(started.values()) <= len(planned) + 2
    effects = Counter((folder / "effects").read_text().split())
    assert effects["pay"] >= 2


@pytest.mark.parametrize("point", _POINTS)
def test_a_killed_workflow_is_continued_by_another_process(tmp_path: Path, point: str) -> None:
    kills = 0
    for passing in itertools.count(1):
        folder = tmp_path / str(passing)
        folder.mkdir()
        env = {cases.EFFECTS: str(folder / "effects")}
        fault = {**env, "HALTPOINT_FAULT": f"{point}:{passing}"}
        first = run_program(_DRIVE, str(folder / "runs.db"), cwd=folder, env=fault)
        if first.code == 0:
            break
        assert first.code == -signal.SIGKILL, first.errors
        kills += 1
        run_id = first.told[0]
        second = run_program(_DRIVE, str(folder / "runs.db"), run_id, cwd=folder, env=env)
        assert second.last == ["paid", "paid"]
        _check(folder, run_id)
        if passing == _PASSINGS:
            break
    assert kills


@pytest.mark.parametrize("seed", range(4))
def test_a_workflow_that_is_killed_at_random_comes_to_its_end(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    env = {cases.EFFECTS: str(tmp_path / "effects")}
    arguments = [str(tmp_path / "runs.db")]
    for _ in range(2):
        fault = f"{dice.choice(_POINTS)}:{dice.randint(1, 4)}"
        with Program(_DRIVE, *arguments, cwd=tmp_path, env={**env, "HALTPOINT_FAULT": fault}) as program:
            ended = program.finish()
        assert ended.code in (0, -signal.SIGKILL), ended.errors
        arguments = [arguments[0], arguments[1] if len(arguments) > 1 else ended.told[0]]
    last = run_program(_DRIVE, *arguments, cwd=tmp_path, env=env)
    assert last.last == ["paid", "paid"]
    with SqliteDatabase(tmp_path / "runs.db") as db:
        assert db.verify(arguments[1]).ok
