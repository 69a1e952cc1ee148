"""The end of a child process that code of a run forked and that comes back from it.

Such a child is a copy of one thread amid the run of its parent. There is nothing for it to go on with: the run is the
parent's, the other threads are not there, and the event loop's selector is shared, so that cleaning it up would deafen
the parent. Where the thread comes back to haltpoint, the child ends as a program would that ends there.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from haltpoint._concurrency.exception_kinds import is_kind

__all__ = ["end_if_forked", "generation"]

# How many forks lie between the first process and this one: what tells this process from the one that it was forked
# from, cheaper to look at than the process' number. Read it in the module: an imported name would not change.
generation: int = 0


def _count() -> None:
    global generation  # noqa: PLW0603
    generation += 1


os.register_at_fork(after_in_child=_count)


def end_if_forked(before: int, error: BaseException | None = None) -> None:
    """End this process where it was forked since; return where it was not.

    Args:
        before: the generation before the code was called.
        error: what the code raised. The exit status is the one of a program that ends with it.
    """
    if before != generation:
        _end(error)


def _end(error: BaseException | None) -> NoReturn:
    status = 1
    try:
        status = _status(error)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        # Nothing of the parent is to be cleaned up here.
        os._exit(status)


def _status(error: BaseException | None) -> int:
    if error is None:
        return 0
    if not is_kind(error, SystemExit):
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    print(error.code, file=sys.stderr)  # noqa: T201 - as the interpreter does
    return 1
