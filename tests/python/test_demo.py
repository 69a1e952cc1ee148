"""The demo: each answer leads to its end, whether somebody is at the keyboard or not."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.postgres_server import server_programs

DEMO = [sys.executable, str(Path(__file__).parents[2] / "docs" / "demo")]
DEMO_ON_SERVER = [sys.executable, str(Path(__file__).parents[2] / "docs" / "demo" / "on_server.py")]


def environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(directory), "NO_COLOR": "1"}


def play(directory: Path, *options: str, program: list[str] = DEMO) -> str:
    finished = subprocess.run(
        [*program, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=environment(directory),
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout


class Keyboard:
    """A terminal with the demo on it, and somebody who reads it."""

    def __init__(self, directory: Path) -> None:
        self._end, terminal = pty.openpty()
        self.process = subprocess.Popen(
            DEMO, stdin=terminal, stdout=terminal, stderr=terminal, env=environment(directory), start_new_session=True
        )
        os.close(terminal)
        self.seen = ""

    def read_until(self, text: str) -> None:
        while text not in self.seen:
            more = self._more()
            assert more, f"the demo ended before it printed {text!r}: {self.seen}"
            self.seen += more

    def interrupt(self) -> None:
        """Press Ctrl-C; again where Python missed it, as it does between a prompt and the reading after it."""
        for _ in range(5):
            os.killpg(self.process.pid, signal.SIGINT)
            if select.select([self._end], [], [], 3)[0]:
                return

    def leave(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._end)

    def read_to_the_end(self) -> str:
        while more := self._more():
            self.seen += more
        return self.seen

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self._end, text.encode())

    def _more(self) -> str:
        try:
            return os.read(self._end, 4096).decode("utf-8", "replace")
        except OSError:  # Linux tells the end of a terminal as an error.
            return ""


@pytest.fixture
def keyboard(tmp_path: Path) -> Iterator[Keyboard]:
    keyboard = Keyboard(tmp_path)
    yield keyboard
    keyboard.leave()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["answers itself", "1 refund", "asked 2 times, 1 key", "1 message "]),
        (("--confirmation", "reject", "--recovery", "retry"), ["no refund", "asked 2 times, 1 key", "2 messages"]),
        (("--recovery", "skip"), ["1 refund", "1 message ", "nobody knows"]),
    ],
)
def test_every_answer_leads_to_its_end(options: tuple[str, ...], expected: list[str], tmp_path: Path) -> None:
    printed = play(tmp_path, *options)
    assert [text for text in expected if text not in printed] == []
    assert "\033[" not in printed


@pytest.mark.skipif(server_programs() is None, reason="there is no PostgreSQL on this machine")
def test_on_a_server_another_worker_goes_on_for_one_that_is_killed(tmp_path: Path) -> None:
    printed = play(tmp_path, program=DEMO_ON_SERVER)
    took = re.findall(r"worker +(\d+) took the run", printed)
    killed = re.findall(r"worker (\d+) is dead", printed)
    assert len(killed) == 1
    assert killed[0] in took
    assert took[-1] not in killed
    expected = ["from a process that drives nothing", "1 refund", "asked 2 times, 1 key", "1 message ", "completed"]
    assert [text for text in expected if text not in printed] == []
    assert list(tmp_path.iterdir()) == []


def test_the_repeated_call_keeps_its_idempotency_key(tmp_path: Path) -> None:
    attempts = re.findall(r"add_note: attempt (\d), idempotency key (\w+)", play(tmp_path))
    assert [number for number, _ in attempts] == ["1", "2"]
    assert len({key for _, key in attempts}) == 1


def test_a_person_at_the_keyboard_decides(keyboard: Keyboard) -> None:
    keyboard.read_until("approve) > ")
    keyboard.type("r\n")
    keyboard.read_until("supply) > ")
    keyboard.type("\n")
    printed = keyboard.read_to_the_end()
    assert keyboard.process.wait(timeout=20) == 0
    assert "no refund" in printed
    assert "result supplied" in printed


def test_control_c_ends_the_demo_and_leaves_nothing_behind(keyboard: Keyboard, tmp_path: Path) -> None:
    keyboard.read_until("approve) > ")
    keyboard.interrupt()
    printed = keyboard.read_to_the_end()
    assert keyboard.process.wait(timeout=20) == 130
    assert "Traceback" not in printed
    assert list(tmp_path.iterdir()) == []
