"""Code of a run forks and comes back in the child: the child ends, and the run is its parent's alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.programs import run_program

_PROGRAM = Path(__file__).with_name("forks_within_runs.py")
_STATUS = {"returns": 0, "raises": 1, "exits": 3}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("call", ["sync", "async"])
@pytest.mark.parametrize("how", _STATUS)
@pytest.mark.parametrize("where", ["plain tool", "async tool", "async model", "async rule"])
def test_a_child_that_comes_back_from_code_of_a_run_ends(tmp_path: Path, where: str, how: str, call: str) -> None:
    finished = run_program(_PROGRAM, where, how, call, str(tmp_path / "runs.db"), cwd=tmp_path)
    assert finished.last == {"answer": "finished", "later": True, "child": _STATUS[how], "problems": []}
    assert ("in the child" in finished.errors) == (how == "raises")
