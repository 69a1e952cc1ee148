"""The engine's part of a call: the time between asking the engine for something and having it.

Counted are the calls that take a run up, each from the question until the answer is in the event loop's hands, with the
threads, locks and waits for the disk on its way:

    load: the journal is read, its hashes are checked, and it is folded to the run's state
    decide: a decision is written
    open: the right to drive the run is taken, and what came since is read

Driving the run's further steps is none of it; scenario S1 measures that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.loop_bridge import LoopBridge

if TYPE_CHECKING:
    from haltpoint.db.database import Database

TAKING_UP = ("load", "decide", "open")

_Receiver = Callable[[Any, "BaseException | None"], None]


class EngineClock:
    """How long the engine took.

    Attributes:
        seconds: by name of what was asked for, summed up.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(TAKING_UP, 0.0)
        self._asked: dict[int, tuple[str, float]] = {}

    def ask(self, name: str, function: Callable[..., int], *arguments: Any) -> int:
        """Call a function of the native database that answers under a ticket."""
        began = time.perf_counter()
        ticket = function(*arguments)
        self._asked[ticket] = (name, began)
        return ticket

    def receiver(self, ticket: int, receiver: _Receiver) -> _Receiver:
        """Return what takes the answer, and its time where it was asked for here."""
        name, began = self._asked.pop(ticket, ("", 0.0))
        return partial(self._receive, name, began, receiver) if name else receiver

    def _receive(self, name: str, began: float, receiver: _Receiver, value: Any, error: BaseException | None) -> None:
        self.seconds[name] += time.perf_counter() - began
        receiver(value, error)


class _Timed:
    """The native database, which it stands in for; what takes a run up is timed."""

    def __init__(self, native: Any, clock: EngineClock) -> None:
        self._native = native
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._native, name)
        return partial(self._clock.ask, name, attribute) if name in TAKING_UP else attribute


@contextmanager
def engine_timed(database: Database) -> Generator[EngineClock]:
    """Time what the running event loop asks of a database inside of the `with` block."""
    clock, bridge, native = EngineClock(), LoopBridge.current(), database.native
    receive = bridge.receive
    vars(database)["_engine"] = _Timed(native, clock)
    vars(bridge)["receive"] = lambda ticket, receiver: receive(ticket, clock.receiver(ticket, receiver))
    try:
        yield clock
    finally:
        vars(database)["_engine"] = native
        del vars(bridge)["receive"]
