"""A process forks while it has a database open and a run under way: the child hears why it can't, and never hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.programs import run_program

_FORKING = Path(__file__).with_name("forking.py")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", ["raw", "multiprocessing"])
def test_a_forked_child_is_told_clearly_and_its_parent_goes_on_unharmed(tmp_path: Path, how: str) -> None:
    finished = run_program(_FORKING, how, str(tmp_path / "runs.db"), cwd=tmp_path)
    child, parent = finished.last and finished.told
    assert child == {
        "inherited, sync": "ForkedProcessError",
        "inherited, async": "ForkedProcessError",
        "inherited, cancel": "ForkedProcessError",
        "inherited, check": "ForkedProcessError",
        "inherited, close": "None",
        "the same file anew": "ForkedProcessError",
        "another file": "answered",
        "memory": "answered",
        "cancel anything": "False",
    }
    assert parent == {"parent": "finished", "again": "answered", "problems": []}
    assert finished.errors == ""
