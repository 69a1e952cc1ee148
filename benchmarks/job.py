"""One measurement: a fresh process in an adapter's environment, which is given a job and prints a result."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any

Measurement = dict[str, Any]

ADAPTERS_DIRECTORY = Path(__file__).with_name("adapters")
SYNC_CALLS = "fsync,fdatasync,sync_file_range,msync"


@dataclass(frozen=True)
class Play:
    """What is measured, in each round anew.

    Attributes:
        adapter: file name, without its ending, in `adapters/`.
        environment: the virtual environment that it runs in.
        scenario: what the adapter is asked to play.
        mode: how durable.
        steps: tool calls in each run.
        runs: runs at once, or samples.
        phase: a variant of the scenario.
        rounds: in how many rounds at most; None for all.
        time_limit: seconds after which a process is killed and written down as too slow.
        database: name of a file that several plays use, one after the other; None for a new one each time.
        counts_syncs: whether waits for the disk are counted. That takes time, so nothing is timed then.
    """

    adapter: str
    environment: str
    scenario: str
    mode: str
    steps: int
    runs: int = 1
    phase: str | None = None
    rounds: int | None = None
    time_limit: float = 60.0
    database: str | None = None
    counts_syncs: bool = False

    def __str__(self) -> str:
        shown = f"{self.scenario} {self.adapter} {self.mode} steps={self.steps} runs={self.runs}"
        return f"{shown} {self.phase or ''}{' (syncs)' if self.counts_syncs else ''}".strip()


class _TooSlowError(Exception):
    """The process took longer than it may."""


class _FailedError(Exception):
    """The process failed; the text says how."""


def measure(play: Play, python: Path, directory: Path) -> Measurement:
    """Play once.

    Args:
        play: what to measure.
        python: interpreter of the adapter's environment.
        directory: where database files are made, on the disk that is measured.

    Returns:
        What the adapter printed, and `load`, how many processes of the machine wanted to run; or, instead of figures,
        `too_slow` (seconds) or `failed` (text).
    """
    named = {"scenario": play.scenario, "mode": play.mode, "steps": play.steps, "runs": play.runs, "phase": play.phase}
    try:
        result = _measured(play, python, directory)
    except _TooSlowError:
        result = {"adapter": play.adapter, "too_slow": play.time_limit}
    except _FailedError as failure:
        result = {"adapter": play.adapter, "failed": str(failure)}
    # The play's own words, so that a result in two phases has the name of the whole.
    ours = {"adapter": play.adapter, "counts_syncs": play.counts_syncs, "load": os.getloadavg()[0]}
    return {**result, **named, **ours}


def _measured(play: Play, python: Path, directory: Path) -> Measurement:
    with tempfile.TemporaryDirectory(dir=directory) as fresh:
        database = directory / play.database if play.database else Path(fresh) / "runs.db"
        job = _job(play, database)
        if play.scenario != "resume":
            return _processed(play, python, job)
        paused = _processed(play, python, {**job, "phase": "pause"})
        if "unsupported" in paused:
            return paused
        continuing = {**job, "phase": play.phase or "continue", "run_id": paused["extra"]["run_id"]}
        return _processed(play, python, continuing)


def _job(play: Play, database: Path) -> dict[str, Any]:
    return {
        "scenario": play.scenario,
        "mode": play.mode,
        "steps": play.steps,
        "runs": play.runs,
        "database": os.fspath(database),
        "phase": play.phase,
        "run_id": None,
    }


def _processed(play: Play, python: Path, job: Mapping[str, Any]) -> Measurement:
    command = [os.fspath(python), os.fspath(ADAPTERS_DIRECTORY / f"{play.adapter}.py")]
    if not play.counts_syncs:
        return _result(command, job, play.time_limit)
    with tempfile.NamedTemporaryFile("r") as counts:
        options = ["--seccomp-bpf", "-f", "-qq", "-c", "-e", f"trace={SYNC_CALLS}", "-o", counts.name]
        result = _result(["strace", *options, *command], job, play.time_limit)
        return {**result, "fsyncs": _sum_of_calls(counts.read())}


def _result(command: list[str], job: Mapping[str, Any], time_limit: float) -> Measurement:
    line = json.dumps({**job, "started": time.time()}) + "\n"
    # A session of its own, so that processes that an adapter starts can be ended with it.
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True) as process:
        try:
            output, errors = process.communicate(line, timeout=time_limit)
        except TimeoutExpired as expired:
            raise _TooSlowError from expired
        finally:
            _end_group(process)
    if process.returncode != 0:
        raise _FailedError("\n".join(errors.splitlines()[-20:]) or f"exit code {process.returncode}")
    result: Measurement = json.loads(output.strip().splitlines()[-1])
    return result


def _end_group(process: Popen[str]) -> None:
    with suppress(ProcessLookupError):  # all of them are gone
        os.killpg(process.pid, signal.SIGKILL)


def _sum_of_calls(table: str) -> int:
    """The calls of strace's summary: rows of percentage, seconds, microseconds a call, calls, perhaps errors, name."""
    names = SYNC_CALLS.split(",")
    rows = [line.split() for line in table.splitlines()]
    return sum(int(row[3]) for row in rows if row and row[-1] in names)
