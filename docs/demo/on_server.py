"""The demo on a PostgreSQL server: two workers, one of which is killed with SIGKILL in the middle of a run. Offline.

The server is started for it in a temporary directory, and is gone afterwards. You decide in this process, which drives
nothing.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haltpoint import AgentRunOutput, PostgresDatabase
from person import Person, person_from
from services import CUSTOMER_FILE, MAIL_SERVER, Services
from stage import DemoError, perform
from summary import print_services
from support_agent import TASK, support_agent
from terminal import event, line, pause, styled
from timeline import Chapter, print_timeline

# What the tests start a server with.
sys.path.append(str(Path(__file__).parents[2] / "tests" / "python"))

from support.postgres_server import Server, server_programs

if TYPE_CHECKING:
    from haltpoint.db import Database

_WORKER = Path(__file__).with_name("server_worker.py")
_PATIENCE = 60.0


class ServerPlay:
    """The play, on a server and the stage of one directory."""

    def __init__(self, directory: Path, address: str, person: Person) -> None:
        self._directory = directory
        self._address = address
        self._person = person
        self._services = Services(directory)
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._chapters: list[Chapter] = []

    def perform(self) -> None:
        """Play it to its end."""
        line(f"\n  {styled('haltpoint', 'bold')}  a run on a server, with two workers, one of which dies")
        line(f"  {styled(TASK, 'dim')}\n")
        with PostgresDatabase(self._address) as database:
            event("▲", "server", self._address, "magenta")
            self._hire()
            run_id = support_agent(database, self._services).submit(TASK)
            event("○", "queued", "no worker is named: whichever is free takes it", "magenta")
            self._until_waiting(database, run_id)
            self._services.cut_line()
            self._decide(database, run_id)
            self._kill_amid_calls(database, run_id)
            self._until_waiting(database, run_id)
            self._decide(database, run_id)
            state = self._until("completed", database, run_id)
            event("●", "done", "the run is completed", "green")
            self._dismiss()
            self._sum_up(state)

    def stop(self) -> None:
        """End the workers."""
        for worker in self._workers.values():
            if worker.poll() is None:
                worker.kill()
            worker.wait()

    # The workers

    def _hire(self) -> None:
        for _ in range(2):
            worker = subprocess.Popen([sys.executable, str(_WORKER), str(self._directory), self._address])
            self._workers[worker.pid] = worker
            event("┬", "worker", f"{worker.pid} looks for runs", "magenta")
        self._wait_for(lambda: sum(told["kind"] == "started" for told in self._told()) == len(self._workers))

    def _kill_amid_calls(self, database: Database, run_id: str) -> None:
        self._wait_for(lambda: bool(self._services.log(CUSTOMER_FILE) and self._services.log(MAIL_SERVER)))
        pid = self._last("took")
        pause(0.8)
        self._workers[pid].send_signal(signal.SIGKILL)
        self._workers[pid].wait()
        self._services.restore_line()
        event("✖", "SIGKILL", f"worker {pid} is dead, in the middle of two calls", "red", "bold")
        self._chapters.append(Chapter(pid, "killed", _done(database.run(run_id))))
        pause(1.2)

    def _dismiss(self) -> None:
        for worker in self._workers.values():
            if worker.poll() is None:
                worker.terminate()
            worker.wait()

    # The run

    def _until_waiting(self, database: Database, run_id: str) -> None:
        state = self._until("paused", database, run_id)
        (requirement,) = state.active_requirements
        event("■", "paused", f"the run waits on the server for a {requirement.kind}", "yellow")

    def _until(self, ending: str, database: Database, run_id: str) -> AgentRunOutput[Any]:
        chapters = len([chapter for chapter in self._chapters if chapter.ending != "killed"])
        self._wait_for(lambda: len(self._ended()) > chapters)
        state = database.run(run_id)
        if state.status.value != ending.upper():
            raise DemoError(f"the run should be {ending} here, and is {state.status.value}: {state.error_details}")
        name = "waiting" if ending == "paused" else ending
        self._chapters.append(Chapter(int(self._ended()[-1]["pid"]), name, _done(state)))
        return state

    def _decide(self, database: Database, run_id: str) -> None:
        (requirement,) = database.requirements(run_id=run_id)
        words = self._person.decide(requirement)
        requirement.commit()
        event("◆", "you", f"{words}, from a process that drives nothing", "yellow")

    def _sum_up(self, state: AgentRunOutput[Any]) -> None:
        line()
        pause(0.6)
        print_timeline(state, self._chapters, {"add_note": len(self._services.log(CUSTOMER_FILE))})
        print_services(self._services)
        line()

    # What the workers told

    def _told(self) -> list[dict[str, Any]]:
        path = self._directory / "progress.jsonl"
        return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []

    def _ended(self) -> list[dict[str, Any]]:
        return [told for told in self._told() if told["kind"] in ("paused", "completed")]

    def _last(self, kind: str) -> int:
        return int(next(told["pid"] for told in reversed(self._told()) if told["kind"] == kind))

    def _wait_for(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not happened():
            if time.monotonic() > deadline:
                raise DemoError("the workers take too long; their own words stand above")
            time.sleep(0.02)


def _done(state: AgentRunOutput[Any]) -> int:
    return sum(step.status.value == "COMPLETED" for step in state.step_results)


def main() -> int:
    person = person_from(sys.argv[1:], __doc__)
    if server_programs() is None:
        line("the demo on a server is skipped: there is no PostgreSQL on this machine; install the package postgresql")
        return 0
    directory = Path(tempfile.mkdtemp(prefix="haltpoint-demo-"))
    with Server() as server:
        play = ServerPlay(directory, f"{server.start()}/postgres", person)
        code = perform(play, directory)
    shutil.rmtree(directory, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
