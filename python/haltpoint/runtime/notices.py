"""What others write into the journal of a run that is driven here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from haltpoint._concurrency.loop_bridge import LoopBridge

if TYPE_CHECKING:
    from collections.abc import Generator

    from haltpoint._engine import OutsiderNotice
    from haltpoint.db.database import Database

__all__ = ["Notices", "watched"]


class Notices:
    """What others write into a run's journal, on its way to the run's driver."""

    def __init__(self) -> None:
        self._early: list[OutsiderNotice] = []
        self._listener: Callable[[OutsiderNotice], None] | None = None

    def put(self, notice: OutsiderNotice) -> None:
        """Hand a notice on, or keep it until somebody listens."""
        if self._listener is None:
            self._early.append(notice)
        else:
            self._listener(notice)

    def listen(self, listener: Callable[[OutsiderNotice], None]) -> None:
        """Hand all notices to `listener`, first those that came before."""
        self._listener = listener
        for notice in self._early:
            listener(notice)
        self._early.clear()


@contextmanager
def watched(database: Database, run_id: str) -> Generator[Notices]:
    """Collect what others write into the run's journal, until a driver listens."""
    bridge = LoopBridge.current()
    notices = Notices()
    watch = database.native.watch(bridge.completions, run_id)
    bridge.listen(watch.ticket, notices.put)
    try:
        yield notices
    finally:
        watch.close()
        bridge.forget(watch.ticket)
