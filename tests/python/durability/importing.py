"""Programs that fork while something that haltpoint needs is being imported, and tell what came of it.

Usage: importing.py HOW [WHAT], where HOW names a function of this module.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from types import CodeType
from typing import Any

from durability import first_uses
from haltpoint._concurrency.fork_guard import ForkGuard, no_fork
from haltpoint.exceptions import HaltpointError
from support.programs import tell

# That forking a process with threads is dangerous is what this is about; newer Pythons warn of it.
warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)

_PATIENCE = 30.0

# In the middle of whose import a thread does something.
_Then = Callable[[], object]


def _outcome(call: Callable[[], object]) -> str:
    try:
        return str(call())
    except HaltpointError as error:
        return type(error).__name__


def _in_child(writer: int) -> None:
    sys.setswitchinterval(0.005)
    faulthandler.dump_traceback_later(_PATIENCE / 2, exit=True)
    os.write(writer, _outcome(first_uses.run_a_tool).encode())
    os._exit(0)


def _forked() -> str:
    """What a forked child comes to that uses haltpoint; one that hangs says where."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _in_child(writer)
    os.close(writer)
    with os.fdopen(reader) as stream:
        told = stream.read()
    return told if os.waitpid(pid, 0)[1] == 0 else "hung"


def _fork_at_once() -> None:
    # Threads are switched only where one waits: a fork that waits for nothing is through before others go on.
    sys.setswitchinterval(1000)


def _when_imported(file: str, then: _Then) -> None:
    """Do something, once, in the middle of the import of the file whose path ends so, in the importing thread."""
    passed: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        code = arguments[0] if event == "exec" else None
        if isinstance(code, CodeType) and code.co_filename.endswith(file) and not passed:
            passed.append(file)
            then()

    sys.addaudithook(hook)


class _HeldImport:
    """A thread that uses haltpoint, and stops in the middle of an import until it may go on."""

    def __init__(self, file: str, use: Callable[[], object] = first_uses.run_a_tool) -> None:
        self.may_go_on = threading.Event()
        self._reached = threading.Event()
        self._outcomes: list[str] = []
        _when_imported(file, self._hold)
        self._thread = threading.Thread(target=lambda: self._outcomes.append(_outcome(use)))
        self._thread.start()
        assert self._reached.wait(_PATIENCE)

    def _hold(self) -> None:
        self._reached.set()
        assert self.may_go_on.wait(_PATIENCE)

    def finish(self) -> str:
        self.may_go_on.set()
        self._thread.join()
        return self._outcomes[0]


def fork_amid(file: str) -> None:
    """Another thread is importing, and goes on as soon as a fork is tried."""
    _fork_at_once()
    held = _HeldImport(file)
    os.register_at_fork(before=held.may_go_on.set)
    child = _forked()
    tell({"child": child, "parent": held.finish()})


def fork_often_amid(file: str) -> None:
    """As before, with several threads that fork at the same time."""
    children: list[str] = []
    forking = threading.Barrier(4)
    held = _HeldImport(file)
    os.register_at_fork(before=lambda: forking.wait(_PATIENCE))
    threads = [threading.Thread(target=lambda: children.append(_forked())) for _ in range(forking.parties)]
    for thread in threads:
        thread.start()
    parent = held.finish()
    for thread in threads:
        thread.join()
    tell({"children": children, "parent": parent})


def fork_in(file: str) -> None:
    """The importing thread itself forks, and child and parent go on with the import."""
    reader, writer = os.pipe()
    pids: list[int] = []
    _when_imported(file, lambda: pids.append(os.fork()))
    outcome = _outcome(first_uses.run_a_tool)
    if pids == [0]:
        os.write(writer, outcome.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        tell({"child": stream.read(), "parent": outcome, "ended well": os.waitpid(pids[0], 0)[1] == 0})


def fork_against(file: str) -> None:
    """The import waits for something that the forking thread has, so that waiting for it is in vain."""
    no_fork.longest_import = 0.1
    held = _HeldImport(file)
    tell({"child": _forked(), "parent": held.finish()})


def fork_beside(module: str) -> None:
    """Another thread imports something that haltpoint needs by itself: no fork waits for what may never end."""
    held = _HeldImport(f"{module}/__init__.py", lambda: __import__(module).__name__)
    tell({"child": _forked(), "parent": held.finish(), "later": _outcome(first_uses.run_a_tool)})


def find_unguarded(use: str) -> None:
    """Which modules are imported while a fork would wait for nobody."""
    guarded: Counter[int] = Counter()
    found: list[str] = []
    enter, leave = ForkGuard.__enter__, ForkGuard.__exit__

    def noted_enter(guard: ForkGuard) -> None:
        guarded[threading.get_ident()] += 1
        enter(guard)

    def noted_leave(guard: ForkGuard, *exception: object) -> None:
        guarded[threading.get_ident()] -= 1
        leave(guard, *exception)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and not guarded[threading.get_ident()]:
            found.append(arguments[0])

    first_uses.prepare(use)
    before = set(sys.modules)
    ForkGuard.__enter__, ForkGuard.__exit__ = noted_enter, noted_leave  # type: ignore[method-assign]
    sys.addaudithook(hook)
    outcome = _outcome(first_uses.USES[use])
    tell({"unguarded": found, "imported": len(set(sys.modules) - before), "outcome": outcome})


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
