"""Commands that go on showing what changes."""

from __future__ import annotations

import signal
from pathlib import Path

import pexpect

from support.command import ENGRAVE, PAINT, CommandLine, StartRun
from support.programs import Program
from support.worker import WORKER


def test_a_watched_inbox_tells_of_each_requirement_when_it_opens(cli: CommandLine, start: StartRun) -> None:
    first = start(PAINT)
    with cli.follow("inbox", "--watch", "--json") as followed:
        assert followed.record()["run_id"] == first
        second = start(ENGRAVE)
        assert followed.record()["run_id"] == second
        assert cli("approve", first).code == 0
        third = start(PAINT)
        assert followed.record()["run_id"] == third


def test_a_watched_list_of_runs_tells_of_each_change(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    with cli.follow("runs", "--watch", "--json") as followed:
        assert followed.record()["status"] == "PAUSED"
        assert cli("cancel", run_id).code == 0
        changed = followed.record()
        assert (changed["run_id"], changed["status"]) == (run_id, "CANCELLED")


def test_a_watched_run_is_followed_to_its_end(cli: CommandLine, tmp_path: Path) -> None:
    with Program(WORKER, "start_and_wait_for_a_decision", str(cli.db_file), "paint", cwd=tmp_path) as program:
        run_id = program.hear()["run_id"]
        with cli.follow("show", run_id, "--watch", "--json") as followed:
            kinds = [followed.record()["kind"] for _ in range(4)]
            assert kinds[-1] == "run_paused"
            assert cli("reject", run_id, "--note", "not red").code == 0
            assert followed.record()["kind"] == "requirement_decided"
            program.finish()
            assert cli("cancel", run_id).code == 0
            rest = list(iter(followed.line, ""))
            assert "run_cancelled" in rest[-1]
            assert followed.process.wait(30) == 0


def test_a_terminal_shows_the_list_anew_after_a_change(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    terminal = cli.at_terminal("inbox", "--watch")
    terminal.expect("paint.*Ctrl-C ends it")
    assert cli("approve", run_id).code == 0
    terminal.expect("nothing waits.*Ctrl-C ends it")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130
    assert "Traceback" not in terminal.before


def test_an_interrupt_through_a_pipe_ends_the_watch_quietly(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    with cli.follow("inbox", "--watch") as followed:
        followed.line()
        followed.process.send_signal(signal.SIGINT)
        _, errors = followed.process.communicate(timeout=30)
        assert (followed.process.returncode, errors.strip()) == (130, "")
