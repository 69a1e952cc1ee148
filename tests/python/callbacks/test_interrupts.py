"""Ctrl-C, and code that raises what it raises: the caller gets a KeyboardInterrupt, and the next run works."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from support.programs import Program, run_program

PROGRAM = Path(__file__).with_name("interrupted.py")
FORMS = ("do", "do_async")


@pytest.mark.parametrize("name", ["raise_it", "raise_it_async"])
@pytest.mark.parametrize("form", FORMS)
def test_a_tool_that_raises_it_cancels_its_run(tmp_path: Path, form: str, name: str) -> None:
    finished = run_program(PROGRAM, form, str(tmp_path / "runs.db"), name, cwd=tmp_path)
    assert finished.last == ["PAUSED", ["recovery"]]
    assert finished.told == [{"interrupted": "CANCELLED"}, "fine", finished.last]


@pytest.mark.parametrize("form", FORMS)
def test_ctrl_c_stops_an_async_tool(tmp_path: Path, form: str) -> None:
    with Program(PROGRAM, form, str(tmp_path / "runs.db"), "wait_async", cwd=tmp_path) as program:
        program.hear()
        program.interrupt()
        finished = program.finish()
    assert finished.last == ["PAUSED", ["recovery"]]
    assert finished.told[1:3] == [{"interrupted": "CANCELLED"}, "fine"]


@pytest.mark.parametrize("form", FORMS)
def test_ctrl_c_waits_for_a_plain_tool(tmp_path: Path, form: str) -> None:
    with Program(PROGRAM, form, str(tmp_path / "runs.db"), "wait", cwd=tmp_path) as program:
        program.hear()
        program.interrupt()
        program.hear()
        program.say("")
        finished = program.finish()
    assert finished.last == ["COMPLETED", []]
    assert finished.told[2:4] == [{"interrupted": "CANCELLED"}, "fine"]


# Before Python 3.11 the second one ends `asyncio.run` without a word to its tasks.
@pytest.mark.parametrize("form", FORMS if sys.version_info >= (3, 11) else FORMS[:1])
def test_a_second_ctrl_c_waits_for_nothing(tmp_path: Path, form: str) -> None:
    with Program(PROGRAM, form, str(tmp_path / "runs.db"), "wait", cwd=tmp_path) as program:
        program.hear()
        program.interrupt()
        program.hear()
        # Two that come together are one.
        time.sleep(0.2)
        program.interrupt()
        finished = program.finish()
    assert finished.last == ["PAUSED", ["recovery"]]
    assert finished.told[2:4] == [{"interrupted": "CANCELLED"}, "fine"]
