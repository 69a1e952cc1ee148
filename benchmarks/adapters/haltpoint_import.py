"""How long `import haltpoint` takes: fresh interpreters, alternating with one that does nothing.

Each of `runs` samples is a pair of processes. `seconds` is the median difference of the pairs; `steps` says what the
second process does: 0 imports the package, 1 also takes Agent and SqliteDatabase from it and makes a tool.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import common

NOTHING = "pass"
PACKAGE = "import haltpoint"
FIRST_TOOL = '''
from haltpoint import Agent, SqliteDatabase, tool

@tool
def lookup(number: int) -> str:
    """Look a number up."""
    return f"ok: {number}"
'''


def _seconds_of(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began


def sampled(job: common.Job, program: str) -> common.Outcome:
    """Take `runs` samples, after one that fills the caches."""
    _seconds_of(program)
    with common.measured() as meter:
        samples = [_seconds_of(program) - _seconds_of(NOTHING) for _ in range(job.runs)]
    meter.seconds = statistics.median(samples)
    return common.Outcome(meter, 0, {"samples": samples})


def importing(job: common.Job) -> common.Outcome:
    """The package, or what a first tool needs."""
    return sampled(job, FIRST_TOOL if job.steps else PACKAGE)


if __name__ == "__main__":
    common.main("haltpoint", "haltpoint", {"import": importing})
