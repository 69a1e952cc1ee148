"""Telling an agent's listeners what happens to its runs, once it is on disk, in order."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint.driving.threads import in_thread
from haltpoint.exceptions import HaltpointError, NotificationWarning
from haltpoint.run.events import EventReader, RunEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["NOBODY", "Listeners", "observed"]

# What a run that waits for its first driver begins with.
_BEGINNING = ("run_started", "run_queued")


class Listeners(NamedTuple):
    """Who is told what happens to an agent's runs; plain or async functions. What they raise harms no run.

    Attributes:
        on_pause: called with the output of each run that has paused.
        on_event: called with each event of each run that is driven here.
    """

    on_pause: Callable[[AgentRunOutput[Any]], Any] | None = None
    on_event: Callable[[RunEvent], Any] | None = None

    async def paused(self, output: AgentRunOutput) -> None:
        """Tell that a run has paused."""
        if self.on_pause is not None:
            await _told("on_pause", self.on_pause, output, output.run_id)


NOBODY = Listeners()


async def _told(name: str, function: Callable[[Any], Any], fact: Any, run_id: str) -> None:
    try:
        answer = function(fact)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:  # noqa: BLE001 - warned about: a listener's failure is not the run's
        _warn(f"{name} failed for run {run_id}, which goes on: {type(error).__name__}: {error}", run_id)


def _warn(message: str, run_id: str) -> None:
    try:
        warnings.warn(NotificationWarning(message, run_id=run_id), stacklevel=3)
    except NotificationWarning as warning:
        # A filter made it an error, and there is no caller but the run: the loop has a place for such errors.
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": warning})


@asynccontextmanager
async def observed(
    listeners: Listeners, database: Database, run_id: str, *, is_new: bool
) -> AsyncGenerator[Callable[[], None] | None]:
    """Tell `on_event` what is written into a run's journal while the block lasts; all of it is told when it ends.

    Args:
        listeners: who is told.
        database: where the run is.
        run_id: the run.
        is_new: whether the block creates the run.

    Yields:
        What is called after each commit; None where nobody listens.
    """
    if listeners.on_event is None:
        yield None
        return
    observer = _Observer(listeners.on_event, database, run_id)
    if not is_new:
        await observer.catch_up()
    telling = asyncio.create_task(observer.tell())
    try:
        yield observer.look
    finally:
        observer.end()
        # A cancelled caller waits all the same: what is on disk is told.
        await asyncio.shield(telling)


class _Observer:
    """Reads what was committed, and tells it."""

    def __init__(self, on_event: Callable[[RunEvent], Any], database: Database, run_id: str) -> None:
        self._on_event = on_event
        self._run_id = run_id
        self._reader = EventReader(database.native, run_id)
        self._untold: list[RunEvent] = []
        self._news = asyncio.Event()
        self._has_ended = False

    def look(self) -> None:
        """Something was committed."""
        self._news.set()

    def end(self) -> None:
        """Nothing more is going to be committed."""
        self._has_ended = True
        self._news.set()

    async def catch_up(self) -> None:
        """Keep what nobody told yet: what others wrote since the last driver, or all of a run that had none."""
        found = await in_thread(self._reader.read)
        if all(is_outside or event.kind in _BEGINNING for event, is_outside in found):
            self._untold = [event for event, _ in found]
            return
        for event, is_outside in reversed(found):
            if not is_outside:
                break
            self._untold.insert(0, event)

    async def tell(self) -> None:
        """Tell until the end."""
        is_last = False
        while not is_last:
            await self._news.wait()
            self._news.clear()
            # Asked before reading: what is committed while it reads comes before the end.
            is_last = self._has_ended
            await self._tell_new()

    async def _tell_new(self) -> None:
        try:
            found = await in_thread(self._reader.read)
        except HaltpointError as error:
            # A run that could not even be created has no journal; and a journal that can't be read fails its run.
            _warn(f"on_event is not told of all that happened to run {self._run_id}: {error}", self._run_id)
            found = []
        events, self._untold = [*self._untold, *(event for event, _ in found)], []
        for event in events:
            await _told("on_event", self._on_event, event, self._run_id)
