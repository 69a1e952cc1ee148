"""Several processes on one file, each with many runs at once.

`steps` is how many tool calls each run makes, `runs` how many runs there are in all. The mode is "1 process" or
"4 processes": they share the runs, set themselves up, and begin together. `seconds` is the time from the first one's
beginning to the last one's end; `extra.seconds_of_each` what each of them took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import common

ADAPTER = Path(__file__).with_name("haltpoint_agent.py")


def _start(job: common.Job) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, os.fspath(ADAPTER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    _send(process, json.dumps(asdict(job)))
    return process


def _send(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is None:
        raise RuntimeError("the process has no standard input")
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _await_ready(process: subprocess.Popen[str]) -> None:
    if process.stdout is None or process.stdout.readline().strip() != "ready":
        raise RuntimeError("a process ended before it was ready")


def _result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate()
    common.expect(process.returncode, 0, "exit code")
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def processes(job: common.Job) -> common.Outcome:
    """Start them, let them begin together, collect what they measured."""
    count = int(job.mode.split()[0])
    share = replace(job, scenario="concurrent", mode="full", runs=job.runs // count, phase="wait")
    started = [_start(share) for _ in range(count)]
    for process in started:
        _await_ready(process)
    with common.measured() as meter:
        for process in started:
            _send(process, "begin")
        results = [_result_of(process) for process in started]
    return common.Outcome(_summed(meter, results), sum(result["tool_calls"] for result in results), _each(results))


def _summed(meter: common.Meter, results: list[dict[str, Any]]) -> common.Meter:
    begins = [result["extra"]["began"] for result in results]
    ends = [result["extra"]["began"] + result["seconds"] for result in results]
    return replace(
        meter,
        seconds=max(ends) - min(begins),
        cpu_seconds=sum(result["cpu_seconds"] for result in results),
        bytes_written=sum(result["bytes_written"] for result in results),
        peak_memory_bytes=max(result["peak_memory_bytes"] for result in results),
        began=min(begins),
    )


def _each(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"seconds_of_each": [result["seconds"] for result in results]}


if __name__ == "__main__":
    common.main("haltpoint", "haltpoint", {"processes": processes})
