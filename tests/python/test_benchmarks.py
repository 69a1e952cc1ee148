"""The benchmarks: every scenario of ours can be played, what goes wrong is written down, and the sums are right."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import job
import rounds
from bounds import Bound, all_bounds
from environments import HALTPOINT
from figures import Figures, Key, Spread, seconds
from job import Play, measure
from report import report
from scenarios import SCENARIOS, Size

PYTHON = Path(sys.executable)
# Files among the adapters that play nothing themselves.
SHARED = {"common", "engine_time", "over_http", "chat_server"}
FAKE = Play("fake", HALTPOINT, "sequential", "full", 1, time_limit=30.0)


def measurement(adapter: str, number: int, **figures: Any) -> dict[str, Any]:
    named = {"scenario": "sequential", "adapter": adapter, "mode": "full", "steps": 100, "runs": 1, "phase": None}
    return {**named, "round": number, "counts_syncs": False, "load": 1.0, "extra": {}, **figures}


@pytest.fixture
def fake_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a program of the given lines the adapter `fake`."""

    def make(program: str) -> Play:
        (tmp_path / "fake.py").write_text(textwrap.dedent(program), encoding="utf-8")
        monkeypatch.setattr(job, "ADAPTERS_DIRECTORY", tmp_path)
        return FAKE

    return make


# What is played


@pytest.mark.parametrize(
    ("adapter", "scenario", "mode", "steps", "runs", "tool_calls"),
    [
        ("haltpoint_agent", "sequential", "full", 3, 1, 3),
        ("haltpoint_agent", "sequential", "memory", 3, 1, 3),
        ("haltpoint_agent", "concurrent", "normal", 3, 5, 15),
        ("haltpoint_agent", "resume", "full", 3, 1, 1),
        ("haltpoint_agent", "cancel", "full", 0, 2, 0),
        ("haltpoint_big_results", "big_results", "one run", 2, 1, 2),
        ("haltpoint_big_results", "big_results", "many runs", 2, 1, 2),
        ("haltpoint_http", "http", "full", 3, 1, 3),
        ("haltpoint_http", "http", "memory", 3, 5, 15),
        ("haltpoint_import", "import", "haltpoint", 1, 1, 0),
        ("haltpoint_processes", "processes", "4 processes", 3, 8, 24),
        ("limit", "sequential", "full", 3, 1, 3),
        ("limit", "concurrent", "none", 3, 5, 15),
        ("limit", "resume", "normal", 3, 1, 1),
    ],
)
def test_each_scenario_of_ours_can_be_played(
    adapter: str, scenario: str, mode: str, steps: int, runs: int, tool_calls: int, tmp_path: Path
) -> None:
    result = measure(Play(adapter, HALTPOINT, scenario, mode, steps, runs), PYTHON, tmp_path)
    assert result.get("failed") is None
    assert result["tool_calls"] == tool_calls
    assert result["seconds"] > 0


def test_a_file_full_of_runs_is_made_once_and_then_looked_into(tmp_path: Path) -> None:
    play = Play("haltpoint_many_runs", HALTPOINT, "many_runs", "normal", 2, 100, phase="make", database="runs.db")
    assert measure(play, PYTHON, tmp_path)["tool_calls"] == 0
    looked = measure(replace(play, phase="continue"), PYTHON, tmp_path)
    assert looked.get("failed") is None
    assert looked["tool_calls"] == 2
    assert len(looked["extra"]["continue_seconds"]) == len(looked["extra"]["page_seconds"]) == 2


def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path) -> None:
    result = measure(Play("haltpoint_agent", HALTPOINT, "resume", "memory", 1), PYTHON, tmp_path)
    assert result["unsupported"] == "runs in memory end with their process"


def test_the_peers_are_only_in_the_full_size() -> None:
    ours = {play.adapter for plays in SCENARIOS.values() for play in plays(Size(quick=True))}
    everybody = {play.adapter for plays in SCENARIOS.values() for play in plays(Size(quick=False))}
    adapters = {path.stem for path in job.ADAPTERS_DIRECTORY.glob("*.py")} - SHARED
    assert all(adapter == "limit" or adapter.startswith("haltpoint") for adapter in ours)
    assert everybody == adapters


# Processes that go wrong


def test_a_process_that_takes_too_long_is_ended_with_all_that_it_started(fake_adapter: Any, tmp_path: Path) -> None:
    play = fake_adapter(
        f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({os.fspath(tmp_path / "child")!r}, "w").write(str(child.pid))
        time.sleep(600)
        """
    )
    result = measure(replace(play, time_limit=3.0), PYTHON, tmp_path)
    assert result["too_slow"] == 3.0
    assert has_ended(int((tmp_path / "child").read_text(encoding="ascii")))


def has_ended(pid: int) -> bool:
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_a_process_that_fails_is_written_down_with_its_last_words(fake_adapter: Any, tmp_path: Path) -> None:
    result = measure(fake_adapter("raise SystemExit('no such thing')"), PYTHON, tmp_path)
    assert result["failed"] == "no such thing"
    assert "seconds" not in result


def test_a_play_that_ended_is_not_repeated_and_each_round_begins_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second, slow = (replace(FAKE, mode=mode) for mode in ("first", "second", "slow"))
    ended = {"too_slow": 1.0}

    def pretend(play: Play, _python: Path, _directory: Path) -> dict[str, Any]:
        return {"mode": play.mode, **(ended if play is slow else {})}

    monkeypatch.setattr(rounds, "measure", pretend)
    played = list(rounds.play_rounds([first, second, slow], 3, {HALTPOINT: PYTHON}, tmp_path))
    assert [each["mode"] for each in played if each["round"] == 0] == ["first", "second", "slow"]
    assert [each["mode"] for each in played if each["round"] == 1] == ["second", "first"]
    assert [each["mode"] for each in played if each["round"] == 2] == ["first", "second"]


def test_what_takes_long_is_measured_in_two_rounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rounds, "LONG_SECONDS", -1.0)
    monkeypatch.setattr(rounds, "measure", lambda *_: {"seconds": 1.0})
    played = list(rounds.play_rounds([FAKE], 5, {HALTPOINT: PYTHON}, tmp_path))
    assert [each["round"] for each in played] == [0, 1]


# What the figures come to


def test_a_ratio_is_taken_within_each_round() -> None:
    ours = [measurement("haltpoint_agent", number, seconds=value) for number, value in enumerate((1.0, 20.0, 300.0))]
    limits = [measurement("limit", number, seconds=value) for number, value in enumerate((2.0, 10.0, 400.0))]
    figures = Figures([*ours, *limits])
    key, reference = Key("sequential", "haltpoint_agent", "full", 100), Key("sequential", "limit", "full", 100)
    assert figures.ratio(key, reference, seconds) == Spread(0.75, 0.5, 2.0, 3)
    assert figures.spread(key, seconds) == Spread(20.0, 1.0, 300.0, 3)


@pytest.mark.parametrize(("ours", "holds"), [(0.7, True), (0.9, False)])
def test_a_bound_holds_or_does_not(ours: float, holds: bool) -> None:
    measurements = [measurement("haltpoint_agent", 0, seconds=ours), measurement("limit", 0, seconds=1.0)]
    (bound,) = all_bounds(Figures(measurements))
    assert (bound.limit, bound.holds) == (0.8, holds)


def test_steps_over_http_are_bound_by_their_time_and_by_that_of_each_other_client() -> None:
    measurements = [
        measurement("haltpoint_http", 0, scenario="http", seconds=0.1),
        measurement("openai_client", 0, scenario="http", mode="bare", seconds=2.0),
        measurement("pydantic_ai_http", 0, scenario="http", mode="not durable", seconds=0.5),
    ]
    bounds = all_bounds(Figures(measurements))
    assert [(bound.text, bound.measured and bound.measured.median, bound.holds) for bound in bounds] == [
        ("a step, N = 100, full", 1.0, True),
        ("time over openai_client, N = 100, full", 0.05, True),
        ("time over pydantic_ai_http, N = 100, full", 0.2, False),
    ]


def test_a_bound_from_below_holds_above_it() -> None:
    assert Bound("S6", "", 0.7, "", Spread(0.9, 0.9, 0.9, 1), at_least=True).holds
    assert not Bound("S6", "", 0.7, "", Spread(0.6, 0.6, 0.6, 1), at_least=True).holds


def test_waits_for_the_disk_are_those_that_a_step_adds() -> None:
    counted = [
        measurement("limit", 0, steps=steps, seconds=1.0, fsyncs=fsyncs, counts_syncs=True)
        for steps, fsyncs in ((10, 27), (110, 227))
    ]
    figures = Figures(counted)
    assert figures.syncs_per_step("limit", "full") == 2.0
    assert figures.keys("sequential") == []


def test_the_report_names_who_was_too_slow_and_who_failed() -> None:
    text = report(
        Figures(
            [
                measurement("agno_agent", 0, too_slow=30.0),
                measurement("haltpoint_agent", 0, failed="Traceback\nStoreError: full"),
                measurement("limit", 0, seconds=0.5),
            ]
        )
    )
    assert "| Agno, full | more than 30 s |" in text
    assert "| limit, full | 5 (one round) |" in text
    assert "`StoreError: full`" in text


def test_steps_over_http_are_reported_by_count_and_length_with_the_server_apart() -> None:
    named = {"scenario": "http", "steps": 5, "runs": 100}
    figures = {"seconds": 2.0, "cpu_seconds": 1.0, "extra": {"server_cpu_seconds": 0.5}}
    text = report(Figures([measurement("haltpoint_http", 0, **named, **figures)]))
    assert text.count("|  | 100 x 5 |") == 3
    for shown in ("4", "2", "1"):
        assert f"| haltpoint, full | {shown} (one round) |" in text
