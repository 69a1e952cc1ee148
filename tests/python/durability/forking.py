"""Programs that fork while a database is open and runs are under way, as their own processes: they print what came of it.

Usage: forking.py HOW DATABASE
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

from haltpoint import Agent, HaltpointError, InMemoryDatabase, ScriptedModel, SqliteDatabase, cancel_run, tool
from support.programs import tell
from support.replies import wants

# That forking a process with threads is dangerous is what this is about; newer Pythons warn of it.
warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)

_in_tool = threading.Event()
_may_go_on = threading.Event()


@tool
def hold() -> str:
    """Hold until the main thread says so."""
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
    main(*sys.argv[1:])
