"""Keeps this process from being forked while one of its threads imports something.

A fork takes no other thread along: what another thread is importing in that moment stays half done in the child, and
locked for ever. Most modules of this package, and what they need, are imported when they are first used, so the moment
is not the caller's to choose. Each such import therefore stands in a block of its own:

    with no_fork:
        from haltpoint.tools.schema import build_schema

A fork waits until no other thread is in such a block, and a thread waits before it enters one while a fork is under
way. Neither waits for ever, whatever else they hold: where waiting did not help, the child gets an error instead.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import get_ident

from haltpoint.exceptions import ForkedProcessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Hooks(Protocol):
        """What is called at each fork; what comes after may come without what comes before."""

        def before_fork(self) -> None: ...
        def after_fork(self) -> None: ...
        def after_fork_in_child(self) -> None: ...


__all__ = ["ForkGuard", "no_fork"]

# What is imported late. Half imported by somebody else, it would stop a child just the same.
_NEEDED = frozenset(
    {
        "annotated_types",
        "attr",
        "attrs",
        "docstring_parser",
        "haltpoint",
        "jsonschema",
        "jsonschema_specifications",
        "pydantic",
        "pydantic_core",
        "referencing",
        "rpds",
        "typing_extensions",
        "typing_inspection",
    }
)
# Between two looks of who waits, in seconds.
_PAUSE = 0.001
_CUT_OFF = (
    "this process was forked while another thread of its parent was importing what haltpoint needs, and nobody can "
    "finish that here: fork again, or start processes with the multiprocessing method 'spawn' or 'forkserver'"
)


class ForkGuard:
    """A context manager in whose blocks no other thread forks.

    Blocks may be nested, and any number of threads may be in one. There is no lock in it, which a fork could leave
    locked: who enters and who forks first says so, and then looks for the other.

    Attributes:
        longest_import: for how long a fork waits for threads that are in a block, in seconds.
        longest_fork: for how long a thread waits for a fork before it enters a block all the same, in seconds.
    """

    def __init__(self) -> None:
        self.longest_import = 10.0
        self.longest_fork = 1.0
        # In how many blocks each thread is, and which threads are about to fork.
        self._inside: dict[int, int] = {}
        self._forking: set[int] = set()
        self._is_ready = self._is_cut_off = False
        self._inner: list[Hooks] = []
        os.register_at_fork(after_in_parent=self._after_fork, after_in_child=self._after_fork_in_child)

    def hold(self, hooks: Hooks) -> None:
        """Hold something else still during forks, too, once no import is under way."""
        self._inner.append(hooks)
        self._be_ready()

    def __enter__(self) -> None:
        """Enter a block.

        Raises:
            ForkedProcessError: this process was forked amid an import that can't be finished here.
        """
        if self._is_cut_off:
            raise ForkedProcessError(_CUT_OFF)
        thread = get_ident()
        depth = self._inside.get(thread, 0)
        self._inside[thread] = depth + 1
        if depth:
            return
        if self._forking:
            self._let_fork(thread)
        self._be_ready()

    def __exit__(self, *exception: object) -> None:
        """Leave a block."""
        thread = get_ident()
        depth = self._inside.pop(thread) - 1
        if depth:
            self._inside[thread] = depth

    def _let_fork(self, thread: int) -> None:
        deadline = time.monotonic() + self.longest_fork
        while self._forking - {thread} and time.monotonic() < deadline:
            del self._inside[thread]
            time.sleep(_PAUSE)
            self._inside[thread] = 1

    def _be_ready(self) -> None:
        if self._is_ready:
            return
        self._is_ready = True
        # Before a fork, logging takes a lock that imports may need. Hooks are called last one first: registered after
        # logging's, this one waits for imports before that lock is taken.
        import logging  # noqa: F401 - for the hook that it registers  # pyright: ignore[reportUnusedImport]

        os.register_at_fork(before=self._before_fork)

    def _before_fork(self) -> None:
        thread = get_ident()
        self._forking.add(thread)
        deadline = time.monotonic() + self.longest_import
        while self._inside.keys() - {thread} and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        for hooks in self._inner:
            hooks.before_fork()

    def _after_fork(self) -> None:
        self._forking.discard(get_ident())
        for hooks in self._inner:
            hooks.after_fork()

    def _after_fork_in_child(self) -> None:
        thread = get_ident()
        own = self._inside.pop(thread, 0)
        if self._inside or (not own and _is_half_imported()):
            self._is_cut_off = True
        self._inside = {thread: own} if own else {}
        self._forking = set()
        for hooks in self._inner:
            hooks.after_fork_in_child()


def _is_half_imported() -> bool:
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in _NEEDED]
    return any(getattr(getattr(module, "__spec__", None), "_initializing", False) for module in modules)


no_fork = ForkGuard()
