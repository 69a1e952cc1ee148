"""An agent's run that pauses for you, is killed with SIGKILL, and goes on. Offline, on a fresh SQLite file.

Each process of the play is a real one; they share the file, and nothing else.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from haltpoint import AgentRunOutput
from person import Person, person_from
from services import CUSTOMER_FILE, MAIL_SERVER, Services
from stage import DemoError, perform
from summary import print_services
from support_agent import TASK
from terminal import event, line, pause, styled
from timeline import Chapter, print_timeline

_WORKER = Path(__file__).with_name("worker.py")
_CALLS_IN_FLIGHT = ("tool:add_note", "tool:send_email")
_PAUSES = {
    "confirmation": "the process has ended; the run waits in the file, for as long as it takes",
    "recovery": "send_email is in doubt, and nothing says that it may run twice: a person must",
}


class Play:
    """The play, on the stage of one directory."""

    def __init__(self, directory: Path, person: Person) -> None:
        self._directory = directory
        self._person = person
        self._services = Services(directory)
        self._chapters: list[Chapter] = []
        self._process: subprocess.Popen[bytes] | None = None

    def perform(self) -> None:
        line(f"\n  {styled('haltpoint', 'bold')}  a run that stops for people and survives anything")
        line(f"  {styled(TASK, 'dim')}")
        state = self._paused("starts the run")
        decision = self._decided(state)
        self._killed(state.run_id, decision)
        state = self._paused("has the file and the run's id, and goes on", state.run_id)
        decision = self._decided(state)
        state = self._finished(state.run_id, decision)
        self._sum_up(state)

    def stop(self) -> None:
        """End the process under way, if there is one."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    # What the processes do

    def _paused(self, what: str, *arguments: str) -> AgentRunOutput:
        self._start(what, *arguments)
        state = self._ended("paused")
        event("■", "paused", _PAUSES[state.pause_reason or ""], "yellow")
        return state

    def _killed(self, run_id: str, decision: str) -> None:
        self._services.cut_line()
        process = self._start("takes your decision from here", run_id, decision)
        while not (self._services.log(CUSTOMER_FILE) and self._services.log(MAIL_SERVER)):
            if process.poll() is not None:
                raise DemoError(f"process {process.pid} ended before it could be killed")
            time.sleep(0.02)
        pause(0.8)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._services.restore_line()
        event("✖", "SIGKILL", f"process {process.pid} is dead, in the middle of two calls", "red", "bold")
        self._chapters.append(Chapter(process.pid, "killed", 0))
        pause(1.2)

    def _finished(self, run_id: str, decision: str) -> AgentRunOutput:
        self._start("takes your decision from here", run_id, decision)
        state = self._ended("completed")
        event("●", "done", "the run is completed", "green")
        return state

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        pause(0.4)
        self._process = subprocess.Popen([sys.executable, str(_WORKER), str(self._directory), *arguments])
        line()
        event("┬", "process", f"{self._process.pid} {what}", "magenta")
        return self._process

    def _ended(self, ending: str) -> AgentRunOutput:
        process = self._process
        if process is None or process.wait() != 0:
            raise DemoError("a process of the demo failed; its own words stand above")
        state = AgentRunOutput.from_dict(json.loads((self._directory / "state.json").read_text(encoding="utf-8")))
        if state.status.value != ending.upper():
            raise DemoError(f"the run should be {ending} here, and is {state.status.value}: {state.error_details}")
        done = sum(step.status.value == "COMPLETED" for step in state.step_results)
        self._chapters.append(Chapter(process.pid, ending, done))
        return state

    def _decided(self, state: AgentRunOutput) -> str:
        (requirement,) = state.active_requirements
        words = self._person.decide(requirement)
        event("◆", "you", words, "yellow")
        return json.dumps(requirement.to_dict())

    # What is left of it

    def _sum_up(self, state: AgentRunOutput) -> None:
        line()
        pause(0.6)
        attempts = {"add_note": len(self._services.log(CUSTOMER_FILE))}
        print_timeline(state, self._chapters_of(state), attempts)
        print_services(self._services)
        line(f"\n  {styled('Look at it yourself:', 'dim')}")
        line(f"  sqlite3 {self._directory / 'runs.db'} 'SELECT seq, kind FROM journal'\n")

    def _chapters_of(self, state: AgentRunOutput) -> list[Chapter]:
        """The dead process could not say how far it came: up to the first of the calls that it died in."""
        names = [step.name for step in state.step_results]
        reached = min(names.index(name) for name in _CALLS_IN_FLIGHT)
        return [
            Chapter(chapter.pid, chapter.ending, reached) if chapter.ending == "killed" else chapter
            for chapter in self._chapters
        ]


def main() -> int:
    person = person_from(sys.argv[1:], __doc__)
    directory = Path(tempfile.mkdtemp(prefix="haltpoint-demo-"))
    return perform(Play(directory, person), directory)


if __name__ == "__main__":
    sys.exit(main())
