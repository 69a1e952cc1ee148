"""The interpreter exits while runs are under way: at once, silently, and each run can be continued."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.programs import Program, run_program

_EXITING = Path(__file__).with_name("exiting.py")

STUCK = ["plain tool", "async tool", "plain model", "async model"]


def run_in(db_file: str) -> str:
    with closing(sqlite3.connect(db_file)) as connection:
        ((run_id,),) = connection.execute("SELECT run_id FROM runs").fetchall()
    return str(run_id)


def check_continues(kind: str, db_file: str, cwd: Path) -> None:
    finished = run_program(_EXITING, "continued", kind, db_file, run_in(db_file), cwd=cwd)
    assert finished.last == "finished"
    assert finished.errors == ""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stuck", STUCK)
@pytest.mark.parametrize("how", ["in_a_daemon_thread", "in_an_open_loop"])
def test_a_program_ends_at_once_whatever_its_run_is_waiting_for(tmp_path: Path, how: str, stuck: str) -> None:
    db_file = str(tmp_path / "runs.db")
    finished = run_program(_EXITING, how, stuck, db_file, cwd=tmp_path)
    assert (finished.code, finished.errors) == (0, "")
    check_continues(stuck, db_file, tmp_path)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stuck", ["async tool", "async model"])
def test_a_run_whose_task_is_dropped_is_cancelled_and_can_be_continued(tmp_path: Path, stuck: str) -> None:
    db_file = str(tmp_path / "runs.db")
    finished = run_program(_EXITING, "in_a_dropped_task", stuck, db_file, cwd=tmp_path)
    assert (finished.code, finished.errors) == (0, "")
    check_continues(stuck, db_file, tmp_path)


@pytest.mark.timeout(60)
def test_pressing_ctrl_c_twice_ends_a_program_whose_plain_tool_is_stuck(tmp_path: Path) -> None:
    db_file = str(tmp_path / "runs.db")
    with Program(_EXITING, "in_the_main_thread", "plain tool", db_file, cwd=tmp_path) as program:
        assert program.hear() == "stuck"
        program.interrupt()
        assert program.hear() == "asked to stop"
        program.interrupt()
        finished = program.finish()
    assert (finished.code, finished.errors) == (0, "")
    check_continues("plain tool", db_file, tmp_path)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", ["in_a_daemon_thread", "in_a_dropped_task", "in_an_open_loop"])
def test_a_program_ends_at_once_while_a_provider_is_thinking(tmp_path: Path, how: str) -> None:
    db_file = str(tmp_path / "runs.db")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        env = {"OPENAI_API_KEY": "key", "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
        with Program(_EXITING, how, "provider", db_file, cwd=tmp_path, env=env) as program:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1)
                program.say("the request is there")
                finished = program.finish()
    assert (finished.code, finished.errors) == (0, "")
    assert run_in(db_file)
