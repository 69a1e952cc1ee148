"""A program whose run's code forks, and comes back to haltpoint in the child.

Usage: forks_within_runs.py WHERE HOW CALL DATABASE
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import warnings
from typing import Any

from haltpoint import Agent, FunctionModel, ModelReply, ModelRequest, SqliteDatabase, tool
from support.programs import tell
from support.replies import wants

# That forking a process with threads is dangerous is what this is about; newer Pythons warn of it.
warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)

_PATIENCE = 30
_where, _how, _call, _file = sys.argv[1:]
_program = os.getpid()
_children: list[int] = []
_later: list[int] = []


def _fork_in(where: str) -> None:
    if where != _where or _children:
        return
    child = os.fork()
    if child:
        _children.append(child)
    else:
        _children.append(0)
        # Whoever hangs is ended by this signal, which the parent tells from every status of its own.
        signal.alarm(_PATIENCE)
        if _how == "raises":
            raise ValueError("in the child")
        if _how == "exits":
            sys.exit(3)


@tool
def plain() -> str:
    """Do something in a thread."""
    _fork_in("plain tool")
    return "done"


@tool
async def in_loop() -> str:
    """Do something in the loop."""
    _fork_in("async tool")
    return "done"


def _rule() -> bool:
    _fork_in("rule")
    return False


async def _async_rule() -> bool:
    _fork_in("async rule")
    return False


@tool(requires_confirmation=_rule)
def ruled() -> str:
    """Do something that a rule allows."""
    return "done"


@tool(requires_confirmation=_async_rule)
def ruled_in_loop() -> str:
    """Do something that an async rule allows."""
    return "done"


@tool
def last() -> str:
    """Say which process comes here."""
    _later.append(os.getpid())
    return "done"


_TOOLS = [plain, in_loop, ruled, ruled_in_loop, last]
_SCRIPT = ["plain", "in_loop", "ruled", "ruled_in_loop", "last"]


async def _reply(request: ModelRequest) -> ModelReply | str:
    _fork_in("async model")
    done = sum(message.role == "tool" for message in request.messages)
    return wants(_SCRIPT[done]) if done < len(_SCRIPT) else "finished"


def _run(database: SqliteDatabase) -> Any:
    agent = Agent(FunctionModel(_reply), db=database, tools=_TOOLS)
    return agent.do("Work.") if _call == "sync" else asyncio.run(agent.do_async("Work."))


if __name__ == "__main__":
    with SqliteDatabase(_file) as opened:
        answer = _run(opened)
        assert os.getpid() == _program, "the child came as far as this"
        status = os.waitpid(_children[0], 0)[1]
        ended = os.waitstatus_to_exitcode(status)
        tell({"answer": answer, "later": _later == [_program], "child": ended, "problems": opened.check()})
