"""Telling an agent's listeners what happens to its runs, once it is on disk, in order."""

from __future__ import annotations

import asyncio
import functools
import math
import time
import warnings
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint._concurrency.lasting_wait import outlast
from haltpoint._concurrency.threads import in_thread
from haltpoint._concurrency.time_limit import TimeLimitPassedError
from haltpoint._concurrency.user_code import answer_of
from haltpoint._concurrency.wanted_calls import ended_unless
from haltpoint.exceptions import HaltpointError, NotificationWarning
from haltpoint.logs import log_failure, logger
from haltpoint.run.base import RunStatus
from haltpoint.run.events import EventReader, RunEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from haltpoint._concurrency.time_limit import TimeLimit
    from haltpoint._engine import Session
    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput

__all__ = ["NOBODY", "Listeners", "observed"]

_log = logger("callbacks")

# How long a listener may still take, in seconds: with one event once the run is cancelled; with all once the call is
# cancelled, or with events that came after its time was over.
_LONGEST_LISTENER = 2.0

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

    async def paused(
        self, output: AgentRunOutput, limit: TimeLimit, until_cancelled: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Tell that a run has paused, as long as there is time.

        Args:
            output: the run.
            limit: the time of the call.
            until_cancelled: waits until the run is cancelled. Two seconds later the listener is left behind.
        """
        if self.on_pause is None:
            return

        async def long_after_cancel() -> None:
            await until_cancelled()
            await asyncio.sleep(_LONGEST_LISTENER)

        tell = functools.partial(_told, "on_pause", self.on_pause, output, output.run_id)
        try:
            if await ended_unless(tell, limit, long_after_cancel):
                return
            what = f"two seconds after run {output.run_id} was cancelled"
        except TimeLimitPassedError:
            what = f"before the call's time was over, for run {output.run_id}"
        _warn(f"on_pause did not return {what}", output.run_id)


NOBODY = Listeners()


async def _told(name: str, function: Callable[[Any], Any], fact: Any, run_id: str) -> None:
    answer = await answer_of(functools.partial(function, fact))
    if answer.error is not None:
        log_failure(_log, f"{name} failed for run {run_id}, which goes on", answer.error, answer.texts)
        _warn(f"{name} failed for run {run_id}, which goes on: {answer.texts.summary}", run_id)


def _warn(message: str, run_id: str) -> None:
    try:
        warnings.warn(NotificationWarning(message, run_id=run_id), stacklevel=3)
    except NotificationWarning as warning:
        # A filter made it an error, and there is no caller but the run: the loop has a place for such errors.
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": warning})


@asynccontextmanager
async def observed(
    listeners: Listeners,
    database: Database,
    session: Session,
    limit: TimeLimit,
    stop_program: Callable[[KeyboardInterrupt], None],
    *,
    is_new: bool,
) -> AsyncGenerator[Callable[[], None] | None]:
    """Tell `on_event` what is written into a run's journal while the block lasts; all of it is told when it ends.

    A listener is left behind that has not returned when the time of the call is over, or within two seconds after the
    call was cancelled; where the run ends cancelled, one that takes longer than that with an event.

    Args:
        listeners: who is told.
        database: where the run is.
        session: the run.
        limit: the time of the call.
        stop_program: called with the KeyboardInterrupt that a listener raises.
        is_new: whether the block creates the run.

    Yields:
        What is called after each commit; None where nobody listens.
    """
    if listeners.on_event is None:
        yield None
        return
    observer = _Observer(listeners.on_event, database, session, stop_program)
    if not is_new:
        await observer.catch_up()
    telling = asyncio.create_task(observer.tell())
    try:
        yield observer.look
    finally:
        observer.end()
        await _finished(observer, asyncio.ensure_future(_until_told(observer, telling, session, limit)))
    if observer.interrupt is not None:
        raise observer.interrupt


async def _finished(observer: _Observer, ending: asyncio.Task[None]) -> None:
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        observer.hurry.set_result(None)
        await outlast(ending)
        raise


async def _until_told(observer: _Observer, telling: asyncio.Task[None], session: Session, limit: TimeLimit) -> None:
    """Wait for the listener, as long as there is time for it."""
    told, end = -1, math.inf
    while not telling.done():
        is_cancelled, now, longest = observer.hurry.done(), time.monotonic(), limit.rest()
        if is_cancelled or longest == 0:
            end = min(end, now + _LONGEST_LISTENER)
            is_late = observer.began is not None and limit.began_in_time(observer.began) and not is_cancelled
            if is_late or now >= end:
                break
            longest = end - now
        elif session.status == RunStatus.cancelled:
            if observer.told == told:
                break
            told, longest = observer.told, min(_LONGEST_LISTENER, math.inf if longest is None else longest)
        await _until_news(telling, observer, longest)
    if not telling.done():
        telling.cancel()
        _warn(
            f"on_event did not return in time, and is not told of all that happened to run {session.run_id}",
            session.run_id,
        )


async def _until_news(telling: asyncio.Task[None], observer: _Observer, longest: float | None) -> None:
    """Wait until the listener was told all, or its time may have changed; at most for `longest` seconds."""
    awaited: set[asyncio.Future[None]] = {telling}
    if not observer.hurry.done():
        awaited.add(observer.hurry)
    await asyncio.wait(awaited, timeout=longest, return_when=asyncio.FIRST_COMPLETED)


class _Observer:
    """Tells what was committed."""

    def __init__(
        self,
        on_event: Callable[[RunEvent], Any],
        database: Database,
        session: Session,
        stop_program: Callable[[KeyboardInterrupt], None],
    ) -> None:
        self._on_event = on_event
        self._session = session
        self._run_id = session.run_id
        self._stop_program = stop_program
        # What the listener raised, of which the caller gets the first.
        self.interrupt: KeyboardInterrupt | None = None
        self._reader = EventReader(database.native, session.run_id)
        self._is_given_up = False
        self._untold: list[RunEvent] = []
        self._news = asyncio.Event()
        self._has_ended = False
        # Done once the listener is no longer waited for as long as it likes.
        self.hurry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # How many events were told, and since when the listener is told the next one, by `time.monotonic()`.
        self.told = 0
        self.began: float | None = None

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
            is_more = await self._tell_new(is_last=is_last)
            while is_last and is_more:
                is_more = await self._tell_new(is_last=True)

    async def _tell_new(self, *, is_last: bool) -> bool:
        """Tell what is known by now; False where it was nothing."""
        try:
            # Beside the loop: an entry may be as large as a tool's result.
            found = await in_thread(lambda: self._reader.take(self._session, is_last=is_last))
            if found is None:
                found = await in_thread(self._reader.read)
        except HaltpointError as error:
            # A run that could not even be created has no journal; and a journal that can't be read fails its run.
            _warn(f"on_event is not told of all that happened to run {self._run_id}: {error}", self._run_id)
            found = []
        events, self._untold = [*self._untold, *(event for event, _ in found)], []
        for event in events:
            if self._is_given_up:
                break
            await self._tell(event)
            self.told += 1
        return bool(events)

    async def _tell(self, event: RunEvent) -> None:
        self.began = time.monotonic()
        try:
            await _told("on_event", self._on_event, event, self._run_id)
        except KeyboardInterrupt as error:
            if self.interrupt is None:
                self.interrupt = error
                self._stop_program(error)
            else:
                # It is told what came of the first one; the second one is for this, too.
                self._is_given_up = True
        finally:
            self.began = None
