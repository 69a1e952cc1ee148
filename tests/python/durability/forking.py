"""Programs that fork while a database is open and runs are under way, and tell what came of it.

Usage: forking.py HOW DATABASE, or forking.py FUNCTION [ARGUMENT] with a function of this module.
"""

from __future__ import annotations

import asyncio
import functools
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
    AgentRunOutput,
    FunctionModel,
    HaltpointError,
    InMemoryDatabase,
    ModelReply,
    ModelRequest,
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


def fork_while_busy(times: str) -> None:
    """Fork again and again while threads start and end runs: whatever they hold in that moment is theirs alone."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            _run_with_a_tool()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    tell([_forked_raw(lambda: {"child": _run_with_a_tool()}) for _ in range(int(times))])
    done.set()
    for thread in threads:
        thread.join()


def fork_while_files_are_in_use(directory: str, times: str) -> None:
    """Fork again and again while threads open, write and close files: the child opens and writes one of its own."""
    done = threading.Event()

    def open_and_close(number: int) -> None:
        while not done.is_set():
            SqliteDatabase(f"{directory}/opened-{number}.db", durability="normal").close()

    def write() -> None:
        with SqliteDatabase(f"{directory}/written.db", durability="normal") as database:
            while not done.is_set():
                _simple_run(database)

    def in_child(number: int) -> dict[str, str]:
        return {"child": _said(lambda: _simple_run(SqliteDatabase(f"{directory}/child-{number}.db")))}

    threads = [threading.Thread(target=write), *(threading.Thread(target=open_and_close, args=(n,)) for n in range(3))]
    for thread in threads:
        thread.start()
    tell([_forked_raw(functools.partial(in_child, number)) for number in range(int(times))])
    done.set()
    for thread in threads:
        thread.join()


@tool
async def nothing_at_once() -> str:
    """Do nothing, in the loop."""
    return "nothing"


def fork_while_steps_are_committed(db_file: str, times: str) -> None:
    """Fork again and again while a run takes one step after another, each of them waiting for the disk."""
    done = threading.Event()
    outputs: list[Any] = []

    def go_on(request: ModelRequest) -> ModelReply | str:
        _in_tool.set()
        return "finished" if done.is_set() else wants("nothing_at_once")

    def drive(database: SqliteDatabase) -> None:
        agent = Agent(FunctionModel(go_on), db=database, tools=[nothing_at_once], tool_call_limit=1_000_000)
        outputs.append(agent.do("Work."))

    def in_child(number: int) -> dict[str, str]:
        with SqliteDatabase(f"{db_file}.{number}") as database:
            script = ScriptedModel([wants("nothing_at_once"), "answered"])
            agent = Agent(script, db=database, tools=[nothing_at_once])
            return {"child": _said(lambda: agent.do("Work."))}

    with SqliteDatabase(db_file) as database:
        driver = threading.Thread(target=drive, args=(database,))
        driver.start()
        assert _in_tool.wait(30)
        children = [_forked_raw(functools.partial(in_child, number)) for number in range(int(times))]
        done.set()
        driver.join()
        tell({"children": children, "parent": outputs, "problems": database.check()})


def fork_while_an_output_is_read() -> None:
    """Another thread waits for what it asked of an output; the child asks an output of its own."""

    def fetch() -> str:
        _in_tool.set()
        assert _may_go_on.wait(30)
        return json.dumps({"messages": []})

    fetched = AgentRunOutput.from_view_text(fetch, {"run_id": "1", "status": "COMPLETED"})
    reader = threading.Thread(target=lambda: fetched.messages)
    reader.start()
    assert _in_tool.wait(30)
    tell(_forked_raw(lambda: {"messages": str(len(_simple_output().messages))}))
    _may_go_on.set()
    reader.join()


def _simple_output() -> AgentRunOutput:
    return Agent(ScriptedModel(["answered"])).do("Answer.", return_output=True)


def fork_while_the_first_file_is_opened(db_file: str) -> None:
    """Another thread opens the process's first database file; the child opens one of its own."""

    def hold_once(event: str, _arguments: tuple[Any, ...]) -> None:
        if event == "sys.addaudithook" and not _in_tool.is_set():
            _in_tool.set()
            assert _may_go_on.wait(30)

    sys.addaudithook(hold_once)
    opener = threading.Thread(target=lambda: SqliteDatabase(db_file).close())
    opener.start()
    assert _in_tool.wait(30)
    tell(_forked_raw(lambda: {"child": _said(lambda: _simple_run(SqliteDatabase(f"{db_file}.child")))}))
    _may_go_on.set()
    opener.join()


def fork_with_an_event_loop() -> None:
    """An event loop that runs of the parent used is the parent's; a new one works."""

    def run() -> Any:
        return Agent(ScriptedModel(["answered"])).do_async("Answer.")

    loop = asyncio.new_event_loop()
    before = loop.run_until_complete(run())
    child = _forked_raw(lambda: {"inherited": _said(lambda: loop.run_until_complete(run())), "new": asyncio.run(run())})
    tell({"before": before, **child, "after": loop.run_until_complete(run())})
    loop.close()


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
    if sys.argv[1] in _WAYS:
        main(*sys.argv[1:])
    else:
        globals()[sys.argv[1]](*sys.argv[2:])
