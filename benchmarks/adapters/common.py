"""What every adapter shares: the job it reads, the meter it measures with, the result it prints.

Standard library only, because each adapter runs in an environment of its own. An adapter is one file that ends with

    if __name__ == "__main__":
        common.main("agno", "agno", {"sequential": sequential, "resume": resume})

where each function takes a `Job` and returns an `Outcome`. One process plays one job: the job is a JSON line on
standard input, the result is the last line of standard output. Nothing may be written to standard output after it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

# What is said in every run.
PROMPT = "Look the numbers up."
FINAL = "done"
TOOL = "lookup"
APPROVED_TOOL = "publish"
STEPS_OF_WARM_UP = 2


def lookup_result(number: int) -> str:
    """The short string that the tool `lookup(number)` returns."""
    return f"ok: {number}"


@dataclass(frozen=True)
class Job:
    """What one process plays.

    Attributes:
        scenario: "sequential", "resume", "concurrent", "cancel", "decision" or "http", or one that a script of its own
            plays.
        mode: How durable: "full", "normal", "memory", "none", or one of the adapter's own.
        steps: Tool calls in each run; for "decision" the requirements that are awaited at once.
        runs: Runs at once; for "cancel" and "decision" the number of samples.
        database: Path of the database file. Its directory is new, is this job's alone, and may hold other files.
        phase: "pause" or "continue" of "resume"; the role of a partner process; else None.
        run_id: What the phase "pause" reported, for the phase "continue".
        started: Seconds since the epoch when the parent started this process; None where nobody asked.
    """

    scenario: str
    mode: str
    steps: int
    runs: int
    database: str
    phase: str | None = None
    run_id: str | None = None
    started: float | None = None

    def scratch(self) -> str:
        """Return a new database path for the untimed warm-up, on the same disk."""
        return os.path.join(tempfile.mkdtemp(prefix="scratch-", dir=os.path.dirname(self.database)), "warm-up.db")


@dataclass
class Outcome:
    """What a scenario function hands back: the meter, and what it counted itself.

    Attributes:
        meter: The stopped meter.
        tool_calls: Executions of the tools in the measured span, counted inside of them.
        extra: Whatever else the scenario reports: `run_id`, `continue_seconds`, `engine_seconds`, `samples`,
            `idle_cpu_fraction`.
    """

    meter: Meter
    tool_calls: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


class UnsupportedError(Exception):
    """The framework cannot do this; the text, one sentence, stands in the table."""


@dataclass
class Meter:
    """What a span of this process cost: `with measured() as meter: ...`, also around `await`.

    Attributes:
        seconds: Wall time of the span.
        cpu_seconds: User and system time of this process, all threads.
        bytes_written: What the system will write to the disk for it, in whole pages; 0 where it does not tell.
        bytes_handed: What was handed to the system to be written; repeats exactly, where `bytes_written` does not.
        idle_memory_bytes: Resident memory when the span began.
        peak_memory_bytes: Highest resident memory in the span.
        began: When the span began, on the clock of `time.monotonic()`, which all processes of a machine share.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes_written: int = 0
    bytes_handed: int = 0
    idle_memory_bytes: int = 0
    peak_memory_bytes: int = 0
    began: float = 0.0


@contextmanager
def measured() -> Generator[Meter, None, None]:
    """Measure what happens inside of the `with` block; the meter is complete when the block is left."""
    _reset_peak_memory()
    handed, written = _written_bytes()
    meter = Meter(idle_memory_bytes=_status_bytes("VmRSS"), began=time.monotonic())
    cpu, began = time.process_time(), time.perf_counter()
    try:
        yield meter
    finally:
        meter.seconds = time.perf_counter() - began
        meter.cpu_seconds = time.process_time() - cpu
        meter.bytes_handed = _written_bytes()[0] - handed
        meter.bytes_written = _written_bytes()[1] - written
        meter.peak_memory_bytes = _status_bytes("VmHWM")


def expect(actual: object, expected: object, what: str) -> None:
    """Fail the measurement unless the framework did what it was asked for.

    Raises:
        RuntimeError: The two differ.
    """
    if actual != expected:
        raise RuntimeError(f"{what}: expected {expected!r}, got {actual!r}")


def seconds_since_start(job: Job) -> float:
    """Seconds since the parent started this process, for "resume"."""
    if job.started is None:
        raise RuntimeError("the job does not say when the process was started")
    return time.time() - job.started


def await_signal(job: Job) -> None:
    """With `phase="wait"`, tell the parent that all is set up, and begin when it says so; else begin at once."""
    if job.phase == "wait":
        print("ready", flush=True)
        sys.stdin.readline()


def start_partner(job: Job, role: str) -> subprocess.Popen[str]:
    """Start this same adapter once more as a second process whose job has `phase=role`; pipes carry lines of text.

    Its first line is its job, as in every process; `time.monotonic()` is the same clock in both. Close its standard
    input to end it, then `wait()`.
    """
    command = [sys.executable, os.path.abspath(sys.argv[0])]
    partner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    if partner.stdin is None:
        raise RuntimeError("the second process has no standard input")
    partner.stdin.write(json.dumps({**asdict(job), "phase": role, "started": time.time()}) + "\n")
    return partner


def file_bytes(database: str) -> int:
    """Bytes of the job's files: the database, its write-ahead log, and what else a framework keeps beside it."""
    directory = Path(database).parent
    return sum(
        path.stat().st_size
        for path in directory.rglob("*")
        if path.is_file() and not any(part.startswith("scratch-") for part in path.relative_to(directory).parts)
    )


def unsupported(reason: str) -> Callable[[Job], Outcome]:
    """Return a scenario that the framework cannot play, for that reason."""

    def play(_: Job) -> Outcome:
        raise UnsupportedError(reason)

    return play


def main(adapter: str, distribution: str | None, scenarios: Mapping[str, Callable[[Job], Outcome]]) -> None:
    """Play the job on standard input and print its result.

    Args:
        adapter: The adapter's name in the tables.
        distribution: The PyPI distribution whose version is reported; None for what has none.
        scenarios: The function that plays each scenario.
    """
    job = Job(**json.loads(sys.stdin.readline()))
    released = version(distribution) if distribution else sys.version.split()[0]
    result = {"adapter": adapter, "version": released, **_named(job)}
    if job.scenario not in scenarios:
        _print_last({**result, "unsupported": f"{adapter} does not play {job.scenario}"})
        return
    try:
        outcome = scenarios[job.scenario](job)
    except UnsupportedError as reason:
        _print_last({**result, "unsupported": str(reason)})
        return
    _print_last({**result, **_measured(job, outcome)})


def leave() -> NoReturn:
    """End a partner process at once, without a result."""
    sys.stdout.flush()
    os._exit(0)


def _named(job: Job) -> dict[str, Any]:
    return {"scenario": job.scenario, "mode": job.mode, "steps": job.steps, "runs": job.runs, "phase": job.phase}


def _measured(job: Job, outcome: Outcome) -> dict[str, Any]:
    meter = outcome.meter
    return {
        "seconds": meter.seconds,
        "cpu_seconds": meter.cpu_seconds,
        "peak_memory_bytes": meter.peak_memory_bytes,
        "bytes_written": meter.bytes_written,
        "fsyncs": None,
        "file_bytes": file_bytes(job.database),
        "tool_calls": outcome.tool_calls,
        "extra": {
            "idle_memory_bytes": meter.idle_memory_bytes,
            "bytes_handed": meter.bytes_handed,
            "began": meter.began,
            **outcome.extra,
        },
    }


def _print_last(result: Mapping[str, Any]) -> None:
    sys.stdout.write("\n" + json.dumps(result) + "\n")
    sys.stdout.flush()


def _status_bytes(name: str) -> int:
    """A size from /proc/self/status in bytes; the peak of the whole process where there is no such file."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def _reset_peak_memory() -> None:
    """Let VmHWM start again from what is resident now, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _written_bytes() -> tuple[int, int]:
    """What this process has handed to the system to be written, and what of it goes to a disk."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0, 0
    counts = dict(line.split(": ") for line in lines)
    return int(counts["wchar"]), int(counts["write_bytes"])
