"""Programs that fork while a database is open and runs are under way, and tell what came of it.

Usage: forking.py HOW DATABASE, or forking.py busy TIMES
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from haltpoint import (
    Agent,
    HaltpointError,
    InMemoryDatabase,
    ScriptedModel,
    SqliteDatabase,
    cancel_run,
    current_tool_call,
    tool,
)
from support.programs import tell
from support.replies import wants

# That forking a process with threads is dangerous is what this is about; newer Pythons warn of it.
warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)

_runs: list[str] = []
_in_tool = threading.Event()
_may_go_on = threading.Event()


@tool
def hold() -> str:
    """Hold until the main thread says so."""
    _runs.append(current_tool_call().run_id)
    _in_tool.set()
    assert _may_go_on.wait(30)
    return "held"


def _agent(db: Any) -> Agent:
    return Agent(ScriptedModel([wants("hold"), "finished"]), db=db, tools=[hold])


def _said(call: Callable[[], Any]) -> str:
    try:
        return str(call())
    except HaltpointError as error:
        return type(error).__name__


def _simple_run(db: Any) -> Any:
    return Agent(ScriptedModel(["answered"]), db=db).do("Answer.")


def _in_child(db: SqliteDatabase, db_file: str) -> dict[str, str]:
    """All that a child may try: what it inherited, the same file once more, and databases of its own."""
    return {
        "inherited, sync": _said(lambda: _simple_run(db)),
        "inherited, async": _said(lambda: asyncio.run(Agent(ScriptedModel(["answered"]), db=db).do_async("Answer."))),
        "inherited, cancel": _said(lambda: db.cancel("no such run")),
        "the parent's run, cancel": _said(lambda: cancel_run(_runs[0])),
        "inherited, check": _said(db.check),
        "inherited, close": _said(db.close),
        "the same file anew": _said(lambda: _simple_run(SqliteDatabase(db_file))),
        "another file": _said(lambda: _simple_run(SqliteDatabase(f"{db_file}.child"))),
        "memory": _said(lambda: _simple_run(InMemoryDatabase())),
        "cancel anything": _said(lambda: cancel_run("no such run")),
    }


def _forked_raw(child: Callable[[], dict[str, str]]) -> dict[str, str]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, json.dumps(child()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        told: dict[str, str] = json.loads(stream.read())
    assert os.waitpid(pid, 0)[1] == 0
    return told


def _send(writer: Connection, child: Callable[[], dict[str, str]]) -> None:
    writer.send(child())


def _forked_by_multiprocessing(child: Callable[[], dict[str, str]]) -> dict[str, str]:
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(writer, child))
    process.start()
    told: dict[str, str] = reader.recv()
    process.join()
    assert process.exitcode == 0
    return told


_WAYS = {"raw": _forked_raw, "multiprocessing": _forked_by_multiprocessing}


@tool
def nothing() -> str:
    """Do nothing, in a thread."""
    return "nothing"


def _run_with_a_tool() -> str:
    return str(Agent(ScriptedModel([wants("nothing"), "finished"]), tools=[nothing]).do("Work."))


def fork_while_busy(times: int) -> None:
    """Fork again and again while threads start and end runs: whatever they hold in that moment is theirs alone."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            _run_with_a_tool()

    # What is imported late is imported first: a fork amid another thread's import leaves that module locked.
    _run_with_a_tool()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    tell([_forked_raw(lambda: {"child": _run_with_a_tool()}) for _ in range(times)])
    done.set()
    for thread in threads:
        thread.join()


def main(how: str, db_file: str) -> None:
    """Fork in the middle of a run, then go on with it."""
    db = SqliteDatabase(Path(db_file))
    outputs: list[Any] = []
    driver = threading.Thread(target=lambda: outputs.append(_agent(db).do("Hold.")))
    driver.start()
    assert _in_tool.wait(30)
    tell(_WAYS[how](lambda: _in_child(db, db_file)))
    _may_go_on.set()
    driver.join()
    tell({"parent": outputs[0], "again": _simple_run(db), "problems": db.check()})


if __name__ == "__main__":
    if sys.argv[1] == "busy":
        fork_while_busy(int(sys.argv[2]))
    else:
        main(*sys.argv[1:])
