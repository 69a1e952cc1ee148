"""Warns when this process opens, behind the engine's back, a database file that the engine has open.

POSIX drops all locks that a process has on a file as soon as the process closes any descriptor of that file. A second
SQLite library that closes the file, or a plain copy of it, thus takes away the locks that the engine relies on, and
another process may then write in the middle of a transaction. Python announces each file and each `sqlite3`
connection that it opens to audit hooks; libraries that open files without Python are not seen.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import UnsafeDatabaseAccessWarning

__all__ = ["guard_file"]

# In the write-ahead mode the locks lie on the shared-memory file as much as on the database itself.
_LOCKED = ("", "-shm")
_INSTEAD = {
    "sqlite3.connect": "look into it through haltpoint, or from another process",
    "open": "copy it with the database's backup(path), or from another process",
}


class _GuardedFile(NamedTuple):
    path: str
    process: int
    identities: frozenset[tuple[int, int]]


_guarded: dict[int, _GuardedFile] = {}
_numbers = itertools.count()
_installing = threading.Lock()
_installed = False


def _start_afresh() -> None:
    # A fork may have caught the lock in the hands of another thread.
    global _installing  # noqa: PLW0603
    _installing = threading.Lock()


os.register_at_fork(after_in_child=_start_afresh)


def guard_file(path: str, owner: object) -> Callable[[], object]:
    """Warn of each other opening of a database file from now on.

    Args:
        path: of the file, which the engine has open.
        owner: with whose end the guard ends.

    Returns:
        What ends the guard earlier when it is called.
    """
    _install()
    number = next(_numbers)
    identities = (_identity(path + suffix) for suffix in _LOCKED)
    _guarded[number] = _GuardedFile(path, os.getpid(), frozenset(one for one in identities if one is not None))
    return weakref.finalize(owner, lambda: _guarded.pop(number, None))


def _install() -> None:
    global _installed  # noqa: PLW0603 - an audit hook can be added, and never be taken away
    with _installing:
        if not _installed:
            sys.addaudithook(_heed)
            _installed = True


def _heed(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _INSTEAD or not _guarded:
        return
    guarded = _guarded_file(_path_of(event, arguments[0]))
    if guarded is not None:
        _warn(guarded.path, _INSTEAD[event])


def _path_of(event: str, target: Any) -> Any:
    """The path that is opened; None for what is none, such as a descriptor or a database in memory."""
    if isinstance(target, os.PathLike):
        target = os.fspath(target)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(target, bytes):
        target = os.fsdecode(target)
    if not isinstance(target, str):
        return None
    return _path_of_uri(target) if event == "sqlite3.connect" and target.startswith("file:") else target


def _path_of_uri(uri: str) -> str:
    with no_fork:
        from urllib.parse import unquote, urlsplit
    return unquote(urlsplit(uri).path)


def _guarded_file(path: str | None) -> _GuardedFile | None:
    identity = None if path is None else _identity(path)
    if identity is None:
        return None
    # A copy: another thread, or the garbage collector, may change the dictionary meanwhile.
    files = _guarded.copy().values()
    # A forked child has none of its parent's locks, and thus none to lose.
    found = (file for file in files if identity in file.identities and file.process == os.getpid())
    return next(found, None)


def _identity(path: str) -> tuple[int, int] | None:
    """What tells one file from another, whatever its name; None when there is no such file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        # Whoever wants to open it is about to hear of that.
        return None
    return found.st_dev, found.st_ino


def _warn(path: str, instead: str) -> None:
    message = (
        f"the database file {path} is open in this process, and is now being opened a second time by something else: "
        "closing it again takes SQLite's locks away from haltpoint, and what other processes then write can damage "
        f"the database or undo steps of runs; {instead}"
    )
    # The audit hook and its helper stand between here and whoever opens the file.
    warnings.warn(UnsafeDatabaseAccessWarning(message, db_file=path), stacklevel=3)
