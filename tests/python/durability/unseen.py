"""A process that drives a run, and one that wants to: `unseen.py drive|continue how db_file`. They print it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import sys
import threading
from pathlib import Path

from haltpoint import Agent, HaltpointError, ModelReply, ScriptedModel, SqliteDatabase, ToolCall, tool

_EXIT_OF_ONE_THREAD = {"x86_64": 60, "aarch64": 93}


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


@tool(idempotent=True)
def pay(amount: int) -> str:
    """Pay; whoever started the process says when it is done."""
    with Path(f"{sys.argv[-1]}.ledger").open("a") as ledger:
        ledger.write(f"{amount}\n")
    _say("begun")
    sys.stdin.readline()
    return "paid"


def _agent(database: SqliteDatabase) -> Agent:
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("pay", {"amount": 3})]), "done"])
    return Agent(model, db=database, tools=[pay])


def drive(how: str, database: SqliteDatabase) -> None:
    """Drive a run; "headless": while the process's first thread has ended."""
    if how != "headless":
        _say(_agent(database).do("Pay.", return_output=True).status.value)
        return

    def driven() -> None:
        _say(_agent(database).do("Pay.", return_output=True).status.value)
        os._exit(0)

    threading.Thread(target=driven).start()
    ctypes.CDLL(None).syscall(_EXIT_OF_ONE_THREAD[platform.machine()], 0)


async def continue_run(how: str, database: SqliteDatabase) -> None:
    """Try to continue the run; "exhausted": without file descriptors."""
    agent, (run,) = _agent(database), database.runs()
    if how == "exhausted":
        # What is needed to try at all is there, as in a process that has been at work for long.
        await _try(agent, run.run_id)
        _use_up_descriptors()
    _say(await _try(agent, run.run_id))


async def _try(agent: Agent, run_id: str) -> str:
    try:
        await agent.continue_run_async(run_id=run_id)
    except HaltpointError as error:
        return type(error).__name__
    return "continued"


def _use_up_descriptors() -> None:
    try:
        while True:
            os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return


if __name__ == "__main__":
    with SqliteDatabase(sys.argv[3]) as _database:
        if sys.argv[1] == "drive":
            drive(sys.argv[2], _database)
        else:
            asyncio.run(continue_run(sys.argv[2], _database))
