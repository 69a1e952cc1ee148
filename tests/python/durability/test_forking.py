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
        "the parent's run, cancel": "ForkedProcessError",
        "inherited, check": "ForkedProcessError",
        "inherited, close": "None",
        "the same file anew": "ForkedProcessError",
        "another file": "answered",
        "memory": "answered",
        "cancel anything": "False",
    }
    assert parent == {"parent": "finished", "again": "answered", "problems": []}
    assert finished.errors == ""


@pytest.mark.timeout(60)
def test_no_lock_that_another_thread_holds_at_the_fork_stops_the_child(tmp_path: Path) -> None:
    times = 40
    finished = run_program(_FORKING, "fork_while_busy", str(times), cwd=tmp_path)
    assert finished.last == [{"child": "finished"}] * times
    assert finished.errors == ""


@pytest.mark.timeout(60)
def test_no_file_that_another_thread_uses_at_the_fork_stops_another_file(tmp_path: Path) -> None:
    times = 40
    finished = run_program(_FORKING, "fork_while_files_are_in_use", str(tmp_path), str(times), cwd=tmp_path)
    assert finished.last == [{"child": "answered"}] * times
    assert finished.errors == ""


@pytest.mark.timeout(60)
def test_a_fork_amid_the_steps_of_a_run_stops_neither_the_child_nor_the_run(tmp_path: Path) -> None:
    times = 40
    database = tmp_path / "runs.db"
    finished = run_program(_FORKING, "fork_while_steps_are_committed", str(database), str(times), cwd=tmp_path)
    assert finished.last == {"children": [{"child": "answered"}] * times, "parent": ["finished"], "problems": []}
    assert finished.errors == ""


@pytest.mark.timeout(60)
def test_an_output_that_another_thread_reads_at_the_fork_stops_no_other_output(tmp_path: Path) -> None:
    finished = run_program(_FORKING, "fork_while_an_output_is_read", cwd=tmp_path)
    assert finished.last == {"messages": "2"}
    assert finished.errors == ""


@pytest.mark.timeout(60)
def test_a_file_that_another_thread_opens_at_the_fork_stops_no_other_file(tmp_path: Path) -> None:
    finished = run_program(_FORKING, "fork_while_the_first_file_is_opened", str(tmp_path / "runs.db"), cwd=tmp_path)
    assert finished.last == {"child": "answered"}
    assert finished.errors == ""


@pytest.mark.timeout(60)
def test_an_event_loop_that_was_used_before_the_fork_is_refused_in_the_child(tmp_path: Path) -> None:
    finished = run_program(_FORKING, "fork_with_an_event_loop", cwd=tmp_path)
    assert finished.last == {
        "before": "answered",
        "inherited": "ForkedProcessError",
        "new": "answered",
        "after": "answered",
    }
    assert finished.errors == ""
